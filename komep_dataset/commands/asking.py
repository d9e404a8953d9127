"""Commands that ask models, from answers to Korean texts; and `komep models`, which compares those that answered."""

import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Annotated

import typer

from komep_dataset.commands.options import Budget, Config, Estimated, Map, MaybeOutput, Mode, RetryFailed
from komep_dataset.errors import KomepError, require


def respond(
    questions: Annotated[Path, typer.Argument(help="The table of questions.")],
    config: Config,
    model: Annotated[str, typer.Option(help="Name of a responder in the configuration.")],
    output: MaybeOutput = None,
    map: Map = None,
    estimate: Estimated = False,
    budget: Budget = None,
    retry_failed: RetryFailed = False,
) -> None:
    """Ask one model every question, over any OpenAI-compatible endpoint.

    A table that is finished but for failed rows is left as it is: --retry-failed asks for those rows, and them
    alone.
    """
    settings, stages, estimates = _asking(config, budget)
    settings = _mapped(settings, map, [questions], "Question")
    if estimate:
        print(estimates.as_text(estimates.estimate_respond(questions, settings, model), settings))
    else:
        _run(stages.respond_stage(settings, model, questions, _needed(output)), retry_failed)


def score(
    responses: Annotated[list[Path], typer.Argument(help="Tables of responses, or folders of them.")],
    config: Config,
    output: MaybeOutput = None,
    mode: Mode = "strict",
    map: Map = None,
    estimate: Estimated = False,
    budget: Budget = None,
    retry_failed: RetryFailed = False,
) -> None:
    """Score responses by DAHL: split into atomic units, check each, take the share that is true.

    A table that is finished but for failed rows is left as it is: --retry-failed asks for those rows, and them
    alone.
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
    scored: Annotated[Path, typer.Argument(help="The table of scored generations, or a folder of them.")],
    config: Config,
    output: MaybeOutput = None,
    every: Annotated[
        bool, typer.Option("--all", help="Every answer, not only those that a pair picks.")
    ] = False,
    map: Map = None,
    estimate: Estimated = False,
    budget: Budget = None,
    retry_failed: RetryFailed = False,
) -> None:
    """Put questions and answers into Korean: those that can enter a pair, checked, with one terminology.

    A table that is finished but for failed rows is left as it is: --retry-failed asks for those rows, and them
    alone.
    """
    settings, stages, estimates = _asking(config, budget)
    settings = _mapped(settings, map, [scored], "ScoredGeneration")
    if every and settings.translator:
        settings = replace(settings, translator=replace(settings.translator, scope="all"))
    if estimate:
        print(estimates.as_text(estimates.estimate_translate(scored, settings), settings))
    else:
        _run(stages.translate_stage(settings, scored, _needed(output)), retry_failed)


def calibrate(
    config: Config,
    labels: Annotated[
        Path | None,
        typer.Option(
            "--labels",
            "--statements",
            help="JSONL of your own labelled statements; default: those that ship with the package.",
        ),
    ] = None,
    scored: Annotated[
        list[Path] | None,
        typer.Option(help="Scored table or release whose pairs may flip; default: the shipped sample."),
    ] = None,
    labelled_set: Annotated[
        tuple[str, Path] | None,
        typer.Option(
            "--set",
            metavar="NAME PATH",
            help="Claims that people judged, from your copy: expertqa, factbench, korfactscore or kqa, and its file or folder.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="JSON of the result, for `komep build --judge`; its curve beside it, as SVG.",
        ),
    ] = None,
    adversarial: Annotated[
        bool,
        typer.Option(
            help="Try 120 statements, and with `evidence` as many passages, that tell the checker what to say, instead."
        ),
    ] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="Judge only the first so many.")] = None,
    mode: Mode = "strict",
    estimate: Estimated = False,
) -> None:
    """Let the checker judge statements whose truth is known: what are its verdicts worth?"""
    _check(mode)
    from komep_dataset.config.config import load_config
    from komep_dataset.files.outputs import check_file
    from komep_dataset.judge import calibration, injections
    from komep_dataset.judge.record import RECORD, write_record

    if adversarial and (labels or labelled_set or output or scored or mode != "strict"):
        raise KomepError("--adversarial goes with --config and --limit alone", exit_code=2)
    if labels and labelled_set:
        raise KomepError("--set and --labels: give one of them", exit_code=2)
    name, source = labelled_set or (None, labels)
    if estimate:
        settings, _, estimates = _asking(config, None, mode)
        lines = estimates.estimate_calibrate(
            settings, source, labelled_set=name, mode=mode, limit=limit, adversarial=adversarial
        )
        print(estimates.as_text(lines, settings))
        return
    if adversarial:
        print(injections.as_text(injections.measure_config(load_config(config), limit)))
        return
    if output:
        check_file(output, *RECORD)
        check_file(output.with_suffix(".svg"), *calibration.CURVE_FILE)
    record = calibration.calibrate_file(
        load_config(config), source, labelled_set=name, mode=mode, limit=limit, scored=scored or ()
    )
    print(calibration.as_text(record))
    if output:
        write_record(record, output)
        print(f"-> {output}, {calibration.write_curve(record, output)}")


def run(
    config: Annotated[
        Path, typer.Argument(help="pipeline.yaml: questions, responders, splitter, checker, translator.")
    ],
    estimate: Estimated = False,
    budget: Budget = None,
    retry_failed: RetryFailed = False,
    round: Annotated[
        int | None,
        typer.Option(help="Without the responders of later rounds; the release is <work>/komep-ROUND."),
    ] = None,
) -> None:
    """Every stage in order, from questions to a release; stopped at any moment, it goes on where it was.

    Failed rows of stages that are done are left as they are: --retry-failed asks for those rows, and them alone.
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
    config: Annotated[
        Path, typer.Argument(help="pipeline.yaml: questions, responders, splitter, checker, translator.")
    ],
    question: Annotated[int, typer.Option(min=1, help="Which of the questions, from 1.")] = 1,
    budget: Budget = None,
) -> None:
    """Take one question through every stage, and show each prompt, reply, unit and verdict, and what it cost.

    Before anything larger starts: it asks for one question what `komep run` would ask for all. Replies are kept in
    `<work>/preview`, so that the same command asks nothing twice; what it spends counts with the run's. No model is asked by a batch.
    """
    _check()
    from komep_dataset.pipeline.preview import preview as show

    show(config, question, print, budget=budget)


def models(
    scored: Annotated[list[Path], typer.Argument(help="Scored generations, or releases.")],
    map: Map = None,
    categories: Annotated[bool, typer.Option(help="A second table: DAHL score by category.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="JSON of the same, categories included.")
    ] = None,
) -> None:
    """How each responder did: DAHL score with interval, states of its answers, units, length."""
    from komep_dataset.files.outputs import check_file, json_with, write_json
    from komep_dataset.pairs.generations import Given, read_scored
    from komep_dataset.scores import models as model_report
    from komep_dataset.tables.columns import parse_map

    mark = json_with(*(field.name for field in fields(model_report.ModelReport)))
    if output:
        check_file(output, *mark)
    reports = model_report.model_reports(read_scored(scored, columns=parse_map(map or (), Given)))
    print(model_report.as_text(reports, categories=categories))
    if output:
        write_json(output, model_report.as_json(reports), mark)
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
        warning = f"warning: {outcome.failures:,} rows failed{first}; --retry-failed asks them again"
        print(warning, file=sys.stderr)
    if outcome.shortfall.text:
        print(f"warning: {outcome.shortfall.text}", file=sys.stderr)
    if outcome.report:
        print(outcome.report())


def _needed(output: Path | None) -> Path:
    if output is None:
        raise KomepError("--output is missing (or pass --estimate, which asks nothing)", exit_code=2)
    return output
