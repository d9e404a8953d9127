"""Commands that ask models, from answers to Korean texts; and `komep models`, which compares those that answered."""

import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Annotated

import typer

from komep_dataset.commands.options import (
    Budget,
    Config,
    Estimated,
    Json,
    Limit,
    Map,
    MaybeOutput,
    Mode,
    RetryFailed,
    as_json,
    written,
)
from komep_dataset.errors import KomepError, require
from komep_dataset.progress import counted

Pipeline = Annotated[
    Path, typer.Argument(help="File of settings: the pipeline.yaml that `komep init` writes.")
]


def _presets():
    from komep_dataset.config.presets import ENTRIES

    for name, entry in ENTRIES.items():
        yield name, f"{entry.model}, asked by {' or '.join(entry.protocols)}"


PRESETS = ("ready-made responders, for `preset:` in the file of settings", _presets)


def respond(
    questions: Annotated[Path, typer.Argument(help="Table of questions, which `komep questions` writes.")],
    config: Config,
    model: Annotated[str, typer.Option(help="Which responder is asked: its `name` in the file of settings.")],
    output: MaybeOutput = None,
    map: Map = None,
    estimate: Estimated = False,
    budget: Budget = None,
    retry_failed: RetryFailed = False,
) -> None:
    """Ask one model every question, over any OpenAI-compatible endpoint.

    Examples:
      komep respond questions.parquet --config pipeline.yaml --model gpt-4o --estimate
      komep respond questions.parquet --config pipeline.yaml --model gpt-4o -o responses.parquet
    """
    settings, stages, estimates = _asking(config, budget)
    settings = _mapped(settings, map, [questions], "Question")
    if estimate:
        print(estimates.as_text(estimates.estimate_respond(questions, settings, model), settings))
    else:
        _run(stages.respond_stage(settings, model, questions, _needed(output)), retry_failed)


def score(
    responses: Annotated[
        list[Path],
        typer.Argument(help="Tables of answers, which `komep respond` writes, or folders of them."),
    ],
    config: Config,
    output: MaybeOutput = None,
    mode: Mode = "strict",
    map: Map = None,
    estimate: Estimated = False,
    budget: Budget = None,
    retry_failed: RetryFailed = False,
) -> None:
    """Score answers by DAHL: split each into single statements, have each checked, take the share that is true.

    Examples:
      komep score responses.parquet --config pipeline.yaml --estimate
      komep score responses.parquet --config pipeline.yaml -o scored.parquet --budget 20
    """
    settings, stages, estimates = _asking(config, budget, mode)
    settings = _mapped(settings, map, responses, "Response")
    if estimate:
        print(estimates.as_text(estimates.estimate_score(responses, settings, mode), settings))
    else:
        from komep_dataset.pipeline.preflight import preflight, roles_of_score

        stage = stages.score_stage(settings, responses, mode, _needed(output))
        stages.check_outputs(stage)
        preflight(settings, roles_of_score(settings))
        _run(stage, retry_failed)


def translate(
    scored: Annotated[
        Path, typer.Argument(help="Table of scored answers, which `komep score` writes, or a folder of them.")
    ],
    config: Config,
    output: MaybeOutput = None,
    every: Annotated[
        bool, typer.Option("--all", help="Translate every answer, not only those that can enter a pair.")
    ] = False,
    map: Map = None,
    estimate: Estimated = False,
    budget: Budget = None,
    retry_failed: RetryFailed = False,
) -> None:
    """Put questions and answers into Korean: those that can enter a pair, checked, with one terminology.

    Examples:
      komep translate scored.parquet --config pipeline.yaml --estimate
      komep translate scored.parquet --config pipeline.yaml -o translated.parquet
    """
    settings, stages, estimates = _asking(config, budget)
    settings = _mapped(settings, map, [scored], "ScoredGeneration")
    if every and settings.translator:
        settings = replace(settings, translator=replace(settings.translator, scope="all"))
    if estimate:
        print(estimates.as_text(estimates.estimate_translate(scored, settings), settings))
    else:
        from komep_dataset.pipeline.preflight import preflight, roles_of_translate

        stage = stages.translate_stage(settings, scored, _needed(output))
        stages.check_outputs(stage)
        preflight(settings, roles_of_translate(settings))
        _run(stage, retry_failed)


def screen(
    questions: Annotated[
        Path,
        typer.Argument(
            help="Table with questions: what `komep questions` writes, or any table of answers, scored or not."
        ),
    ],
    config: Config,
    output: MaybeOutput = None,
    map: Map = None,
    estimate: Estimated = False,
    budget: Budget = None,
    retry_failed: RetryFailed = False,
) -> None:
    """Ask a model which questions ask an item of a benchmark again, in other words or by a case told anew.

    It is shown each question with the nearest items of `selection.decontaminate`; `komep build --screened` leaves the pairs of those out.

    Examples:
      komep screen translated.parquet --config pipeline.yaml --estimate
      komep screen translated.parquet --config pipeline.yaml -o screened.jsonl
    """
    settings, stages, estimates = _asking(config, budget)
    settings = _mapped(settings, map, [questions], "Question")
    if estimate:
        print(estimates.as_text(estimates.estimate_screen(questions, settings), settings))
    else:
        from komep_dataset.pipeline.preflight import preflight, roles_of_screen

        stage = stages.screen_stage(settings, questions, _needed(output))
        stages.check_outputs(stage)
        preflight(settings, roles_of_screen(settings))
        _run(stage, retry_failed)


def calibrate(
    config: Config,
    labels: Annotated[
        Path | None,
        typer.Option(
            "--labels",
            "--statements",
            help="File of statements that you labelled true or false (JSONL, CSV, …). [default: those that ship with komep]",
        ),
    ] = None,
    scored: Annotated[
        list[Path] | None,
        typer.Option(
            help="Scored answers or a release: how many of its pairs may be the wrong way round? [default: the shipped sample]"
        ),
    ] = None,
    labelled_set: Annotated[
        tuple[str, Path] | None,
        typer.Option(
            "--set",
            metavar="NAME PATH",
            help="A public set of judged claims instead: expertqa, factbench, korfactscore or kqa, and where your copy of it lies.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        written(": JSON, which `komep build --judge` takes; a curve (SVG) lies beside it."),
    ] = None,
    adversarial: Annotated[
        bool,
        typer.Option(
            "--adversarial",
            help="Try instead whether the checker obeys 120 statements that tell it what to answer.",
        ),
    ] = False,
    limit: Limit = None,
    mode: Mode = "strict",
    map: Map = None,
    estimate: Estimated = False,
) -> None:
    """Let the checker judge statements whose truth is known: what are its verdicts worth?

    Examples:
      komep calibrate --config pipeline.yaml -o judge.json
      komep calibrate --config pipeline.yaml --labels mine.csv --map 문장=text --map 정답=label --map language==ko
    """
    _check(mode)
    from komep_dataset.config.config import load_config
    from komep_dataset.files.outputs import check_file
    from komep_dataset.judge import calibration, injections
    from komep_dataset.judge.record import RECORD, write_record
    from komep_dataset.pipeline.preflight import preflight, roles_of_judges
    from komep_dataset.tables.columns import parse_map
    from komep_dataset.tables.formats import table_files

    if adversarial and (labels or labelled_set or output or scored or map or mode != "strict"):
        raise KomepError("--adversarial goes with --config and --limit alone", exit_code=2)
    if labels and labelled_set:
        raise KomepError("--set and --labels: give one of them", exit_code=2)
    name, source = labelled_set or (None, labels)
    columns = parse_map(map or (), calibration.COLUMNS_OF_MAP)
    calibration.check_statement_map(columns, source, name, table_files(scored or ()))
    asked = {"labelled_set": name, "mode": mode, "limit": limit, "columns": columns}
    if estimate:
        settings, _, estimates = _asking(config, None, mode)
        lines = estimates.estimate_calibrate(settings, source, adversarial=adversarial, **asked)
        print(estimates.as_text(lines, settings))
        return
    if output:
        check_file(output, *RECORD)
        check_file(output.with_suffix(".svg"), *calibration.CURVE_FILE)
    settings = load_config(config)
    preflight(settings, roles_of_judges(settings, calibration.folder_of(settings)))
    if adversarial:
        print(injections.as_text(injections.measure_config(settings, limit)))
        return
    record = calibration.calibrate_file(settings, source, scored=scored or (), **asked)
    print(calibration.as_text(record))
    if output:
        write_record(record, output)
        print(f"-> {output}, {calibration.write_curve(record, output)}")


def run(
    config: Pipeline,
    estimate: Estimated = False,
    budget: Budget = None,
    retry_failed: RetryFailed = False,
    round: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Stop at this round: leave out responders of later `round:`s; the release is WORK/komep-N.",
        ),
    ] = None,
) -> None:
    """Every stage in order, from questions to a release; stopped at any moment, it goes on where it was.

    Examples:
      komep run pipeline.yaml --estimate
      komep run pipeline.yaml --budget 100
    """
    if estimate:
        settings, _, estimates = _asking(config, budget)
        print(estimates.as_text(estimates.estimate_run(settings.up_to(round)), settings))
        return
    _check()
    from komep_dataset.pipeline.run import run as run_pipeline
    from komep_dataset.release.facts import read_facts

    folder = run_pipeline(config, print, retry_failed=retry_failed, budget=budget, round=round)
    if read_facts(folder)["pairs"]:
        print(f'done: load_dataset("{folder}")')
    else:
        print(f"done, but no pair passed: {folder / 'rejects.jsonl'} says why, question by question")


def preview(
    config: Pipeline,
    question: Annotated[
        int, typer.Option(min=1, metavar="N", help="Number of the question to take, from 1.")
    ] = 1,
    budget: Budget = None,
) -> None:
    """Take one question through every stage, and show each prompt, reply, unit and verdict, and what it cost.

    Before anything larger starts: it asks for one question what `komep run` would ask for all. Replies are kept in
    `<work>/preview`, so that the same command asks nothing twice; what it spends counts with the run's. No model is asked by a batch.

    Examples:
      komep preview pipeline.yaml
      komep preview pipeline.yaml --question 12 --budget 1
    """
    _check()
    from komep_dataset.pipeline.preview import preview as show

    show(config, question, print, budget=budget)


def models(
    scored: Annotated[list[Path], typer.Argument(help="Tables of scored answers, or releases.")],
    map: Map = None,
    categories: Annotated[
        bool,
        typer.Option("--categories", help="Print a second table: the score by category of the questions."),
    ] = False,
    output: Annotated[Path | None, written(": JSON of all, categories included.")] = None,
    json: Json = False,
) -> None:
    """How each model did: DAHL score with interval, how many answers have one, statements, length.

    Examples:
      komep models scored.jsonl
      komep models komep --categories -o models.json
    """
    from komep_dataset.files.outputs import check_file, json_with, write_json
    from komep_dataset.pairs.generations import Given, read_scored
    from komep_dataset.scores import models as model_report
    from komep_dataset.tables.columns import parse_map

    mark = json_with(*(field.name for field in fields(model_report.ModelReport)))
    if output:
        check_file(output, *mark)
    reports = model_report.model_reports(read_scored(scored, columns=parse_map(map or (), Given)))
    found = model_report.as_json(reports)
    print(as_json(found) if json else model_report.as_text(reports, categories=categories))
    if output:
        write_json(output, found, mark)
        if not json:
            print(f"-> {output}")


def _check(mode: str = "strict") -> None:
    """A missing extra is named before anything starts."""
    require("llm", "datatrove", "aiohttp")
    from komep_dataset.dahl import MODES

    if mode not in MODES:
        raise KomepError(f"--mode {mode}: give one of {', '.join(MODES)}", exit_code=2)


def _asking(config: Path, budget: float | None, mode: str = "strict"):
    """The settings of a command that asks, and the modules of the stages and of their estimates."""
    _check(mode)
    from komep_dataset.config.config import load_config
    from komep_dataset.pipeline import estimates, run

    settings = load_config(config)
    return settings if budget is None else replace(settings, budget=budget), run, estimates


def _mapped(settings, given: list[str] | None, tables: list[Path], record: str):
    """The settings with the names of columns that the command gives, which its tables must have."""
    if not given:
        return settings
    from komep_dataset import schema
    from komep_dataset.tables.columns import parse_map
    from komep_dataset.tables.formats import table_files
    from komep_dataset.tables.reading import check_columns

    columns = parse_map(given, getattr(schema, record))
    check_columns(table_files(tables), getattr(schema, record), (), columns)
    return replace(settings, columns={**settings.columns, **columns})


def _run(stage, retry_failed: bool) -> None:
    """Run one stage as `komep run` does, and tell what came of it."""
    from komep_dataset.pipeline.run import run_stage

    outcome, unchanged = run_stage(stage, retry_failed, lambda note: print(f"note: {note}"))
    print(f"unchanged: {outcome.line}" if unchanged else outcome.line)
    if outcome.details:
        print(outcome.details)
    if outcome.failures:
        first = f", first: {outcome.reason}" if outcome.reason else ""
        warning = f"warning: {counted(outcome.failures, 'row')} failed{first}; --retry-failed asks them again"
        print(warning, file=sys.stderr)
    if outcome.shortfall.text:
        print(f"warning: {outcome.shortfall.text}", file=sys.stderr)
    if outcome.report:
        print(outcome.report())


def _needed(output: Path | None) -> Path:
    if output is None:
        raise KomepError("--output is missing (or pass --estimate, which asks nothing)", exit_code=2)
    return output
