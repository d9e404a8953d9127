"""`komep run`: every stage in order, each skipped where nothing has changed since it was done.

What "done" means is in `stages.py`; the stages resume by themselves from the answers that they keep. One budget
holds for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from komep_dataset.config.config import Config, load_config
from komep_dataset.errors import KomepError
from komep_dataset.inference.servers import local_servers
from komep_dataset.judge.calibration import record_for
from komep_dataset.pipeline.stages import (
    DONE,
    Outcome,
    Stage,
    check_outputs,
    done_of,
    endpoint_settings,
    run_stage,
)
from komep_dataset.responses import STAGE as RESPOND
from komep_dataset.responses import respond, responder_folder
from komep_dataset.schema import Question, Response, ScoredGeneration
from komep_dataset.scores.scoring import STAGE as SCORE
from komep_dataset.scores.scoring import VerdictRow, score, verdicts_path
from komep_dataset.tables.reading import read_table
from komep_dataset.tables.writing import output_path, write_table
from komep_dataset.translation.glossary import SHIPPED
from komep_dataset.translation.stage import STAGE as TRANSLATE
from komep_dataset.translation.stage import TranslationRow, translate, translations_path

NO_TRANSLATOR = "skipped: no `translator:` is configured; the scored table goes on as it is"


def run(
    config_path: Path,
    say: Callable[[str], None] = print,
    *,
    retry_failed: bool = False,
    budget: float | None = None,
) -> Path:
    """Run every stage of a configuration in order.

    Args:
        config_path: pipeline.yaml, with `questions.input`, responders, `splitter` and `checker`.
        say: is given one line a stage.
        retry_failed: stages that are done but for failed rows ask those again.
        budget: what all stages and all runs in the work folder may spend, instead of the file's `budget`.

    Returns:
        the folder of the release, `<work>/komep`.

    Raises:
        KomepError: what a stage raises, or a part of the configuration that a chained run needs is missing.
    """
    config = load_config(config_path)
    config = config if budget is None else replace(config, budget=budget)
    check_complete(config)
    with local_servers():
        steps = list(stages(config))
        for stage in steps:
            check_outputs(stage)
        for number, stage in enumerate(steps, 1):
            say(f"[{number}/{len(steps)}] {stage.name}: {run_stage(stage, retry_failed)}")
    return config.work / "komep"


def stages(config: Config) -> Iterable[Stage]:
    """The stages of a configuration, in order."""
    questions = config.work / "questions" / "questions.parquet"
    yield _questions_stage(config, questions)
    tables = []
    for responder in config.responders:
        folder = responder_folder(config, responder)
        tables.append(folder / "responses.parquet")
        yield respond_stage(config, responder.name, questions, tables[-1], folder / DONE)
    scored = config.work / SCORE / "scored.parquet"
    yield score_stage(config, tables, scored, scored.parent / DONE, config.mode)
    translated = config.work / TRANSLATE / "translated.parquet"
    if config.translator is None:
        yield Stage(TRANSLATE, translated.parent / DONE, (), {}, {}, lambda: Outcome(NO_TRANSLATOR))
        yield _build_stage(config, scored)
    else:
        yield translate_stage(config, scored, translated, translated.parent / DONE)
        yield _build_stage(config, translated)


def check_complete(config: Config) -> None:
    if config.questions is None:
        raise KomepError(
            f"{config.file}: `questions.input:` is missing: a chained run must know its questions"
        )
    if not config.responders:
        raise KomepError(f"{config.file}: `responders:` is missing: a chained run needs at least one")
    config.judge("splitter"), config.judge("checker")


def _questions_stage(config: Config, table: Path) -> Stage:
    source = config.questions

    def work() -> Outcome:
        from komep_dataset.questions import make_questions

        made = make_questions(source.input, table, language=source.language)
        kept = made.questions
        if source.limit is not None and source.limit < kept:
            kept = source.limit
            write_table(read_table(table, Question).head(kept), table, Question)
        return Outcome(f"{kept:,} questions, {len(made.rejects):,} rejected -> {table}")

    settings = {"language": source.language, "limit": source.limit}
    return Stage("questions", table.parent / DONE, (source.input,), {table: Question}, settings, work)


def respond_stage(config: Config, name: str, questions: Path, table: Path, done: Path) -> Stage:
    """One responder's answers to all questions; `done` is where the record of it lies."""

    def work() -> Outcome:
        made = respond(questions, config, name, table)
        if made.rows and made.failures == made.rows:
            raise KomepError(f"respond {name}: no question got an answer; the first: {made.reason}")
        failed = f", {made.failures:,} failed ({made.reason})" if made.failures else ""
        return Outcome(f"{made.rows:,} responses{failed} -> {table}", made.failures)

    settings = endpoint_settings(config.responder(name))
    return Stage(f"{RESPOND} {name}", done, (questions,), {table: Response}, settings, work)


def score_stage(
    config: Config,
    tables: Sequence[Path],
    scored: Path,
    done: Path,
    mode: str,
) -> Stage:
    """The scores of tables of responses; `done` is where the record of it lies."""

    def work() -> Outcome:
        made = score(tables, config, scored, mode=mode)
        counts = ", ".join(f"{n:,} {status}" for status, n in sorted(made.statuses.items()))
        reason = f" ({made.reason})" if made.failures else ""
        line = f"{made.rows:,} generations: {counts}{reason}; {made.calls} -> {scored}"
        return Outcome(line, made.failures)

    settings = {
        "mode": mode,
        "splitter": endpoint_settings(config.judge("splitter")),
        "checker": endpoint_settings(config.judge("checker")),
    }
    outputs = {scored: ScoredGeneration, verdicts_path(scored): VerdictRow}
    return Stage(SCORE, done, tuple(tables), outputs, settings, work)


def translate_stage(config: Config, scored: Path, table: Path, done: Path) -> Stage:
    """The Korean texts of a table of scored generations; `done` is where the record of it lies."""
    translator = config.judge("translator")

    def work() -> Outcome:
        made = translate(scored, config, table)
        if made.failures and not made.answered:
            raise KomepError(f"{TRANSLATE}: no text got an answer; the first: {made.reason}")
        failed = f", {made.failures:,} failed ({made.reason})" if made.failures else ""
        return Outcome(f"{made.line}{failed}", made.failures)

    picked = {name: getattr(config.selection, name) for name in ("min_margin", "pairs", "origin")}
    settings = endpoint_settings(translator) | {"selection": picked}
    del settings["glossary"]  # its content counts
    inputs = (scored, translator.glossary or SHIPPED)
    outputs = {table: ScoredGeneration, translations_path(table): TranslationRow}
    return Stage(TRANSLATE, done, inputs, outputs, settings, work)


def respond_command(config: Config, name: str, questions: Path, output: Path) -> Stage:
    """The stage of `komep respond`, whose output the user chose."""
    table = output_path(output, "responses.parquet")
    return respond_stage(config, name, questions, table, done_of(config.work, f"{RESPOND} {name}", table))


def score_command(config: Config, tables: Sequence[Path], output: Path, mode: str) -> Stage:
    """The stage of `komep score`, whose output the user chose."""
    table = output_path(output, "scored.parquet")
    return score_stage(config, tables, table, done_of(config.work, SCORE, table), mode)


def translate_command(config: Config, scored: Path, output: Path) -> Stage:
    """The stage of `komep translate`, whose output the user chose."""
    table = output_path(output, "translated.parquet")
    return translate_stage(config, scored, table, done_of(config.work, TRANSLATE, table))


def _build_stage(config: Config, scored: Path) -> Stage:
    release, judge = config.work / "komep", record_for(config)

    def work() -> Outcome:
        from komep_dataset.release.build import build

        options = asdict(config.selection)
        made = build([scored], release, judge=judge, seeds={"pipeline": config.seed}, **options)
        facts, kept = made.facts, "".join(f"; {line}" for line in made.notes)
        note = "" if judge else "; the checker was never calibrated (komep calibrate)"
        return Outcome(
            f"{facts['pairs']:,} pairs of {facts['questions']:,} questions{note} -> {release}{kept}"
        )

    inputs = (scored, *([judge] if judge else []), *config.selection.decontaminate.values())
    settings = asdict(config.selection) | {"decontaminate": sorted(config.selection.decontaminate)}
    return Stage("build", config.work / "build" / DONE, inputs, {release: None}, settings, work)
