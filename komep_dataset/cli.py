"""The `komep` command. Heavy imports wait inside the commands, so that `--help` answers at once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Optional

import typer

from komep_dataset import __version__
from komep_dataset.dahl import MODES
from komep_dataset.errors import KomepError, require

app = typer.Typer(
    name="komep",
    help="Build, check and read KoMeP, the Korean Medical Preference dataset.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Output = Annotated[Path, typer.Option("--output", "-o", help="Where the result goes.")]
Config = Annotated[Path, typer.Option(help="pipeline.yaml.")]
Mode = Annotated[str, typer.Option(help="strict (ours), or paper: as DAHL's reference code.")]
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
def respond(
    questions: Annotated[Path, typer.Argument(help="The table of questions.")],
    config: Config,
    model: Annotated[str, typer.Option(help="Name of a responder in the configuration.")],
    output: Output,
) -> None:
    """Ask one model every question, over any OpenAI-compatible endpoint."""
    load_config = _llm()
    from komep_dataset.responses import respond as ask_responder

    done = ask_responder(questions, load_config(config), model, output)
    print(f"{done.rows:,} responses of {model} -> {done.path}")
    _warn_failures(done.failures, done.reason)


@app.command()
def score(
    responses: Annotated[list[Path], typer.Argument(help="Tables of responses, or folders of them.")],
    config: Config,
    output: Annotated[Optional[Path], typer.Option("--output", "-o", help="Where the table goes.")] = None,  # noqa: UP045
    mode: Mode = "strict",
    estimate: Annotated[bool, typer.Option(help="Count calls and characters; ask nothing.")] = False,
) -> None:
    """Score responses by DAHL: split into atomic units, check each, take the share that is true."""
    load_config = _llm()
    from komep_dataset import scoring

    if mode not in MODES:
        raise KomepError(f"--mode {mode}: give one of {', '.join(MODES)}", exit_code=2)
    settings = load_config(config)
    if estimate:
        print(scoring.estimate(responses, mode=mode))
        return
    if output is None:
        raise KomepError("--output is missing (or pass --estimate, which asks nothing)", exit_code=2)
    done = scoring.score(responses, settings, output, mode=mode)
    statuses = ", ".join(f"{status} {n:,}" for status, n in sorted(done.statuses.items()))
    print(f"{done.rows:,} scored generations ({statuses}) -> {done.path}")
    _warn_failures(done.failures, done.reason)


@app.command()
def calibrate(
    config: Config,
    statements: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="JSONL of labelled statements; default: those that ship with the package."),
    ] = None,
    limit: Annotated[Optional[int], typer.Option(min=1, help="Judge only the first so many.")] = None,  # noqa: UP045
    mode: Mode = "strict",
) -> None:
    """Let the checker judge statements whose truth is known: what are its verdicts worth?"""
    load_config = _llm()
    from komep_dataset.calibration import as_text, calibrate_file

    if mode not in MODES:
        raise KomepError(f"--mode {mode}: give one of {', '.join(MODES)}", exit_code=2)
    print(as_text(calibrate_file(load_config(config), statements, mode=mode, limit=limit)))


@app.command()
def run(
    config: Annotated[Path, typer.Argument(help="pipeline.yaml: questions, responders, splitter, checker.")],
) -> None:
    """Every stage in order, from questions to a release; stopped at any moment, it goes on where it was."""
    _llm()
    from komep_dataset.pipeline import run as run_pipeline

    folder = run_pipeline(config)
    print(f'done: load_dataset("{folder}")')


def _llm():
    """What the stages that talk to models need; a missing extra is named before anything starts."""
    require("llm", "datatrove", "aiohttp", "aiofiles", "httpx", "orjson")
    from komep_dataset.config import load_config

    return load_config


def _warn_failures(failures: int, reason: str) -> None:
    if failures:
        print(
            f"warning: {failures:,} rows failed, first: {reason}; run it again to ask them again",
            file=sys.stderr,
        )


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
