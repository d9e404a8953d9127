"""When a stage is done: a record of its inputs, settings and outputs, and of the rows that failed in it.

A stage whose record still holds is not run again. Rows that failed belong to a finished stage: they are left as
they are until they are asked for (`--retry-failed`), and then they alone are asked, since answers are kept.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from komep_dataset import __version__
from komep_dataset.config.config import Endpoint
from komep_dataset.files.outputs import check_file, json_with, set_aside, table_of, write_json
from komep_dataset.inference.ask import source_of
from komep_dataset.prompts import messages as prompts
from komep_dataset.release.replacement import check_replaceable
from komep_dataset.release.sums import file_sha256
from komep_dataset.translation.checks.registry import wordings

DONE = "done.json"
DONE_MARK = json_with("fingerprint", "outputs")
# How an endpoint is reached, not what it answers: no reason to run a stage again.
_UNIMPORTANT = ("api_key_env", "concurrency", "timeout", "max_attempts", "tokenizer", "gpus", "policy")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a stage reports: a line for people, and how many rows failed."""

    line: str
    failures: int = 0


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of the chain: what it reads and writes, what it depends on, and how it is run.

    `done` is the file of its record; a stage without outputs has none and always runs. `outputs`: path -> record of a
    table, None for a release.
    """

    name: str
    done: Path
    inputs: tuple[Path, ...]
    outputs: Mapping[Path, type | None]
    settings: dict[str, Any]
    run: Callable[[], Outcome]


def run_stage(stage: Stage, retry_failed: bool = False) -> str:
    """Run a stage unless it is done; returns its line."""
    if not stage.outputs:
        return stage.run().line
    outcome = finished(stage)
    if outcome and not (retry_failed and outcome.failures):
        return f"unchanged ({outcome.line}){_left(outcome)}"
    kept = "".join(f"; {note}" for note in keep_edited(stage))
    outcome = stage.run()
    write_done(stage, outcome)
    return f"{outcome.line}{_left(outcome)}{kept}"


def check_outputs(stage: Stage) -> None:
    """Raise `KomepError` where something else lies than what the stage writes there; for before any stage is run."""
    if stage.outputs:
        check_file(stage.done, *DONE_MARK)
    known = (_read_done(stage.done) or {"outputs": {}})["outputs"]
    for path, record in stage.outputs.items():
        if record is None:
            check_replaceable(path)
        elif str(path) not in known:  # what it wrote before and somebody changed is moved aside
            check_file(path, *table_of(record))


def keep_edited(stage: Stage) -> list[str]:
    """Before a stage runs again: move the tables aside that were changed since it wrote them; a line for each."""
    done = _read_done(stage.done) or {"outputs": {}}
    notes = []
    for path in stage.outputs:
        known, found = done["outputs"].get(str(path)), _hash(path)
        if path.is_file() and known not in (None, found):
            notes.append(f"{path.name} had been changed: kept as {set_aside(path).name}")
    return notes


def _left(outcome: Outcome) -> str:
    return f"; --retry-failed asks the {outcome.failures:,} failed again" if outcome.failures else ""


def finished(stage: Stage) -> Outcome | None:
    """What a stage reported when it was done; None if it is not, or something has changed since."""
    done = _read_done(stage.done)
    if not done or done["fingerprint"] != _fingerprint(stage) or done["outputs"] != _hashes(stage.outputs):
        return None
    return Outcome(done["line"], done["failures"])


def write_done(stage: Stage, outcome: Outcome) -> None:
    """Leave the record that a stage is done."""
    facts = {"fingerprint": _fingerprint(stage), "outputs": _hashes(stage.outputs)} | asdict(outcome)
    write_json(stage.done, facts, DONE_MARK)


def done_of(work: Path, stage: str, output: Path) -> Path:
    """The record of a command that was given an output of its own: one for each output."""
    name = hashlib.sha256(f"{stage} {output.resolve()}".encode()).hexdigest()[:16]
    return work / "done" / f"{name}.json"


def endpoint_settings(endpoint: Endpoint) -> dict[str, Any]:
    """The part of an endpoint's configuration that its answers depend on."""
    kept = {key: value for key, value in asdict(endpoint).items() if key not in _UNIMPORTANT}
    return kept | {"source": source_of(endpoint)}


def _fingerprint(stage: Stage) -> str:
    facts = [
        stage.name,
        stage.settings,
        __version__,
        prompts.fingerprint(wordings()),
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
    except (OSError, ValueError, RecursionError):
        return None
    wanted = {"fingerprint", "outputs", "line", "failures"}
    return done if isinstance(done, dict) and wanted <= done.keys() else None
