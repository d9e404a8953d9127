"""Comparisons as text: the tables of `evaluation.compare` for a terminal, in Markdown, and as JSON."""

import json
from collections.abc import Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from evaluation.statistics.chance import detectable_difference
from evaluation.statistics.comparison import READINGS, Change, Comparison, Cut, shown_p, with_seeds
from komep_dataset.progress import counted

HEADER = ("", "n", "accuracy", "change", "95%", "p", "Holm", "parsed", "parsing", "knowledge")
HOLM = HEADER.index("Holm")
NOTE = (
    "Accuracy and parsed replies in percent, changes in points. 95%: paired bootstrap. p: McNemar's exact test. "
    "parsing + knowledge = change: right answers among replies that became readable, less those that became "
    "unreadable; and right answers gained, less those lost, among replies readable in both."
)
SEEDS_NOTE = (
    "Several seeds: means over seeds; 95%: bootstrap over questions and over seeds; p: exact sign-flip test of the "
    "questions' mean differences, which is about these seeds."
)
HOLM_NOTE = "Holm: p corrected over the models compared, for each subject and reading by itself."
EMPTY_NOTE = (
    "An interval without width: no answer turned right or wrong there, which does not prove the models equal."
)
# What an --output of ours holds, whatever it compares.
OURS = {".md": (NOTE.encode(), "comparison"), ".json": (b'"seeds_tuned": ', "comparison")}


def _cells(name: str, n: int, c: Change) -> tuple[str, ...]:
    low, high = c.interval
    return (
        name,
        str(n),
        f"{100 * c.base:.1f} → {100 * c.tuned:.1f}",
        f"{100 * c.difference:+.1f}",
        f"{100 * low:+.1f}, {100 * high:+.1f}",
        shown_p(c.p_value),
        shown_p(c.p_holm),
        f"{100 * c.parse_rate_base:.0f} → {100 * c.parse_rate_tuned:.0f}",
        f"{100 * c.split.parsing / n:+.1f}",
        f"{100 * c.split.knowledge / n:+.1f}",
    )


def table_rows(comparison: Comparison, reading: str, total: str = "all") -> list[tuple[str, ...]]:
    """The cells under `HEADER` for a reading, `paper` or `robust`: by subject, then all together as `total`."""
    subjects = comparison.subjects if len(comparison.subjects) > 1 else {}
    rows = [_cells(name, subject.n, getattr(subject, reading)) for name, subject in subjects.items()]
    return [*rows, _cells(total, comparison.n, getattr(comparison, reading))]


def title(comparisons: Sequence[Comparison]) -> str:
    """What was compared: one line, and where there are several models one more for each."""
    c = comparisons[0]
    base = with_seeds(c.base, c.seeds_base)
    head = f"{c.benchmark}, {counted(c.shots, 'shot')}, {counted(c.n, 'question')}: {base} (before) and"
    names = [with_seeds(c.tuned, c.seeds_tuned) for c in comparisons]
    if len(names) == 1:
        return f"{head} {names[0]} (after)"
    return "\n".join([f"{head} {len(names)} models (after)", *(f"{i}. {n}" for i, n in enumerate(names, 1))])


def _notes(comparisons: Sequence[Comparison]) -> Iterator[str]:
    several = len(comparisons) > 1
    yield NOTE
    if any(c.seeds_base > 1 or c.seeds_tuned > 1 for c in comparisons):
        yield SEEDS_NOTE
    if several:
        yield HOLM_NOTE
    if any(
        part.paper.gained == part.paper.lost == 0 for c in comparisons for part in (c, *c.subjects.values())
    ):
        yield EMPTY_NOTE
    for c in comparisons:
        of = f", for {c.tuned}" if several else ""
        if c.seeds_base == c.seeds_tuned == 1 and c.paper.gained + c.paper.lost:
            yield _least(c, of)
        if c.cut_base or c.cut_tuned:
            yield (
                f"Replies that hit the limit of tokens, and that were cut while thinking{of}: "
                f"{_shown_cut(c.cut_base)} before, {_shown_cut(c.cut_tuned)} after."
            )
        for caution in c.cautions:
            yield f"Caution{of}, the runs differ in more than the model: {caution}."


def _shown_cut(cut: Cut | None) -> str:
    return "not recorded" if cut is None else f"{cut.limit:,} and {cut.thinking:,} of {cut.replies:,}"


def _least(c: Comparison, of: str) -> str:
    changed = (c.paper.gained + c.paper.lost) / c.n
    least = detectable_difference(c.n, changed)
    shown = "no difference" if least is None else f"a difference of {100 * least:.1f} points or more"
    return f"What {c.n:,} questions show{of} where {changed:.1%} of them turn right or wrong: {shown}, in 4 of 5 comparisons."


def table(comparisons: Sequence[Comparison], reading: str) -> list[list[tuple[str, ...]]]:
    """Rows for a reading, the header first, then a block a model; a single model has no number and no Holm column.

    With several models a block ends in the row of all questions, which has the model's number in `title`.
    """
    if len(comparisons) == 1:
        blocks = [[HEADER], table_rows(comparisons[0], reading)]
        return [[row[:HOLM] + row[HOLM + 1 :] for row in block] for block in blocks]
    return [[HEADER], *(table_rows(c, reading, f"{i}, all") for i, c in enumerate(comparisons, 1))]


def as_markdown(comparisons: Sequence[Comparison]) -> str:
    """The comparisons as a Markdown section."""
    head, *names = title(comparisons).splitlines()
    parts = [f"**{head}**", *(["\n".join(names)] if names else [])]
    for reading, meaning in READINGS.items():
        header, *blocks = table(comparisons, reading)
        lines = [f"| {' | '.join(header[0])} |", f"|{'---|' * len(header[0])}"]
        lines += [f"| {' | '.join(row)} |" for block in blocks for row in block]
        parts += [f"{meaning.capitalize()}:", "\n".join(lines)]
    return "\n\n".join([*parts, *_notes(comparisons)]) + "\n"


def as_json(comparisons: Sequence[Comparison]) -> str:
    """As JSON: one comparison with the keys of `Comparison`, several as a list under `comparisons`."""
    found = [c.as_dict() for c in comparisons]
    content = found[0] if len(found) == 1 else {"comparisons": found}
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"


def print_comparisons(comparisons: Sequence[Comparison]) -> None:
    """Print one table a reading, 80 columns wide."""
    console = Console()
    console.print(title(comparisons), highlight=False, markup=False)
    for reading, meaning in READINGS.items():
        shown = Table(title=meaning, title_justify="left", box=SIMPLE_HEAD, padding=0, collapse_padding=True)
        header, *blocks = table(comparisons, reading)
        for name in header[0]:
            shown.add_column(
                name.replace("knowledge", "know-\nledge"),
                justify="right" if name else "left",
                no_wrap=bool(name),
            )
        for block in blocks:
            for row in block:
                narrow = len(blocks) > 1  # the column more takes the room around the arrows
                shown.add_row(*(cell.replace(" → ", "→") if narrow else cell for cell in row))
            shown.add_section()
        console.print(shown)
    for line in _notes(comparisons):
        console.print(line, highlight=False, markup=False)
