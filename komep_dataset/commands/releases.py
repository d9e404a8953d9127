"""Commands on files alone: questions in, a release out, and what is in a release."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from komep_dataset.commands.options import OnError, Output, rejected
from komep_dataset.errors import KomepError
from komep_dataset.schema import OVERLAP_THRESHOLD


def questions(
    input: Annotated[Path, typer.Argument(help="CSV, JSONL or Parquet with the columns question, category.")],
    output: Output,
    language: Annotated[str, typer.Option(help="en or ko, for rows that do not say it.")] = "en",
    source: Annotated[str | None, typer.Option(help="Source, for rows that do not say it.")] = None,
    on_error: OnError = "stop",
) -> None:
    """Give exam questions their ids and leave repeats out, each with its reason."""
    from komep_dataset.questions import make_questions

    result = make_questions(input, output, language=language, source=source, on_error=on_error)
    print(f"{result.questions:,} questions -> {result.path}; {rejected(r.reason for r in result.rejects)}")


def build(
    scored: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Scored generations: JSONL or Parquet files, or folders. None: the shipped sample."
        ),
    ] = None,
    output: Output = Path("komep"),
    min_margin: Annotated[
        float | None,
        typer.Option(help="A pair's score margin must lie above this.", show_default="0"),
    ] = None,
    pairs: Annotated[
        str | None,
        typer.Option(
            help="best-worst: one pair a question; all: every ordered pair.", show_default="best-worst"
        ),
    ] = None,
    on_error: OnError = "stop",
    judge: Annotated[
        Path | None,
        typer.Option(help="What `komep calibrate --output` wrote of the checker: goes into the card."),
    ] = None,
    origin: Annotated[
        str | None,
        typer.Option(
            help="Pairs that `ko` takes: all, translated, or native (asked in Korean).", show_default="all"
        ),
    ] = None,
    base: Annotated[
        Path | None,
        typer.Option(help="A release to grow: these rows are added to its own, under its options."),
    ] = None,
    decontaminate: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=PATH",
            help="A benchmark, all splits: pairs that hold an item of it are rejected. Repeatable.",
        ),
    ] = None,
    overlap_threshold: Annotated[
        float | None,
        typer.Option(
            help="Least share of a benchmark item's n-grams that makes a pair hold it.",
            show_default=str(OVERLAP_THRESHOLD),
        ),
    ] = None,
    near_duplicates: Annotated[
        str | None,
        typer.Option(
            help="off, report or reject: questions and answers in almost the same words; holds a signature of each.",
            show_default="off",
        ),
    ] = None,
    personal_data: Annotated[
        str | None,
        typer.Option(
            help="off, report or reject: personal data and secrets in texts.", show_default="report"
        ),
    ] = None,
    unsafe: Annotated[
        str | None,
        typer.Option(
            help="off, report or reject: directives to stop care, or to a judge; a short list.",
            show_default="report",
        ),
    ] = None,
    length_control: Annotated[
        bool | None,
        typer.Option(
            "--length-control", help="Keep a subset in which length does not tell chosen from rejected."
        ),
    ] = None,
    balance_models: Annotated[
        float | None,
        typer.Option(metavar="CAP", help="Largest share of the pairs that one model may win, above 0 to 1."),
    ] = None,
) -> None:
    """Build a release, which `load_dataset` reads, from scored generations."""
    from komep_dataset.gates.trial.benchmark_files import parse_named_paths
    from komep_dataset.gates.trial.run import as_text
    from komep_dataset.release.build import build as build_release

    result = build_release(
        scored or [],
        output,
        min_margin=min_margin,
        pairs=pairs,
        on_error=on_error,
        judge=judge,
        origin=origin,
        base=base,
        decontaminate=parse_named_paths(decontaminate or []),
        overlap_threshold=overlap_threshold,
        near_duplicates=near_duplicates,
        personal_data=personal_data,
        unsafe=unsafe,
        length_control=length_control,
        balance_models=balance_models,
    )
    facts = result.facts
    print(f"{facts['generations']:,} scored generations of {facts['questions']:,} questions -> {output}")
    for config, rows in facts["rows"].items():
        print(f"  {config:<7} train {rows['train']:>9,}  test {rows['test']:>8,}")
    print(f"  {rejected(result.rejects.elements())}")
    if lines := as_text(result.quality):
        print(lines)
    for note in result.notes:
        print(f"note: {note}")
    if not facts["pairs"]:
        print("warning: no pair passed; rejects.jsonl says why, question by question", file=sys.stderr)
    if facts["is_sample"]:
        print("  input: the shipped sample, written for this project; no model's output, no exam items")


def report(
    release: Annotated[Path, typer.Argument(help="A folder that `komep build` wrote.")] = Path("komep"),
    output: Output = Path("report.html"),
    compare: Annotated[
        Path | None,
        typer.Option(help="Another release, usually the one before: what was added, removed and changed."),
    ] = None,
    max_pairs: Annotated[
        int, typer.Option(help="Pairs that the page may hold; of more, a sample by chance is taken.")
    ] = 10_000,
) -> None:
    """Write one self-contained HTML page of a release: figures, and every pair to search and read."""
    from komep_dataset.explorer.report import write_report

    print(f"report -> {write_report(release, output, compare, max_pairs).resolve()}")


def verify(
    release: Annotated[Path, typer.Argument(help="A folder that `komep build` wrote.")] = Path("komep"),
) -> None:
    """Check a release: checksums, columns, keys, splits, scores, every pair against its evidence, every count."""
    from komep_dataset.release.verify import verify as verify_release
    from komep_dataset.tables.problems import as_text

    checks = verify_release(release)
    print(as_text(checks))
    failed = [check.name for check in checks if not check.ok]
    if failed:
        raise KomepError(f"{release}: not sound: {', '.join(failed)}")


def diff(
    old: Annotated[Path, typer.Argument(help="A release.")],
    new: Annotated[Path, typer.Argument(help="Another one.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="JSONL of every row that differs: key, columns, reasons."),
    ] = None,
) -> None:
    """What differs between two releases, row by row, and which change of the inputs explains it."""
    from komep_dataset.release.diff import as_text
    from komep_dataset.release.diff import diff as diff_releases

    print(as_text(diff_releases(old, new, output)))
    if output:
        print(f"-> {output}")
