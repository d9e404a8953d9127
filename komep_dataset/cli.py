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
MaybeOutput = Annotated[Optional[Path], typer.Option("--output", "-o", help="Where the table goes.")]  # noqa: UP045
Config = Annotated[Path, typer.Option(help="pipeline.yaml.")]
Mode = Annotated[str, typer.Option(help="strict (ours), or paper: as DAHL's reference code.")]
Estimated = Annotated[bool, typer.Option("--estimate", help="Count calls, tokens and cost; ask nothing.")]
Budget = Annotated[
    Optional[float],  # noqa: UP045
    typer.Option(min=0.0, help="Stop when so much is spent, over all runs in the work folder."),
]
RetryFailed = Annotated[
    bool, typer.Option("--retry-failed", help="Ask the failed rows of a finished table again, nothing else.")
]
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
    judge: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="What `komep calibrate --output` wrote of the checker: goes into the card."),
    ] = None,
) -> None:
    """Build a release, which `load_dataset` reads, from scored generations."""
    from komep_dataset.build import build as build_release

    result = build_release(
        scored or [], output, min_margin=min_margin, pairs=pairs, on_error=on_error, judge=judge
    )
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
    output: MaybeOutput = None,
    estimate: Estimated = False,
    budget: Budget = None,
    retry_failed: RetryFailed = False,
) -> None:
    """Ask one model every question, over any OpenAI-compatible endpoint.

    A table that is finished but for failed rows is left as it is: --retry-failed asks for those rows, and them
    alone.
    """
    load_config = _llm()
    settings = _with_budget(load_config(config), budget)
    if estimate:
        from komep_dataset import estimates

        print(estimates.as_text(estimates.estimate_respond(questions, settings, model), settings))
        return
    from komep_dataset import pipeline, stages
    from komep_dataset.responses import respond as ask_responder

    stage = pipeline.respond_command(settings, model, questions, _needed(output))
    if _left_alone(stage, retry_failed):
        return
    done = ask_responder(questions, settings, model, output)
    line = f"{done.rows:,} responses of {model} -> {done.path}"
    stages.write_done(stage, stages.Outcome(line, done.failures))
    print(line)
    _warn_failures(done.failures, done.reason)


@app.command()
def score(
    responses: Annotated[list[Path], typer.Argument(help="Tables of responses, or folders of them.")],
    config: Config,
    output: MaybeOutput = None,
    mode: Mode = "strict",
    estimate: Estimated = False,
    budget: Budget = None,
    retry_failed: RetryFailed = False,
) -> None:
    """Score responses by DAHL: split into atomic units, check each, take the share that is true.

    A table that is finished but for failed rows is left as it is: --retry-failed asks for those rows, and them
    alone.
    """
    load_config = _llm()
    from komep_dataset import scoring

    if mode not in MODES:
        raise KomepError(f"--mode {mode}: give one of {', '.join(MODES)}", exit_code=2)
    settings = _with_budget(load_config(config), budget)
    if estimate:
        from komep_dataset import estimates

        print(estimates.as_text(estimates.estimate_score(responses, settings, mode), settings))
        return
    from komep_dataset import pipeline, stages

    stage = pipeline.score_command(settings, responses, _needed(output), mode)
    if _left_alone(stage, retry_failed):
        return
    done = scoring.score(responses, settings, output, mode=mode)
    statuses = ", ".join(f"{status} {n:,}" for status, n in sorted(done.statuses.items()))
    line = f"{done.rows:,} scored generations ({statuses}) -> {done.path}"
    stages.write_done(stage, stages.Outcome(line, done.failures))
    print(line)
    print(done.calls)
    _warn_failures(done.failures, done.reason)
    if done.rows:
        from komep_dataset import model_report

        print(model_report.as_text(model_report.model_reports(model_report.read_scored([done.path]))))


@app.command()
def calibrate(
    config: Config,
    labels: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            "--labels",
            "--statements",
            help="JSONL of your own labelled statements; default: those that ship with the package.",
        ),
    ] = None,
    scored: Annotated[
        Optional[list[Path]],  # noqa: UP045
        typer.Option(help="Scored table or release whose pairs may flip; default: the shipped sample."),
    ] = None,
    output: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--output", "-o", help="JSON of the result, for `komep build --judge`."),
    ] = None,
    adversarial: Annotated[
        bool, typer.Option(help="Try 120 statements that tell the checker what to say, instead.")
    ] = False,
    limit: Annotated[Optional[int], typer.Option(min=1, help="Judge only the first so many.")] = None,  # noqa: UP045
    mode: Mode = "strict",
) -> None:
    """Let the checker judge statements whose truth is known: what are its verdicts worth?"""
    load_config = _llm()
    from komep_dataset import adversarial as attack
    from komep_dataset import calibration

    if mode not in MODES:
        raise KomepError(f"--mode {mode}: give one of {', '.join(MODES)}", exit_code=2)
    if adversarial:
        if labels or output or scored or mode != "strict":
            raise KomepError("--adversarial goes with --config and --limit alone", exit_code=2)
        print(attack.as_text(attack.measure_config(load_config(config), limit)))
        return
    record = calibration.calibrate_file(
        load_config(config), labels, mode=mode, limit=limit, scored=scored or ()
    )
    print(calibration.as_text(record))
    if output:
        calibration.write_record(record, output)
        print(f"-> {output}")


@app.command()
def run(
    config: Annotated[Path, typer.Argument(help="pipeline.yaml: questions, responders, splitter, checker.")],
    estimate: Estimated = False,
    budget: Budget = None,
    retry_failed: RetryFailed = False,
) -> None:
    """Every stage in order, from questions to a release; stopped at any moment, it goes on where it was.

    Failed rows of stages that are done are left as they are: --retry-failed asks for those rows, and them alone.
    """
    load_config = _llm()
    if estimate:
        from komep_dataset import estimates

        settings = _with_budget(load_config(config), budget)
        print(estimates.as_text(estimates.estimate_run(settings), settings))
        return
    from komep_dataset.pipeline import run as run_pipeline

    folder = run_pipeline(config, retry_failed=retry_failed, budget=budget)
    print(f'done: load_dataset("{folder}")')


def _llm():
    """What the stages that talk to models need; a missing extra is named before anything starts."""
    require("llm", "datatrove", "aiohttp")
    from komep_dataset.config import load_config

    return load_config


def _warn_failures(failures: int, reason: str) -> None:
    if failures:
        print(
            f"warning: {failures:,} rows failed, first: {reason}; --retry-failed asks them again",
            file=sys.stderr,
        )


def _with_budget(settings, budget: float | None):
    from dataclasses import replace

    return settings if budget is None else replace(settings, budget=budget)


def _needed(output: Path | None) -> Path:
    if output is None:
        raise KomepError("--output is missing (or pass --estimate, which asks nothing)", exit_code=2)
    return output


def _left_alone(stage, retry_failed: bool) -> bool:
    """Whether a table is finished with failed rows that nobody wants asked again; says so."""
    from komep_dataset.stages import finished

    outcome = finished(stage)
    if retry_failed or outcome is None or not outcome.failures:
        return False
    print(f"unchanged: {outcome.line}")
    print(f"warning: {outcome.failures:,} rows failed; --retry-failed asks them again", file=sys.stderr)
    return True


@app.command()
def models(
    scored: Annotated[list[Path], typer.Argument(help="Scored generations, or releases.")],
    categories: Annotated[bool, typer.Option(help="A second table: DAHL score by category.")] = False,
    output: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--output", "-o", help="JSON of the same, categories included."),
    ] = None,
) -> None:
    """How each responder did: DAHL score with interval, states of its answers, units, length."""
    import json

    from komep_dataset import model_report
    from komep_dataset.tables import replacing

    reports = model_report.model_reports(model_report.read_scored(scored))
    print(model_report.as_text(reports, categories=categories))
    if output:
        with replacing(output) as beside:
            text = json.dumps(model_report.as_json(reports), indent=1, ensure_ascii=False)
            beside.write_text(text + "\n", "utf-8")
        print(f"-> {output}")


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
