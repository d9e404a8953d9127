"""The `komep` command. Heavy imports wait inside the commands, so that `--help` answers at once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Optional

import typer

from komep_dataset import __version__
from komep_dataset.errors import KomepError

app = typer.Typer(
    name="komep",
    help="Build, check and read KoMeP, the Korean Medical Preference dataset.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Output = Annotated[Path, typer.Option("--output", "-o", help="Where the result goes.")]
OnError = Annotated[
    str, typer.Option(help="What bad rows do: `stop`, or `reject` (leave them out, with reason).")
]


def _version(wanted: bool) -> None:
    if wanted:
        print(f"komep {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command()
def questions(
    input: Annotated[Path, typer.Argument(help="CSV, JSONL or Parquet with the columns question, category.")],
    output: Output,
    language: Annotated[str, typer.Option(help="en or ko, for rows that do not say it.")] = "en",
    source: Annotated[Optional[str], typer.Option(help="Source, for rows that do not say it.")] = None,  # noqa: UP045
    on_error: OnError = "stop",
) -> None:
    """Give exam questions their ids and leave repeats out, each with its reason."""
    from komep_dataset.questions import make_questions

    result = make_questions(input, output, language=language, source=source, on_error=on_error)
    print(f"{result.questions:,} questions -> {result.path}; {_rejected(r.reason for r in result.rejects)}")


@app.command()
def build(
    scored: Annotated[
        Optional[list[Path]],  # noqa: UP045, typer reads this form on every Python
        typer.Argument(
            help="Scored generations: JSONL or Parquet files, or folders. None: the shipped sample."
        ),
    ] = None,
    output: Output = Path("komep"),
    min_margin: Annotated[float, typer.Option(help="A pair's score margin must lie above this.")] = 0.0,
    pairs: Annotated[
        str, typer.Option(help="best-worst: one pair a question; all: every ordered pair.")
    ] = "best-worst",
    on_error: OnError = "stop",
) -> None:
    """Build a release, which `load_dataset` reads, from scored generations."""
    from komep_dataset.build import build as build_release

    result = build_release(scored or [], output, min_margin=min_margin, pairs=pairs, on_error=on_error)
    facts = result.facts
    print(f"{facts['generations']:,} scored generations of {facts['questions']:,} questions -> {output}")
    for config, rows in facts["rows"].items():
        print(f"  {config:<7} train {rows['train']:>9,}  test {rows['test']:>8,}")
    print(f"  {_rejected(result.rejects.elements())}")
    if not facts["pairs"]:
        print("warning: no pair passed; rejects.jsonl says why, question by question", file=sys.stderr)
    if facts["is_sample"]:
        print("  input: the shipped sample, written for this project; no model's output, no exam items")


@app.command()
def report(
    release: Annotated[Path, typer.Argument(help="A folder that `komep build` wrote.")] = Path("komep"),
    output: Output = Path("report.html"),
) -> None:
    """Write one self-contained HTML page of a release."""
    from komep_dataset.report import write_report

    print(f"report -> {write_report(release, output).resolve()}")


def _rejected(reasons) -> str:
    from collections import Counter

    counts = Counter(reasons)
    named = ", ".join(f"{reason} {count:,}" for reason, count in sorted(counts.items()))
    return f"{counts.total():,} rejects" + (f" ({named}): see rejects.jsonl" if counts else "")


def main() -> None:
    """Run the command; bad input gives a message and an exit code, never a traceback."""
    try:
        app()
    except KomepError as error:
        print(f"komep: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("komep: interrupted", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
