"""Commands on files alone: questions in, a release out, and what is in a release."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Optional

import typer

from komep_dataset.commands.options import OnError, Output, rejected
from komep_dataset.errors import KomepError


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
    print(f"{result.questions:,} questions -> {result.path}; {rejected(r.reason for r in result.rejects)}")


def build(
    scored: Annotated[
        Optional[list[Path]],  # noqa: UP045, typer reads this form on every Python
        typer.Argument(
            help="Scored generations: JSONL or Parquet files, or folders. None: the shipped sample."
        ),
    ] = None,
    output: Output = Path("komep"),
    min_margin: Annotated[
        Optional[float],  # noqa: UP045
        typer.Option(help="A pair's score margin must lie above this.", show_default="0"),
    ] = None,
    pairs: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            help="best-worst: one pair a question; all: every ordered pair.", show_default="best-worst"
        ),
    ] = None,
    on_error: OnError = "stop",
    judge: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="What `komep calibrate --output` wrote of the checker: goes into the card."),
    ] = None,
    origin: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            help="Pairs that `ko` takes: all, translated, or native (asked in Korean).", show_default="all"
        ),
    ] = None,
    base: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="A release to grow: these rows are added to its own, under its options."),
    ] = None,
) -> None:
    """Build a release, which `load_dataset` reads, from scored generations."""
    from komep_dataset.build import build as build_release

    result = build_release(
        scored or [],
        output,
        min_margin=min_margin,
        pairs=pairs,
        on_error=on_error,
        judge=judge,
        origin=origin,
        base=base,
    )
    facts = result.facts
    print(f"{facts['generations']:,} scored generations of {facts['questions']:,} questions -> {output}")
    for config, rows in facts["rows"].items():
        print(f"  {config:<7} train {rows['train']:>9,}  test {rows['test']:>8,}")
    print(f"  {rejected(result.rejects.elements())}")
    if not facts["pairs"]:
        print("warning: no pair passed; rejects.jsonl says why, question by question", file=sys.stderr)
    if facts["is_sample"]:
        print("  input: the shipped sample, written for this project; no model's output, no exam items")


def report(
    release: Annotated[Path, typer.Argument(help="A folder that `komep build` wrote.")] = Path("komep"),
    output: Output = Path("report.html"),
) -> None:
    """Write one self-contained HTML page of a release."""
    from komep_dataset.report import write_report

    print(f"report -> {write_report(release, output).resolve()}")


def verify(
    release: Annotated[Path, typer.Argument(help="A folder that `komep build` wrote.")] = Path("komep"),
) -> None:
    """Check a release: checksums, columns, keys, splits, scores, every pair against its evidence, every count."""
    from komep_dataset.findings import as_text
    from komep_dataset.verify import verify as verify_release

    checks = verify_release(release)
    print(as_text(checks))
    failed = [check.name for check in checks if not check.ok]
    if failed:
        raise KomepError(f"{release}: not sound: {', '.join(failed)}")


def diff(
    old: Annotated[Path, typer.Argument(help="A release.")],
    new: Annotated[Path, typer.Argument(help="Another one.")],
    output: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--output", "-o", help="JSONL of every row that differs: key, columns, reasons."),
    ] = None,
) -> None:
    """What differs between two releases, row by row, and which change of the inputs explains it."""
    from komep_dataset.diff import as_text
    from komep_dataset.diff import diff as diff_releases

    print(as_text(diff_releases(old, new, output)))
    if output:
        print(f"-> {output}")
