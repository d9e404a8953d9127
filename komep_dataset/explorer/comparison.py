"""Two releases on one page: what changed pair by pair, and the figures of both side by side."""

import json
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from komep_dataset.explorer.plots import Figure
from komep_dataset.explorer.rows import ANSWER, KEY, LANGUAGES, PageRows, page_rows
from komep_dataset.release.diff import diff
from komep_dataset.release.rows import data_files
from komep_dataset.schema import SPLITS

PairKey = tuple[str, ...]
RANK = {"added": 0, "removed": 1, "changed": 2}


def pair_changes(old: Path, new: Path) -> dict[PairKey, dict[str, Any]]:
    """What `komep diff` says of each pair that differs, by the pair's key in the release that has it.

    A pair of the same question with other models is, to `komep diff`, one that changed; its key here is the new one.

    Raises:
        KomepError: one of them is no release or is damaged.
    """
    changes: dict[PairKey, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        lines = Path(folder) / "changes.jsonl"
        diff(old, new, lines)
        models = {name: _models(Path(path)) for name, path in (("before", old), ("after", new))}
        with lines.open(encoding="utf-8") as file:
            for line in file:
                one = json.loads(line)
                if one["config"] != "scored":
                    _add(changes, one, models["before" if one["change"] == "removed" else "after"])
    return changes


def _add(
    changes: dict[PairKey, dict[str, Any]], one: dict[str, Any], models: Mapping[str, list[PairKey]]
) -> None:
    """Take one line over; both languages of a pair are one change, the later columns added to the earlier ones."""
    keys = [key for key in models.get(one["question_id"], ()) if one["key"] in (key[0], "/".join(key))]
    for key in keys:
        known = changes.get(key)
        if known is None:
            changes[key] = {name: one[name] for name in ("change", "reasons", "columns", "before", "after")}
        elif known["change"] == one["change"]:
            known["columns"] = list(dict.fromkeys([*known["columns"], *one["columns"]]))
        else:  # in one language it is new or gone, in the other it is not: a changed pair
            known["change"] = "changed"


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
    wanted = before.join(removed.select("question_id").unique(), on="question_id", how="semi")
    return (
        pl.concat([now, wanted.select(now.columns)]).unique(key, keep="first", maintain_order=True).sort(key)
    )


def compared(
    new: Mapping[str, Any],
    old: Mapping[str, Any],
    names: tuple[str, str],
    changes: Mapping[PairKey, dict[str, Any]],
) -> list[Figure]:
    """What changed, and the figures of both releases in one table.

    Args:
        new: what `bias.measure` says of the release.
        old: the same of the other one.
        names: of the release and the other one.
        changes: see `pair_changes`.
    """
    counts = Counter(one["change"] for one in changes.values())
    told = ", ".join(f"{counts[name]:,} {name}" for name in RANK) if changes else "No pair differs"
    reasons = Counter((one["change"], ", ".join(one["reasons"])) for one in changes.values())
    order = sorted(reasons.items(), key=lambda r: (RANK[r[0][0]], -r[1], r[0][1]))
    rows = tuple((change, why.replace("_", " ") or "–", f"{n:,}") for (change, why), n in order)
    told, header = f"{told}, from {names[1]} to {names[0]}.", ("change", "because of", "pairs")
    what = Figure("changes", "Pairs that differ", told, "", {}, header, rows, wide=True)
    return [what, _side_by_side(new, old, names)]


def _side_by_side(new: Mapping[str, Any], old: Mapping[str, Any], names: tuple[str, str]) -> Figure:
    before, after = key_figures(old), key_figures(new)
    rows = []
    for label, (form, value) in after.items():
        old = before.get(label, (form, None))[1]
        was, now = ("–" if number is None else format(number, form) for number in (old, value))
        if old is None or value is None:
            step = "–"
        else:
            step = "same" if was == now else format(value - old, f"+{form}")
        rows.append((label, was, now, step))
    change = (after["pairs"][1] or 0) - (before["pairs"][1] or 0)
    more = "as many" if not change else f"{abs(change):,} {'more' if change > 0 else 'fewer'}"
    told = f"{names[0]} has {more} pairs{' as' if not change else ' than'} {names[1]}."
    header = ("figure", f"before ({names[1]})", f"now ({names[0]})", "difference")
    return Figure("side-by-side", "Both releases, side by side", told, "", {}, header, tuple(rows), wide=True)


def key_figures(measured: Mapping[str, Any]) -> dict[str, tuple[str, float | None]]:
    """Label -> (number format, value) of the figures that stand side by side."""
    lengths, units = measured["length"], measured["units"]
    found: dict[str, tuple[str, float | None]] = {
        "pairs": (",.0f", measured["pairs"]),
        "median margin": (".2f", measured["margins"]["quantiles"]["0.5"]),
        "chosen is longer": (".1%", lengths["chosen_longer_share"]),
        "median of chosen / rejected length": (".2f", lengths["ratio_median"]),
        "categories": (",.0f", len(measured["categories"]["names"])),
        "evenness of categories": (".2f", measured["categories"]["evenness"]),
    }
    for side in ("chosen", "rejected"):
        found[f"units, {side}"] = (".1f", units[side] and units[side]["mean"])
    for one in measured["wins"]["win_share"]:
        found[f"wins of {one['model']}, of all pairs"] = (".1%", one["of_all"])
    for one in measured["baselines"]:
        found[f"rule “{one['name']}” is right"] = (".1%", one.get("accuracy"))
    noise = measured["label_noise"]
    found["expected flipped pairs"] = (".1%", noise and noise["flipped"])
    return found
