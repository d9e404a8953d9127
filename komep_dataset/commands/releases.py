"""Commands on files alone: questions in, a release out, and what is in a release."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from komep_dataset.build_options import OPTIONS
from komep_dataset.commands.options import (
    GROWTH,
    NEEDED,
    DatasetConfig,
    Map,
    OldConfig,
    OnError,
    Output,
    Release,
    ReleaseOrSet,
    with_build_options,
    written,
)
from komep_dataset.errors import KomepError
from komep_dataset.gates.trial.registry import LISTED
from komep_dataset.pairs.strategies.registry import RULES
from komep_dataset.progress import counted
from komep_dataset.tables.problems import rejected


def _rules():
    for name, rule in RULES.items():
        yield f"--pairs {name}", rule.help
    for gate in LISTED:
        yield gate.options[0].flag, gate.options[0].help


LISTS = ("rules that make pairs, and the gates that look at them", _rules)


def init(
    folder: Annotated[
        Path, typer.Argument(help="Folder to write; the files there are not overwritten.")
    ] = Path(),
) -> None:
    """Write a commented pipeline.yaml, a table of questions and two scored answers to begin with.

    Examples:
      komep init
      komep init my-project
    """
    from komep_dataset.pipeline.start import init as write

    print("\n".join(str(path) for path in write(folder)))
    print(
        "next: komep build scored.jsonl (or scored.csv), with answers of yours in its shape; or mend the endpoints in pipeline.yaml, and "
        "komep run pipeline.yaml --estimate"
    )


def questions(
    input: Annotated[
        Path,
        typer.Argument(
            help="File with the columns question and category (CSV, JSONL, JSON or Parquet), or a folder of such files."
        ),
    ],
    output: Output,
    language: Annotated[
        str, typer.Option(metavar="en|ko", help="Language of rows that do not say it.")
    ] = "en",
    source: Annotated[
        str | None, typer.Option(help="Where the questions are from, for rows that do not say it.")
    ] = None,
    map: Map = None,
    on_error: OnError = "stop",
) -> None:
    """Give exam questions their ids and leave repeats out, each with its reason.

    Examples:
      komep questions exam.csv -o questions.parquet
      komep questions exam.csv -o questions.parquet --language ko --on-error reject
    """
    from komep_dataset.questions import make_questions
    from komep_dataset.schema import Question
    from komep_dataset.tables.columns import parse_map

    columns = parse_map(map or (), Question)
    told = {"language": language, "source": source, "on_error": on_error, "columns": columns}
    made = make_questions(input, output, **told)
    print(f"{counted(made.questions, 'question')} -> {made.path}; {rejected(r.reason for r in made.rejects)}")


def build(
    scored: Annotated[
        list[Path] | None,
        typer.Argument(help="Tables of scored answers, or folders of them. [default: the shipped sample]"),
    ] = None,
    output: Output = Path("komep"),
    map: Map = None,
    on_error: OnError = "stop",
    judge: Annotated[
        Path | None,
        typer.Option(
            help="What `komep calibrate -o` wrote: how reliable the checker is then stands in the release's card.",
            rich_help_panel=GROWTH,
        ),
    ] = None,
    base: Annotated[
        Path | None,
        typer.Option(
            help="A release to add to: its rows and options are kept, and these answers are added to them.",
            rich_help_panel=GROWTH,
        ),
    ] = None,
    round: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MODEL=N",
            help="MODEL is your own, as trained on round N-1. May be given several times.",
            rich_help_panel=GROWTH,
        ),
    ] = None,
    **options: Any,
) -> None:
    """Build a release, which `load_dataset` reads, from scored answers.

    Examples:
      komep build
      komep build scored.jsonl -o my-release --min-margin 0.2
    """
    from komep_dataset.pairs.generations import Given
    from komep_dataset.release.build import build as build_release
    from komep_dataset.tables.columns import parse_map

    parsed = {one.name: one.parse(options[one.name]) for one in OPTIONS if one.parse and options[one.name]}
    known = {"on_error": on_error, "judge": judge, "base": base, "columns": parse_map(map or (), Given)}
    rounds = dict(_round_of(one) for one in round or ())
    print(build_release(scored or [], output, rounds=rounds, **known, **options | parsed))


def _round_of(text: str) -> tuple[str, int]:
    model, _, number = text.rpartition("=")
    if not model or not number.isdecimal():
        raise KomepError(f"--round {text}: give MODEL=N, such as own-1=1", exit_code=2)
    return model, int(number)


ORDER = ("scored", "output", "map", "on_error", *NEEDED, "utility", "length_gap", "length_tokenizer", "order")
ORDER += ("trim_below", "unknown_units", "origin", "judge", "base", "round")
build.__signature__ = with_build_options(build, ORDER)


def report(
    release: ReleaseOrSet = Path("komep"),
    output: Output = Path("report.html"),
    compare: Annotated[
        Path | None,
        typer.Option(
            help="Another release, such as the one before: show what was added, removed and changed."
        ),
    ] = None,
    max_pairs: Annotated[
        int,
        typer.Option(
            metavar="N", help="Show at most N pairs; of more, a sample by chance is shown, always the same."
        ),
    ] = 10_000,
    map: Map = None,
) -> None:
    """Write one self-contained HTML page of a release: figures, and every pair to search and read.

    Examples:
      komep report
      komep report my-release -o my-release.html --compare komep
      komep report theirs.jsonl -o theirs.html --map 질문=prompt
    """
    from komep_dataset.explorer.report import write_report
    from komep_dataset.preferences.columns import KNOWN
    from komep_dataset.tables.columns import parse_map

    columns = parse_map(map or (), KNOWN)
    print(f"report -> {write_report(release, output, compare, max_pairs, columns).resolve()}")


def verify(
    release: Release = Path("komep"),
    length_tokenizer: Annotated[
        Path | None,
        typer.Option(help="The tokenizer that it was built with: tokens of answers are counted again."),
    ] = None,
) -> None:
    """Check a release: checksums, columns, keys, splits, scores, every pair against its evidence, every count.

    Examples:
      komep verify
      komep verify my-release
    """
    from komep_dataset.release.verify import verify as verify_release
    from komep_dataset.tables.problems import as_text

    checks = verify_release(release, length_tokenizer)
    print(as_text(checks))
    if failed := [check.name for check in checks if not check.ok]:
        raise KomepError(f"{release}: not sound: {', '.join(failed)}")


def diff(
    old: Annotated[Path, typer.Argument(help="A release, the one before.")],
    new: Annotated[Path, typer.Argument(help="A release, the one after.")],
    output: Annotated[
        Path | None,
        written(": every row that differs, with columns and reasons (JSONL)."),
    ] = None,
) -> None:
    """What differs between two releases, row by row, and which change of the inputs explains it.

    Examples:
      komep diff komep my-release
      komep diff komep my-release -o changes.jsonl
    """
    from komep_dataset.release.diff import as_text
    from komep_dataset.release.diff import diff as diff_releases

    print(as_text(diff_releases(old, new, output)))
    if output:
        print(f"-> {output}")


def export(
    release: Release,
    format: Annotated[
        str, typer.Option(help="Whose files: axolotl, llama-factory, nemo-rl, openai or openrlhf.")
    ],
    output: Annotated[Path | None, written(". [default: RELEASE-FORMAT]")] = None,
    dataset_config: DatasetConfig = None,
    config: OldConfig = None,
) -> None:
    """Write the pairs for another trainer, and the few lines of settings that its users paste.

    Examples:
      komep export komep --format openai
      komep export komep --format axolotl --dataset-config en -o for-axolotl
    """
    from komep_dataset.exports.writing import export as export_release

    done = export_release(release, format, output, dataset_config or config)
    counts = ", ".join(f"{split} {rows:,}" for split, rows in done.rows.items())
    print(f"{counts} pairs of {done.config} -> {done.folder}; as {done.page} has it")
    for note in done.notes:
        print(f"note: {note}", file=sys.stderr)
    name, text = done.settings
    print(f"\n{done.folder / name}:\n\n{text}", end="")
