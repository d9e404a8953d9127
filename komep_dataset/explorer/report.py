"""`komep report`: one self-contained HTML page of a release: figures to look at, and every pair to read.

No network, no library in the page. Every text of the data is shown as text: it is never run.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from komep_dataset.audit.bias import measure
from komep_dataset.errors import KomepError
from komep_dataset.explorer.answers import read_lengths_and_scores
from komep_dataset.explorer.comparison import PairKey, compared, pair_changes, with_old_texts, with_removed
from komep_dataset.explorer.figures import figure_groups
from komep_dataset.explorer.page import payload, render
from komep_dataset.explorer.plots import cell
from komep_dataset.explorer.rows import PageRows, page_rows, pair_configs, split_qualities
from komep_dataset.explorer.sets import set_rows, set_values
from komep_dataset.files.outputs import check_file, replacing, text_with
from komep_dataset.pairs.told import flags, pairing, score_name
from komep_dataset.preferences.reading import check_unmapped, is_set, read_preferences
from komep_dataset.progress import progress_bar
from komep_dataset.release.card.statement import title_of
from komep_dataset.release.facts import read_facts, read_quality
from komep_dataset.release.sums import check_whole
from komep_dataset.templates import say

# Of a page, unless more are asked for: about 17 MB of made-up text (benchmarks/explorer.py).
MAX_PAIRS = 10_000
# The last two: of pages before they bore the release's name.
MARKS = (b'content="komep report"', b"<title>KoMeP release ", b"<title>KoMeP report of ")
PAGE = (lambda path: any(text_with(mark, "")[0](path) for mark in MARKS)), "page of `komep report`"


def write_report(
    folder: Path = Path("komep"),
    output: Path = Path("report.html"),
    compare: Path | None = None,
    max_pairs: int = MAX_PAIRS,
    columns: Mapping[str, str] | None = None,
) -> Path:
    """Write the page; returns where it is.

    Args:
        folder: a release, or a set that others made (see `preferences.reading`), of which figures that it has no columns
            for are left out, which the page says.
        output: the HTML file; written beside, then renamed.
        compare: another release, usually the one before: what was added, removed and changed since.
        max_pairs: how many pairs the page may hold; of more, a sample is taken. The figures count all pairs.
        columns: of a set that others made: its own name of a column -> the known one.

    Raises:
        KomepError: a folder is no release or has no pairs, `max_pairs` is below 1, or the output cannot be written.
    """
    if max_pairs < 1:
        raise KomepError(f"--max-pairs {max_pairs}: a page holds at least one pair", exit_code=2)
    folder, output, other = Path(folder), Path(output), compare and Path(compare)
    check_file(output, *PAGE)
    if is_set(folder):
        if compare is not None:
            raise KomepError(f"--compare: {folder} is no release", exit_code=2)
        pairs = read_preferences(folder, columns)
        rows = set_rows(pairs, max_pairs)
        data = payload(rows) | {"scoreName": "score"}
        return write_page(output, render(set_values(folder, pairs, rows), rows, data))
    check_unmapped(folder, columns)
    pair_configs(folder)
    check_whole(folder)
    with progress_bar("report", 4, "steps") as advance:
        rows = listed = page_rows(folder, max_pairs)
        advance()
        changes = None if other is None else pair_changes(other, folder)
        values = page_values(folder, rows, other, changes)
        advance()
        if other is not None:
            with_old_texts(changes, other, rows.pairs)
            listed = with_removed(rows, other, changes, max_pairs)
        score = score_name(read_facts(folder)["options"]).removesuffix(" score")
        data = payload(listed, changes) | {"scoreName": score}
        advance()
        write_page(output, render(values, rows, data))
        advance()
    return output


def write_page(output: Path, page: str) -> Path:
    """Write a page in the place of another of ours, or where nothing is; returns the place."""
    with replacing(output, *PAGE) as beside:
        beside.write_text(page, "utf-8", errors="replace")
    return output


def page_values(
    folder: Path, rows: PageRows, other: Path | None, changes: Mapping[PairKey, Any] | None
) -> Callable[[], dict[str, Any]]:
    """Everything that the page's template names, but the data block and the example, in the language of `templates.say`:
    of a release and its pairs, and of what differs from another one (see `comparison.pair_changes`)."""
    facts, measured = read_facts(folder), measure(folder)
    try:
        quality, splits = read_quality(folder), split_qualities(folder)
    except KomepError as error:
        raise KomepError(f"{error}; build the release again") from error
    answers, before = read_lengths_and_scores(folder), None if other is None else measure(other)
    names = tuple(read_facts(one)["content_hash"][:12] for one in (folder, other) if one is not None)

    def values() -> dict[str, Any]:
        groups = figure_groups(measured, facts, quality, splits, answers)
        if before is not None:
            lead = "What a pair gained or lost on the way from one to the other; the list of pairs has a filter for it."
            figures = compared(measured, before, names, changes or {})
            groups.insert(0, {"title": say("Two releases"), "lead": say(lead), "figures": figures})
        return {
            "name": names[0],
            "title": title_of(facts, Path(folder).resolve().name),
            "other": before and names[1],
            "facts": facts,
            "flags": " ".join(flags(facts["options"])),
            "pairing": pairing(facts),
            "total": rows.total,
            "shown": rows.pairs.height,
            "tiles": tiles(facts, measured),
            "groups": groups,
        }

    return values


def tiles(facts: Mapping[str, Any], measured: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The few numbers on top: what it is, and what it says of the config that `measured` looked at."""
    pairs = {config: rows for config, rows in facts["rows"].items() if config != "scored"}
    return [
        *(
            (f"{n['train']:,} / {n['test']:,}", say("{config}: train / test", config=config))
            for config, n in pairs.items()
        ),
        (f"{facts['questions']:,}", say("questions")),
        (f"{facts['generations']:,}", say("scored answers")),
        (f"{measured['margins']['quantiles']['0.5']:.2f}", say("median margin")),
        (
            cell(measured["length"]["chosen_longer_share"], ".0%"),
            say("chosen is longer, of lengths that differ"),
        ),
    ]
