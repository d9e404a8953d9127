"""`komep run`, and each of its stages as a command of its own: when a stage is done, and what it is made of.

A stage whose record still holds is not run again: a record of its inputs, settings and outputs, and of the rows that
failed in it. Those belong to a finished stage: they are left as they are until they are asked for
(`--retry-failed`), and then they alone are asked, since the stages keep their answers and resume by themselves.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from komep_dataset import __version__
from komep_dataset.config.config import Config, Endpoint, load_config
from komep_dataset.config.selection import said_in_settings
from komep_dataset.errors import KomepError
from komep_dataset.files.outputs import check_file, json_with, read_own_json, set_aside, table_of, write_json
from komep_dataset.gates.trial.screened import Screened
from komep_dataset.inference.ask import left_out_of, source_of
from komep_dataset.inference.servers import local_servers
from komep_dataset.judge.calibration import record_for
from komep_dataset.pairs.options import PAIR_OPTIONS
from komep_dataset.pairs.utility import PRECISION
from komep_dataset.pipeline.preflight import preflight, roles_of_run
from komep_dataset.pipeline.screening import STAGE as SCREEN
from komep_dataset.pipeline.screening import TABLE as SCREENED
from komep_dataset.pipeline.screening import screen
from komep_dataset.pipeline.shortfalls import (
    NONE,
    Shortfall,
    of_responses,
    of_scores,
    of_screening,
    of_translations,
)
from komep_dataset.progress import counted, tell
from komep_dataset.prompts import messages as prompts
from komep_dataset.questions import make_questions
from komep_dataset.release.build import build, chosen_rules
from komep_dataset.release.replacement import check_replaceable
from komep_dataset.release.sums import file_sha256
from komep_dataset.responses import STAGE as RESPOND
from komep_dataset.responses import TABLE as RESPONSES
from komep_dataset.responses import respond, responder_folder
from komep_dataset.schema import SUMS_FILE, CitedGeneration, Question, Response
from komep_dataset.scores.agreement import PANEL
from komep_dataset.scores.checking import refuse_options
from komep_dataset.scores.models import report_of
from komep_dataset.scores.scoring import STAGE as SCORE
from komep_dataset.scores.scoring import VerdictRow, score, verdicts_path
from komep_dataset.scores.sources import SOURCES
from komep_dataset.tables.formats import files_in, table_files
from komep_dataset.tables.reading import applicable, read_table
from komep_dataset.tables.writing import output_path, write_table
from komep_dataset.translation.checks.registry import checks_of, wordings
from komep_dataset.translation.checks.second_look import SECOND_LOOK
from komep_dataset.translation.evidence import TranslationRow, translations_path
from komep_dataset.translation.glossary import SHIPPED, read_glossary
from komep_dataset.translation.stage import STAGE as TRANSLATE
from komep_dataset.translation.stage import translate

DONE = "done.json"
DONE_MARK = json_with("fingerprint", "outputs")
NO_TRANSLATOR = "skipped: no `translator:` is configured; the scored table goes on as it is"
# How an endpoint is reached, not what it answers: no reason to run a stage again.
_UNIMPORTANT = (
    "api_key_env",
    "concurrency",
    "timeout",
    "max_attempts",
    "tokenizer",
    "gpus",
    "batch_api",
    "policy",
    "round",  # the split that it stands for counts
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a stage reports: a line for people, how many rows failed and why the first one did, and what it did not come
    to.

    A command of its own shows more: `details` under the line, and what `report` gives at the end. `figures` are kept in the
    stage's record.
    """

    line: str
    failures: int = 0
    reason: str = ""
    shortfall: Shortfall = NONE
    details: str = ""
    report: Callable[[], str] | None = None
    figures: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of the chain: what it reads and writes, what it depends on, and how it is run.

    `done` is the file of its record; a stage without outputs has none and always runs. `outputs`: path -> record of a
    table, None for a release. `again`: its table is made anew although it is done, unless rows failed in it.
    """

    name: str
    done: Path
    inputs: tuple[Path, ...]
    outputs: Mapping[Path, type | None]
    settings: dict[str, Any]
    run: Callable[[], Outcome]
    again: bool = False


@said_in_settings(chained=True)
def run(
    config: Path | Config,
    say: Callable[[str], None] | None = None,
    *,
    retry_failed: bool = False,
    budget: float | None = None,
    round: int | None = None,
) -> Path:
    """Run every stage of a configuration in order.

    Args:
        config: pipeline.yaml, with `questions.input`, responders, `splitter` and `checker`.
        say: is given one line a stage, such as `print`.
        retry_failed: stages that are done but for failed rows ask those again.
        budget: what all stages and all runs in the work folder may spend, instead of the file's `budget`.
        round: leaves the responders of later rounds out, and their pairs.

    Returns:
        the folder of the release, `<work>/komep`; of a round `<work>/komep-ROUND`.

    Raises:
        KomepError: what a stage raises, or a part of the configuration that a chained run needs is missing.
    """
    say = say or (lambda line: None)
    config = load_config(config).up_to(round)
    config = config if budget is None else replace(config, budget=budget)
    check_complete(config)
    # What does not go with a base, and a file of `selection` that is not there, is told before anything is asked.
    chosen_rules(asdict(config.selection), config.base)
    steps = list(stages(config))
    for stage in steps:
        check_outputs(stage)
    preflight(config, roles_of_run(config))
    with local_servers():
        for number, stage in enumerate(steps, 1):
            kept: list[str] = []
            outcome, unchanged = run_stage(stage, retry_failed, kept.append)
            line = f"unchanged ({outcome.line})" if unchanged else outcome.line
            left = f"--retry-failed asks the {outcome.failures:,} failed again" if outcome.failures else ""
            say(f"[{number}/{len(steps)}] {stage.name}: {'; '.join(filter(None, (line, left, *kept)))}")
            if outcome.shortfall.text:
                tell(f"warning: {stage.name}: {outcome.shortfall.text}")
    return config.release


@said_in_settings()
def run_stage(stage: Stage, retry_failed: bool, note: Callable[[str], None]) -> tuple[Outcome, bool]:
    """Run a stage unless it is done; with `retry_failed`, where rows failed in it too. Gives (what it reports, whether it was left
    as it is); `note` is told of each table that somebody changed since the stage wrote it, and that is moved aside.

    Raises:
        KomepError: what the stage raises, or that no row of it is of use: its table lies there and does not count as
            done, so that the same command goes on.
    """
    if not stage.outputs:
        return stage.run(), False
    done, found = _read_done(stage.done), _hashes(stage.outputs)
    if done["outputs"] == found and done["fingerprint"] == _fingerprint(stage):
        outcome = Outcome(done["line"], done["failures"], shortfall=Shortfall(done.get("shortfall", "")))
        if not (retry_failed if outcome.failures else stage.again):
            return outcome, True
    for path in stage.outputs:
        if path.is_file() and done["outputs"].get(str(path)) not in (None, found[str(path)]):
            note(f"{path.name} had been changed: kept as {set_aside(path).name}")
    outcome = stage.run()
    short = outcome.shortfall
    facts = {"fingerprint": "" if short.nothing else _fingerprint(stage), "outputs": _hashes(stage.outputs)}
    facts |= {"line": outcome.line, "failures": outcome.failures, "shortfall": short.text}
    facts |= {"figures": outcome.figures} if outcome.figures else {}
    write_json(stage.done, facts, DONE_MARK)
    if short.nothing:
        raise KomepError(f"{stage.name}: {short.text}; {outcome.line}")
    return outcome, False


def check_complete(config: Config) -> None:
    """Raise `KomepError` where a part of the configuration is missing that a chained run needs, or one that a later stage would
    refuse."""
    if config.questions is None:
        raise KomepError(
            f"{config.file}: `questions.input:` is missing: a chained run must know its questions"
        )
    if not config.responders:
        raise KomepError(f"{config.file}: `responders:` is missing: a chained run needs at least one")
    config.judge("splitter"), config.judge("checker")
    if config.screener and not config.selection.decontaminate:
        raise KomepError(
            f"{config.file}: screener: goes with `selection.decontaminate:`, whose items it looks for"
        )
    if config.screener and config.selection.screened:
        raise KomepError(
            f"{config.file}: selection.screened: `screener:` makes this file; leave one of them out"
        )
    refuse_options(list(config.judges().values()), config.mode)
    if config.translator:
        read_glossary(config.translator.glossary)
        checks_of(config.translator.checks, f"{config.file}: translator.checks")


def stages(config: Config) -> Iterator[Stage]:
    """The stages of a configuration, in order."""
    questions = config.work / "questions" / "questions.parquet"
    yield questions_stage(config, questions)
    asked = [respond_stage(config, responder.name, questions) for responder in config.responders]
    yield from asked
    scoring = score_stage(config, [table for stage in asked for table in stage.outputs], config.mode)
    yield scoring
    scored = next(iter(scoring.outputs))
    if config.translator is None:
        done = config.work / TRANSLATE / DONE
        yield Stage(TRANSLATE, done, (), {}, {}, lambda: Outcome(NO_TRANSLATOR))
    else:
        translating = translate_stage(config, scored)
        yield translating
        scored = next(iter(translating.outputs))
    if config.screener:
        yield screen_stage(config, scored)
    yield build_stage(config, scored)


def questions_stage(config: Config, table: Path) -> Stage:
    """The questions of a chained run, at most as many as its `limit`."""
    source = config.questions

    def work() -> Outcome:
        columns = applicable(table_files([source.input]), Question, config.columns, all_there=True)
        made = make_questions(source.input, table, language=source.language, columns=columns)
        kept = made.questions
        if source.limit is not None and source.limit < kept:
            kept = source.limit
            write_table(read_table(table, Question).head(kept), table, Question)
        return Outcome(f"{counted(kept, 'question')}, {len(made.rejects):,} rejected -> {table}")

    settings = {"language": source.language, "limit": source.limit}
    settings |= {"columns": dict(config.columns)} if config.columns else {}
    return Stage("questions", table.parent / DONE, (source.input,), {table: Question}, settings, work)


def respond_stage(config: Config, name: str, questions: Path, output: Path | None = None) -> Stage:
    """One responder's answers to all questions; with an `output`, for a command of its own."""
    responder, stage = config.responder(name), f"{RESPOND} {name}"
    table, done = _place(config, stage, responder_folder(config, responder) / RESPONSES, output)

    def work() -> Outcome:
        made = respond(questions, config, name, output or table)
        short = of_responses(made, responder)
        if output:
            line = f"{counted(made.rows, 'response')} of {name} -> {made.path}"
            return Outcome(line, made.failures, made.reason, short)
        failed = f", {made.failures:,} failed ({made.reason})" if made.failures else ""
        return Outcome(f"{counted(made.rows, 'response')}{failed} -> {table}", made.failures, shortfall=short)

    settings = _endpoint_settings(responder) | ({"split": "train"} if responder.round else {})
    return Stage(stage, done, (questions,), {table: Response}, settings, work, again=output is not None)


def score_stage(config: Config, tables: Sequence[Path], mode: str, output: Path | None = None) -> Stage:
    """The scores of tables of responses; with an `output`, for a command of its own."""
    table, done = _place(config, SCORE, config.work / SCORE / "scored.parquet", output)

    def work() -> Outcome:
        made = score(tables, config, output or table, mode=mode)
        counts = {name: getattr(made, name) for name in ("units", "distinct", "requests", "unverifiable")}
        short, figures = of_scores(made, config), {"split": made.quality.shares()} | counts
        if output:
            line, _, details = repr(made).partition("\n")
            report = partial(report_of, made.frame, made.path) if made.rows else None
            return Outcome(line, made.failures, made.reason, short, details, report, figures)
        counts = ", ".join(f"{n:,} {status}" for status, n in sorted(made.statuses.items()))
        reason = f" ({made.reason})" if made.failures else ""
        line = f"{counted(made.rows, 'generation')}: {counts}{reason}; {made.told} -> {table}"
        return Outcome(line, made.failures, shortfall=short, figures=figures)

    judges = list(config.judges().values())
    settings = {"mode": mode, "splitter": _endpoint_settings(config.judge("splitter"))}
    settings["checker"] = _endpoint_settings(judges[0])
    if len(judges) > 1:
        settings |= {"panel": [_endpoint_settings(one) for one in judges], "agreement": config.agreement}
        settings |= {name: getattr(config.selection, name) for name in ("unknown_units", "min_margin")}
        if config.selection.utility != PRECISION:
            settings["utility"] = config.selection.utility
    outputs = {table: CitedGeneration, verdicts_path(table): VerdictRow}
    read = [source for one in judges if one.evidence for source in one.evidence.sources]
    return Stage(SCORE, done, (*tables, *read), outputs, settings, work, again=output is not None)


def translate_stage(config: Config, scored: Path, output: Path | None = None) -> Stage:
    """The Korean texts of a table of scored generations; with an `output`, for a command of its own."""
    translator = config.judge("translator")
    table, done = _place(config, TRANSLATE, config.work / TRANSLATE / "translated.parquet", output)

    def work() -> Outcome:
        made = translate(scored, config, output or table)
        for one in (PANEL, SOURCES):
            one.keep(table, one.read(scored))
        short = of_translations(made, translator)
        if output:
            return Outcome(made.line, made.failures, made.reason, short, made.table)
        failed = f", {made.failures:,} failed ({made.reason})" if made.failures else ""
        return Outcome(f"{made.line}{failed}", made.failures, shortfall=short)

    said = asdict(config.selection)
    picked = {name: said[name] for name in ("min_margin", "pairs", "unknown_units", "origin")}
    picked |= {one.name: said[one.name] for one in PAIR_OPTIONS if said[one.name] != one.default}
    look = translator.second_look and _endpoint_settings(translator.second_look)
    settings = _endpoint_settings(translator) | {"selection": picked, "second_look": look}
    del settings["glossary"]  # its content counts
    # As they are in force, so that another default is a change, and one that is written down is none.
    checks = checks_of(translator.checks, f"{config.file}: translator.checks")
    settings["checks"] = sorted((check.name, check.severity) for check in checks)
    inputs = (*_judged(scored), translator.glossary or SHIPPED)
    outputs = {table: CitedGeneration, translations_path(table): TranslationRow}
    return Stage(TRANSLATE, done, inputs, outputs, settings, work, again=output is not None)


def screen_stage(config: Config, questions: Path, output: Path | None = None) -> Stage:
    """What a model says of the questions of a table and the items of a benchmark near them; with an `output`, for a command of its
    own."""
    screener = config.judge("screener")
    table, done = _place(config, SCREEN, config.work / SCREEN / SCREENED, output)

    def work() -> Outcome:
        made = screen(questions, config, table)
        failed = f"; {made.failures:,} failed ({made.reason})" if made.failures else ""
        return Outcome(made.line + failed, made.failures, made.reason, of_screening(made, screener))

    named = config.selection.decontaminate
    settings = _endpoint_settings(screener) | {
        "benchmarks": {name: _hash(path) for name, path in named.items()}
    }
    inputs = (questions, *named.values())
    return Stage(SCREEN, done, inputs, {table: Screened}, settings, work, again=output is not None)


def build_stage(config: Config, scored: Path) -> Stage:
    """The release of a configuration."""
    release, judge = config.release, record_for(config)
    seeds = {} if config.seed is None else {"pipeline": config.seed}
    makers = {"checker": list(config.judges())}
    makers |= {"translator": [config.translator.model]} if config.translator else {}

    screened = {"screened": config.work / SCREEN / SCREENED} if config.screener else {}

    def work() -> Outcome:
        options = asdict(config.selection) | screened
        folders = {f"{RESPOND} {r.name}": responder_folder(config, r) for r in config.responders}
        folders |= {f"{SCORE}: {part}": config.work / SCORE / part for part in ("split", "check")}
        folders[TRANSLATE] = config.work / TRANSLATE
        folders |= {SCREEN: config.work / SCREEN} if config.screener else {}
        folders[f"{TRANSLATE}: second look"] = folders[TRANSLATE] / SECOND_LOOK.name
        left_out = {stage: names for stage, folder in folders.items() if (names := left_out_of(folder))}
        known = {"judge": judge, "base": config.base, "rounds": config.rounds(), "makers": makers}
        made = build([scored], release, **known, seeds=seeds, left_out=left_out, **options)
        pairs, asked = counted(made.facts["pairs"], "pair"), counted(made.facts["questions"], "question")
        note = "" if judge else "; the checker was never calibrated (komep calibrate)"
        return Outcome("; ".join([f"{pairs} of {asked}{note} -> {release}", *made.notes]))

    named = config.selection.paths()
    read = [path for paths in named.values() for path in paths.values()]
    evidence = [translations_path(scored)] if config.translator else []
    grown = [config.base / SUMS_FILE] if config.base else []
    inputs = (*_judged(scored), *evidence, *([judge] if judge else []), *read, *grown, *screened.values())
    settings = asdict(config.selection) | {
        option: {name: _hash(path) for name, path in paths.items()} for option, paths in named.items()
    }
    settings |= {"seeds": seeds, "makers": makers}
    settings |= {"rounds": rounds} if (rounds := config.rounds()) else {}
    done = f"done-{config.round}.json" if config.round else DONE
    return Stage("build", config.work / "build" / done, inputs, {release: None}, settings, work)


def _judged(scored: Path) -> tuple[Path, ...]:
    """A table of scored generations and what lies beside it of who judged, which may change where no verdict does."""
    return scored, PANEL.path(scored), SOURCES.path(scored)


def _place(config: Config, stage: str, table: Path, output: Path | None) -> tuple[Path, Path]:
    """Where a stage's table and its record lie: in the work folder, or where a user wants the table; then there is a
    record for each output."""
    if output is None:
        return table, table.parent / DONE
    table = output_path(output, table.name)
    name = hashlib.sha256(f"{stage} {table.resolve()}".encode()).hexdigest()[:16]
    return table, config.work / "done" / f"{name}.json"


def _endpoint_settings(endpoint: Endpoint) -> dict[str, Any]:
    """The part of an endpoint's configuration that its answers depend on."""
    kept = {key: value for key, value in asdict(endpoint).items() if key not in _UNIMPORTANT}
    kept["nulls"] = sorted(endpoint.nulls)
    if (evidence := kept.get("evidence")) is not None:
        model = endpoint.evidence.embeddings
        kept["evidence"] = {name: evidence[name] for name in ("retriever", "passages")}
        kept["evidence"]["embeddings"] = model and _endpoint_settings(model)
        if evidence["columns"]:
            kept["evidence"]["columns"] = evidence["columns"]
    return kept | {"source": source_of(endpoint)}


def check_outputs(stage: Stage) -> None:
    """Raise `KomepError` where something else lies than what the stage writes there; for before any stage is run."""
    known = _read_done(stage.done)["outputs"]
    if stage.outputs:
        check_file(stage.done, *DONE_MARK)
    for path, record in stage.outputs.items():
        if record is None:
            check_replaceable(path)
        elif str(path) not in known:  # what it wrote before and somebody changed is moved aside
            check_file(path, *table_of(record))


def _fingerprint(stage: Stage) -> str:
    inputs = sorted(_hashes(stage.inputs).values())
    facts = [stage.name, stage.settings, __version__, prompts.fingerprint(wordings()), inputs]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _hashes(paths: Iterable[Path]) -> dict[str, str]:
    """Path -> SHA-256 of a file, or of a folder's names and contents; "" for what is not there."""
    return {str(path): _hash(path) for path in paths}


def _hash(path: Path) -> str:
    if path.is_dir():
        inner = [(str(p.relative_to(path)), _hash(p)) for p in files_in(path) if p.is_file()]
        return hashlib.sha256(json.dumps(inner).encode()).hexdigest()
    return file_sha256(path) if path.is_file() else ""


def _read_done(path: Path) -> dict[str, Any]:
    """The record of a stage; one that no stage has where it is not there or is none."""
    never = {"fingerprint": "", "outputs": {}, "line": "", "failures": 0}
    done = read_own_json(path)
    return done if isinstance(done, dict) and never.keys() <= done.keys() else never
