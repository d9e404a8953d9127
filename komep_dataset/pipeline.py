"""`komep run`: every stage in order, each skipped where nothing has changed since it was done.

A stage is done when `<work>/<stage>/done.json` says so: it holds a hash of the stage's inputs, of its part of
the configuration, of the prompts and of the version, and the hashes of what the stage wrote. Anything else is
run again, and the stages resume by themselves from the answers that they keep.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from komep_dataset import __version__, prompts
from komep_dataset.config import Config, Endpoint, load_config
from komep_dataset.errors import KomepError
from komep_dataset.inference import source_of
from komep_dataset.release import file_sha256
from komep_dataset.responses import STAGE as RESPOND
from komep_dataset.responses import respond, responder_folder
from komep_dataset.schema import Question
from komep_dataset.scoring import STAGE as SCORE
from komep_dataset.scoring import score, verdicts_path
from komep_dataset.serving import LocalServers
from komep_dataset.tables import read_table, replacing, write_table

DONE = "done.json"
# How an endpoint is reached, not what it answers: no reason to run a stage again.
_UNIMPORTANT = ("api_key_env", "concurrency", "timeout", "max_attempts")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a stage reports: a line for people, and whether rows failed, so that it must be run again."""

    line: str
    failures: int = 0


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of the chain: what it reads and writes, what it depends on, and how it is run."""

    name: str
    folder: Path
    inputs: tuple[Path, ...]
    outputs: tuple[Path, ...]
    settings: dict[str, Any]
    run: Callable[[], Outcome]


def run(config_path: Path, say: Callable[[str], None] = print) -> Path:
    """Run every stage of a configuration in order.

    Args:
        config_path: pipeline.yaml, with `questions.input`, responders, `splitter` and `checker`.
        say: is given one line a stage.

    Returns:
        the folder of the release, `<work>/komep`.

    Raises:
        KomepError: what a stage raises, or a part of the configuration that a chained run needs is missing.
    """
    config = load_config(config_path)
    _check_complete(config)
    with LocalServers() as servers:
        steps = list(stages(config, servers))
        for number, stage in enumerate(steps, 1):
            say(f"[{number}/{len(steps)}] {stage.name}: {_run_stage(stage)}")
    return config.work / "komep"


def stages(config: Config, servers: LocalServers) -> Iterable[Stage]:
    """The stages of a configuration, in order."""
    questions = config.work / "questions" / "questions.parquet"
    yield _questions_stage(config, questions)
    tables = []
    for responder in config.responders:
        folder = responder_folder(config, responder)
        tables.append(folder / "responses.parquet")
        yield _respond_stage(config, responder.name, questions, folder, tables[-1], servers)
    scored = config.work / SCORE / "scored.parquet"
    yield _score_stage(config, tables, scored, servers)
    yield Stage(
        "translate", config.work / "translate", (), (), {}, lambda: Outcome("skipped, it is not built yet")
    )
    yield _build_stage(config, scored)


def _check_complete(config: Config) -> None:
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
    return Stage("questions", table.parent, (source.input,), (table,), settings, work)


def _respond_stage(
    config: Config, name: str, questions: Path, folder: Path, table: Path, servers: LocalServers
) -> Stage:
    def work() -> Outcome:
        done = respond(questions, config, name, table, servers=servers)
        if done.rows and done.failures == done.rows:
            raise KomepError(f"respond {name}: no question got an answer; the first: {done.reason}")
        failed = f", {done.failures:,} failed ({done.reason})" if done.failures else ""
        return Outcome(f"{done.rows:,} responses{failed} -> {table}", done.failures)

    return Stage(f"{RESPOND} {name}", folder, (questions,), (table,), _settings(config.responder(name)), work)


def _score_stage(config: Config, tables: Sequence[Path], scored: Path, servers: LocalServers) -> Stage:
    def work() -> Outcome:
        done = score(tables, config, scored, mode=config.mode, servers=servers)
        counts = ", ".join(f"{n:,} {status}" for status, n in sorted(done.statuses.items()))
        reason = f" ({done.reason})" if done.failures else ""
        return Outcome(f"{done.rows:,} generations: {counts}{reason} -> {scored}", done.failures)

    settings = {
        "mode": config.mode,
        "splitter": _settings(config.judge("splitter")),
        "checker": _settings(config.judge("checker")),
    }
    return Stage(SCORE, scored.parent, tuple(tables), (scored, verdicts_path(scored)), settings, work)


def _build_stage(config: Config, scored: Path) -> Stage:
    release = config.work / "komep"

    def work() -> Outcome:
        from komep_dataset.build import build

        options = asdict(config.selection)
        facts = build([scored], release, **options).facts
        return Outcome(f"{facts['pairs']:,} pairs of {facts['questions']:,} questions -> {release}")

    return Stage("build", config.work / "build", (scored,), (release,), asdict(config.selection), work)


def _settings(endpoint: Endpoint) -> dict[str, Any]:
    """The part of an endpoint's configuration that its answers depend on."""
    kept = {key: value for key, value in asdict(endpoint).items() if key not in _UNIMPORTANT}
    return kept | {"source": source_of(endpoint)}


def _run_stage(stage: Stage) -> str:
    """Run a stage unless it is done; returns its line."""
    if not stage.outputs:
        return stage.run().line
    wanted = _fingerprint(stage)
    done = _read_done(stage.folder / DONE)
    if done and done["fingerprint"] == wanted and done["outputs"] == _hashes(stage.outputs):
        return f"unchanged ({done['line']})"
    outcome = stage.run()
    if outcome.failures:
        (stage.folder / DONE).unlink(missing_ok=True)
        return f"{outcome.line}; asked again by the next run"
    facts = {"fingerprint": wanted, "outputs": _hashes(stage.outputs), "line": outcome.line}
    with replacing(stage.folder / DONE) as beside:
        beside.write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return outcome.line


def _fingerprint(stage: Stage) -> str:
    facts = [
        stage.name,
        stage.settings,
        __version__,
        prompts.fingerprint(),
        sorted(_hashes(stage.inputs).values()),
    ]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _hashes(paths: Iterable[Path]) -> dict[str, str]:
    """Path -> SHA-256 of a file, or of a folder's names and contents; "" for what is not there."""
    return {str(path): _hash(path) for path in paths}


def _hash(path: Path) -> str:
    if path.is_dir():
        inner = [(str(p.relative_to(path)), _hash(p)) for p in sorted(path.rglob("*")) if p.is_file()]
        return hashlib.sha256(json.dumps(inner).encode()).hexdigest()
    if not path.is_file():
        return ""
    return file_sha256(path)


def _read_done(path: Path) -> dict[str, Any] | None:
    try:
        done = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return done if isinstance(done, dict) and {"fingerprint", "outputs", "line"} <= done.keys() else None
