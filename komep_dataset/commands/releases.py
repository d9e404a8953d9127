"""Commands on files alone: questions in, a release out, and what is in a release."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from komep_dataset.build_options import OPTIONS
from komep_dataset.commands.options import (
    Map,
    OnError,
    Output,
    Release,
    ReleaseOrSet,
    with_build_options,
)
from komep_dataset.errors import KomepError
from komep_dataset.tables.problems import rejected


def init(
    folder: Annotated[Path, typer.Argument(help="Where the files go.")] = Path(),
) -> None:
    """Write a commented pipeline.yaml, a table of questions and two scored answers to begin with."""
    from komep_dataset.pipeline.start import init as write

    print("\n".join(str(path) for path in write(folder)))
    print(
        "next: komep build scored.jsonl, with answers of yours in its shape; or mend the endpoints in pipeline.yaml, and "
        "komep run pipeline.yaml --estimate"
    )


def questions(
    input: Annotated[
        Path,
        typer.Argument(
            help="CSV, JSONL, JSON or Parquet with the columns question, category, or a folder of them."
        ),
    ],
    output: Output,
    language: Annotated[str, typer.Option(help="en or ko, for rows that do not say it.")] = "en",
    source: Annotated[str | None, typer.Option(help="Source, for rows that do not say it.")] = None,
    map: Map = None,
    on_error: OnError = "stop",
) -> None:
    """Give exam questions their ids and leave repeats out, each with its reason."""
    from komep_dataset.questions import make_questions
    from komep_dataset.schema import Question
    from komep_dataset.tables.columns import parse_map

    columns = parse_map(map or (), Question)
    result = make_questions(
        input, output, language=language, source=source, on_error=on_error, columns=columns
    )
    print(f"{result.questions:,} questions -> {result.path}; {rejected(r.reason for r in result.rejects)}")


def build(
    scored: Annotated[
        list[Path] | None,
        typer.Argument(help="Scored generations: tables, or folders of them. None: the shipped sample."),
    ] = None,
    output: Output = Path("komep"),
    map: Map = None,
    on_error: OnError = "stop",
    judge: Annotated[
        Path | None,
        typer.Option(help="What `komep calibrate --output` wrote of the checker: goes into the card."),
    ] = None,
    base: Annotated[
        Path | None,
        typer.Option(help="A release to grow: these rows are added to its own, under its options."),
    ] = None,
    round: Annotated[
        list[str] | None,
        typer.Option(metavar="MODEL=N", help="MODEL is one's own, and answers in round N; repeatable."),
    ] = None,
    **options: Any,
) -> None:
    """Build a release, which `load_dataset` reads, from scored generations."""
    from komep_dataset.pairs.generations import Given
    from komep_dataset.release.build import build as build_release
    from komep_dataset.tables.columns import parse_map

    parsers = {option.name: option.parse for option in OPTIONS if option.parse}
    given = {
        name: parsers[name](value) if value and name in parsers else value for name, value in options.items()
    }
    known = {
        "on_error": on_error,
        "judge": judge,
        "base": base,
        "rounds": dict(_round_of(one) for one in round or ()),
    }
    known["columns"] = parse_map(map or (), Given)
    result = build_release(scored or [], output, **known, **given)
    print(result)
    if not result.facts["pairs"]:
        print("warning: no pair passed; rejects.jsonl says why, question by question", file=sys.stderr)


def _round_of(text: str) -> tuple[str, int]:
    model, _, number = text.rpartition("=")
    if not model or not number.isdecimal():
        raise KomepError(f"--round {text}: give MODEL=N, such as own-1=1", exit_code=2)
    return model, int(number)


build.__signature__ = with_build_options(
    build,
    (
        *("scored", "output", "map", "min_margin", "pairs", "utility", "length_gap", "order", "trim_below"),
        *("unknown_units", "on_error", "judge", "origin", "base"),
    ),
)


def report(
    release: ReleaseOrSet = Path("komep"),
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


def verify(release: Release = Path("komep")) -> None:
    """Check a release: checksums, columns, keys, splits, scores, every pair against its evidence, every count."""
    from komep_dataset.release.verify import verify as verify_release
    from komep_dataset.tables.problems import as_text

    checks = verify_release(release)
    print(as_text(checks))
    if failed := [check.name for check in checks if not check.ok]:
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


def export(
    release: Release,
    format: Annotated[str, typer.Option(help="Whose: axolotl, llama-factory, nemo-rl, openai or openrlhf.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder of the export.", show_default="RELEASE-FORMAT"),
    ] = None,
    config: Annotated[
        str | None, typer.Option(help="ko or en.", show_default="ko, where the release has it")
    ] = None,
) -> None:
    """Write the pairs for another trainer, and the few lines of settings that its users paste."""
    from komep_dataset.exports.writing import export as export_release

    done = export_release(release, format, output, config)
    counts = ", ".join(f"{split} {rows:,}" for split, rows in done.rows.items())
    print(f"{counts} pairs of {done.config} -> {done.folder}; as {done.page} has it")
    for note in done.notes:
        print(f"note: {note}", file=sys.stderr)
    name, text = done.settings
    print(f"\n{done.folder / name}:\n\n{text}", end="")
