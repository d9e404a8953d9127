"""Compare one or several models with a base on the same questions.

python -m evaluation.compare results/base results/tuned
python -m evaluation.compare results/base results/dpo results/orpo --output comparison.md --plot forest.svg

Each argument is the output folder of evaluation.run, or a folder of such folders: the same model trained with several
seeds (results/tuned/seed-0, results/tuned/seed-1, …), which pool into one comparison.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evaluation.statistics.comparison import shown_p, with_seeds
from komep_dataset.errors import KomepError, require

if TYPE_CHECKING:
    from evaluation.harness.output import Evaluation
    from evaluation.statistics.comparison import Change, Comparison

HEADER = ("", "n", "accuracy", "change", "95%", "p", "Holm", "parsed", "parsing", "knowledge")
HOLM = HEADER.index("Holm")
READINGS = {"paper": "letters read as in the paper", "robust": "letters read by the robust rules"}
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
PLOTS = (".png", ".svg")
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
    head = f"{c.benchmark}, {c.shots} shots, {c.n} questions: {base} (before) and"
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
        for caution in c.cautions:
            of = f", for {c.tuned}" if several else ""
            yield f"Caution{of}, the runs differ in more than the model: {caution}."


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
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

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


def read_arm(folder: Path) -> list[Evaluation]:
    """The evaluation in a folder, or those in its sub-folders: one model's seeds, in order of their names.

    Raises `KomepError` where there is neither, or where a file is broken.
    """
    from evaluation.harness.output import RESULTS, read_evaluation

    runs = [] if (folder / RESULTS).exists() else sorted(path.parent for path in folder.glob(f"*/{RESULTS}"))
    return [read_evaluation(run) for run in runs or [folder]]


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


def _check_suffix(path: Path | None, suffixes: Sequence[str], option: str) -> None:
    if path is not None and path.suffix not in suffixes:
        raise typer.BadParameter(f"{path}: its name must end in {' or '.join(suffixes)}", param_hint=option)


@app.command(help="Compare models with a base on the same questions, question by question.")
def command(
    base: Annotated[
        Path, typer.Argument(help="Output folder of evaluation.run, before; or a folder of such, one a seed.")
    ],
    tuned: Annotated[
        list[Path], typer.Argument(help="The same after; each of several is compared with the base.")
    ],
    output: Annotated[Path | None, typer.Option(help="Write the comparison to a .md or .json file.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw a forest plot into a .png or .svg file.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON instead of the table.")] = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print Markdown instead of the table.")
    ] = False,
) -> None:
    _check_suffix(output, list(OURS), "--output")
    _check_suffix(plot, PLOTS, "--plot")
    if json_ and markdown:
        raise typer.BadParameter("take one of --json and --markdown")
    if plot is not None:
        require("eval", "matplotlib")
    from evaluation.statistics.comparison import compare_all
    from evaluation.statistics.forest import MARK, draw_forest
    from komep_dataset.files.outputs import check_file, text_with, write_text

    of_output = text_with(*OURS[output.suffix]) if output is not None else None
    if of_output is not None:
        check_file(output, *of_output)
    if plot is not None:
        check_file(plot, *MARK, "--plot")
    comparisons = compare_all(read_arm(base), [read_arm(folder) for folder in tuned])
    if of_output is not None:
        write_text(output, (as_json if output.suffix == ".json" else as_markdown)(comparisons), *of_output)
    if plot is not None:
        draw_forest(comparisons, plot)
    if json_ or markdown:
        typer.echo((as_json if json_ else as_markdown)(comparisons), nl=False)
    else:
        print_comparisons(comparisons)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; a `KomepError` becomes a message and its exit code."""
    try:
        app(args=arguments)
    except KomepError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
