"""Two releases on one page: what changed pair by pair, and the figures of both side by side."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from komep_dataset.explorer.plots import Figure, cell
from komep_dataset.explorer.rows import ANSWER, KEY, LANGUAGES, PageRows, page_rows, pair_texts
from komep_dataset.release.diff import changed_rows
from komep_dataset.release.rows import data_files
from komep_dataset.schema import SPLITS
from komep_dataset.templates import say

PairKey = tuple[str, ...]
RANK = {"added": 0, "removed": 1, "changed": 2}


def pair_changes(old: Path, new: Path) -> dict[PairKey, dict[str, Any]]:
    """What `komep diff` says of each pair that differs, by the pair's key in the release that has it.

    A pair of the same question with other models is, to `komep diff`, one that changed; its key here is the new one.

    Raises:
        KomepError: one of them is no release or is damaged.
    """
    changes: dict[PairKey, dict[str, Any]] = {}
    rows = changed_rows(old, new)
    before, after = _models(Path(old)), _models(Path(new))
    for row in (row for row in rows if row.config != "scored"):
        keys = (before if row.change == "removed" else after).get(row.question_id, ())
        for key in (key for key in keys if row.key in (key[0], "/".join(key))):
            if (known := changes.get(key)) is None:
                names = ("change", "reasons", "columns", "before", "after")
                changes[key] = {name: getattr(row, name) for name in names}
            elif known["change"] == row.change:  # both languages of a pair are one change
                known["columns"] = tuple(dict.fromkeys([*known["columns"], *row.columns]))
            else:  # in one language it is new or gone, in the other it is not: a changed pair
                known["change"] = "changed"
    return changes


def with_old_texts(changes: Mapping[PairKey, dict[str, Any]], old: Path, pairs: pl.DataFrame) -> None:
    """Into each changed pair of a page, as `was`, the texts that the other release had in its place: language -> column ->
    text. `pairs` are those of the page, the columns of `Pair`."""
    places = {}  # key in the other release -> key here
    for key in pairs.select(KEY).iter_rows():
        if (one := changes.get(key)) and one["change"] == "changed":
            before = one["before"]
            places[key[0], *map(before.get, KEY[1:], key[1:])] = key
    if not places:
        return
    wanted = pl.DataFrame(list(places), schema=dict.fromkeys(KEY, pl.String), orient="row")
    for language in LANGUAGES:
        if not any(data_files(old, language, split) for split in SPLITS):
            continue
        for *key, prompt, chosen, rejected in pair_texts(old, language, wanted.lazy()).iter_rows():
            texts = {"prompt": prompt, "chosen": chosen, "rejected": rejected}
            changes[places[tuple(key)]].setdefault("was", {})[language] = texts


def _models(folder: Path) -> dict[str, list[PairKey]]:
    """Question id -> the keys of its pairs, in any language."""
    files = [file for name in LANGUAGES for split in SPLITS for file in data_files(folder, name, split)]
    keys: dict[str, list[PairKey]] = {}
    if files:
        for key in pl.concat(pl.scan_parquet(f).select(KEY) for f in files).unique().collect().iter_rows():
            keys.setdefault(key[0], []).append(key)
    return keys


def with_removed(
    rows: PageRows, old: Path, changes: Mapping[PairKey, dict[str, Any]], limit: int
) -> PageRows:
    """The pairs of a page and, from the other release, those that are gone."""
    gone = [key for key, one in changes.items() if one["change"] == "removed"]
    if not gone:
        return rows
    keys = pl.DataFrame(gone, schema=dict.fromkeys(KEY, pl.String), orient="row")
    before = page_rows(old, limit)
    removed = before.pairs.join(keys, on=KEY, how="semi").join(rows.pairs, on=KEY, how="anti")
    return replace(
        rows,
        languages=tuple(n for n in LANGUAGES if n in rows.languages or n in before.languages),
        pairs=pl.concat([rows.pairs, removed.select(rows.pairs.columns)]).sort(KEY),
        questions=_texts(rows.questions, before.questions, removed, ["question_id"]),
        answers=_texts(rows.answers, before.answers, removed, ANSWER),
    )


def _texts(now: pl.DataFrame, before: pl.DataFrame, removed: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    """Texts of the page, and of the other release where the page has none. A text that both have is the page's."""
    wanted = before.join(removed, on="question_id", how="semi").select(now.columns)
    return pl.concat([now, wanted]).unique(key, keep="first", maintain_order=True).sort(key)


def compared(
    new: Mapping[str, Any],
    old: Mapping[str, Any],
    names: tuple[str, str],
    changes: Mapping[PairKey, dict[str, Any]],
) -> list[Figure]:
    """What changed (see `pair_changes`), and what `bias.measure` says of a release and of the other one in one table."""
    counts = Counter(one["change"] for one in changes.values())
    facts = {name: f"{counts[name]:,}" for name in RANK} | {"old": names[1], "new": names[0]}
    every = "{added} added, {removed} removed, {changed} changed, from {old} to {new}."
    told = say(every if changes else "No pair differs, from {old} to {new}.", **facts)
    reasons = Counter((one["change"], ", ".join(one["reasons"])) for one in changes.values())
    rows = [
        (say(change), ", ".join(say(one.replace("_", " ")) for one in why.split(", ")) or "–", f"{n:,}")
        for (change, why), n in sorted(reasons.items(), key=lambda r: (RANK[r[0][0]], -r[1], r[0][1]))
    ]
    header = ("change", "because of", "pairs")
    what = Figure.of("changes", "Pairs that differ", told, header=header, rows=rows, wide=True)
    return [what, _side_by_side(new, old, names)]


def _side_by_side(new: Mapping[str, Any], old: Mapping[str, Any], names: tuple[str, str]) -> Figure:
    before, rows = key_figures(old), []
    for label, (form, value) in key_figures(new).items():
        first = before.get(label, (form, None))[1]
        was, now = cell(first, form), cell(value, form)
        step = None if None in (first, value) else value - first
        rows.append((label, was, now, say("same") if was == now != "–" else cell(step, f"+{form}")))
    change = new["pairs"] - old["pairs"]
    told = "{new} has {n} more pairs than {old}." if change > 0 else "{new} has {n} fewer pairs than {old}."
    told = told if change else "{new} has as many pairs as {old}."
    told = say(told, new=names[0], old=names[1], n=f"{abs(change):,}")
    before, now = say("before ({name})", name=names[1]), say("now ({name})", name=names[0])
    header, title = ("figure", before, now, "difference"), "Both releases, side by side"
    return Figure.of("side-by-side", title, told, header=header, rows=rows, wide=True)


def key_figures(measured: Mapping[str, Any]) -> dict[str, tuple[str, float | None]]:
    """Label -> (number format, value) of the figures that stand side by side."""
    lengths, units, noise = measured["length"], measured["units"], measured["label_noise"]
    found: dict[str, tuple[str, float | None]] = {
        say("pairs"): (",.0f", measured["pairs"]),
        say("median margin"): (".2f", measured["margins"]["quantiles"]["0.5"]),
        say("chosen is longer, of lengths that differ"): (".1%", lengths["chosen_longer_share"]),
        say("median of chosen / rejected"): (".2f", lengths["ratio_median"]),
        say("categories"): (",.0f", len(measured["categories"]["names"])),
        say("evenness of categories"): (".2f", measured["categories"]["evenness"]),
    }
    for side in ("chosen", "rejected"):
        found[say("units, {side}", side=say(side))] = (".1f", units[side] and units[side]["mean"])
    for one in measured["wins"]["win_share"]:
        found[say("wins of {model}, of all pairs", model=one["model"])] = (".1%", one["of_all"])
    for one in measured["baselines"]:
        found[say("rule “{name}” is right", name=say(one["name"]))] = (".1%", one.get("accuracy"))
    found[say("expected flipped pairs")] = (".1%", noise and noise["flipped"])
    return found
