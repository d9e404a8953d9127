"""Compare two evaluations of the same questions.

python -m evaluation.compare results/base results/tuned
python -m evaluation.compare results/base results/tuned --output comparison.md
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from komep_dataset.errors import KomepError

if TYPE_CHECKING:
    from evaluation.comparison import Change, Comparison

HEADER = ("", "n", "accuracy", "change", "95%", "p", "parsed", "parsing", "knowledge")
READINGS = {"paper": "letters read as in the paper", "robust": "letters read by the robust rules"}
NOTE = (
    "Accuracy and parsed replies in percent, changes in points. 95%: paired bootstrap. p: McNemar's exact test. "
    "parsing + knowledge = change: right answers among replies that became readable, less those that became "
    "unreadable; and right answers gained, less those lost, among replies readable in both."
)


def _cells(name: str, n: int, c: Change) -> tuple[str, ...]:
    low, high = c.interval
    return (
        name,
        str(n),
        f"{100 * c.base:.1f} → {100 * c.tuned:.1f}",
        f"{100 * c.difference:+.1f}",
        f"{100 * low:+.1f}, {100 * high:+.1f}",
        f"{c.p_value:.3f}" if c.p_value >= 0.001 else f"{c.p_value:.0e}",
        f"{100 * c.parse_rate_base:.0f} → {100 * c.parse_rate_tuned:.0f}",
        f"{100 * c.split.parsing / n:+.1f}",
        f"{100 * c.split.knowledge / n:+.1f}",
    )


def table_rows(comparison: Comparison, reading: str) -> list[tuple[str, ...]]:
    """The cells under `HEADER` for a reading, `paper` or `robust`: by subject, then all together."""
    subjects = comparison.subjects if len(comparison.subjects) > 1 else {}
    rows = [_cells(name, subject.n, getattr(subject, reading)) for name, subject in subjects.items()]
    return [*rows, _cells("all", comparison.n, getattr(comparison, reading))]


def title(comparison: Comparison) -> str:
    """One line: what was compared."""
    c = comparison
    return f"{c.benchmark}, {c.shots} shots, {c.n} questions: {c.base} (before) and {c.tuned} (after)"


def _cautions(comparison: Comparison) -> Iterator[str]:
    for caution in comparison.cautions:
        yield f"Caution, the two runs differ in more than the model: {caution}."


def as_markdown(comparison: Comparison) -> str:
    """The comparison as a Markdown section."""
    parts = [f"**{title(comparison)}**"]
    for reading, meaning in READINGS.items():
        lines = [f"| {' | '.join(HEADER)} |", f"|{'---|' * len(HEADER)}"]
        lines += [f"| {' | '.join(row)} |" for row in table_rows(comparison, reading)]
        parts += [f"{meaning.capitalize()}:", "\n".join(lines)]
    return "\n\n".join([*parts, NOTE, *_cautions(comparison)]) + "\n"


def as_json(comparison: Comparison) -> str:
    """The comparison as JSON, keys as in `Comparison`."""
    return json.dumps(comparison.as_dict(), ensure_ascii=False, indent=2) + "\n"


def print_comparison(comparison: Comparison) -> None:
    """Print the comparison as one table a reading, 80 columns wide."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    console = Console()
    console.print(title(comparison), highlight=False, markup=False)
    for reading, meaning in READINGS.items():
        table = Table(title=meaning, title_justify="left", box=SIMPLE_HEAD, padding=0, collapse_padding=True)
        for name in HEADER:
            table.add_column(name.replace("knowledge", "know-\nledge"), justify="right" if name else "left")
        for row in table_rows(comparison, reading):
            table.add_row(*row)
        console.print(table)
    for line in (NOTE, *_cautions(comparison)):
        console.print(line, highlight=False, markup=False)


FORMATS = {".json": as_json, ".md": as_markdown}
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command(help="Compare two evaluations of the same questions, question by question.")
def command(
    base: Annotated[Path, typer.Argument(help="Output folder of evaluation.run, before.")],
    tuned: Annotated[Path, typer.Argument(help="Output folder of evaluation.run, after.")],
    output: Annotated[Path | None, typer.Option(help="Write the comparison to a .md or .json file.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON instead of the table.")] = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print Markdown instead of the table.")
    ] = False,
) -> None:
    if output is not None and output.suffix not in FORMATS:
        raise typer.BadParameter(f"{output}: its name must end in .md or .json", param_hint="--output")
    if json_ and markdown:
        raise typer.BadParameter("take one of --json and --markdown")
    from evaluation.comparison import compare
    from evaluation.output import make_folder, read_evaluation, write_atomically

    comparison = compare(read_evaluation(base), read_evaluation(tuned))
    if json_ or markdown:
        typer.echo((as_json if json_ else as_markdown)(comparison), nl=False)
    else:
        print_comparison(comparison)
    if output is not None:
        make_folder(output.parent)
        write_atomically(output, FORMATS[output.suffix](comparison))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; a `KomepError` becomes a message and its exit code."""
    try:
        app(args=arguments)
    except KomepError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
