"""Chains of stages over a loopback endpoint, or behind a real small model."""

import io
import json
import subprocess
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
import yaml

from komep_dataset.cli import app
from komep_dataset.commands.manner import start
from komep_dataset.pipeline.run import run
from tests.loopback import Fault

SECRET = "sk-komep-fedcba9876543210"
KEY_ENV = "KOMEP_PIPELINE_TEST_KEY"
KILLED = (
    "import sys; from pathlib import Path; from komep_dataset.pipeline.run import run; run(Path(sys.argv[1]))"
)


def write_chain(folder: Path, url: str, n: int = 12, max_attempts: int = 1, **changes) -> Path:
    """A folder with pipeline.yaml: two responders that differ in their seed, a splitter and a checker."""
    folder.mkdir(exist_ok=True)
    rows = ({"question": f"What is condition {i}?", "category": "c"} for i in range(n))
    (folder / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    place = {"endpoint": url, "api_key_env": KEY_ENV, "concurrency": 4, "max_attempts": max_attempts}
    config = {
        "questions": {"input": "questions.jsonl"},
        "responders": [
            place | {"name": "meta/small", "model": "r", "seed": 1},
            place | {"name": "b", "model": "r", "seed": 2},
        ],
        "splitter": place | {"model": "splitter"},
        "checker": place | {"model": "checker"},
    }
    path = folder / "pipeline.yaml"
    path.write_text(yaml.safe_dump(config | changes))
    return path


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv(KEY_ENV, SECRET)


def lines_of(path: Path, **options) -> list[str]:
    lines: list[str] = []
    run(path, lines.append, **options)
    return lines


def tables_of(folder: Path) -> dict[str, bytes]:
    """Every table that a run leaves, by its path."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*.parquet"))}


FAULTS = (
    Fault(429, "{}", {"Retry-After": "0"}),
    Fault(503, "busy", {"Retry-After": "0"}),
    Fault(reset=True),
    Fault(200, "<html>"),
    Fault(200, '{"choices": []}'),
    Fault(200, '{"choices": [{"mess', {}),
)


def real_chain(folder: Path, model: Path) -> Path:
    """A question for SmolLM2 as responder (sampled twice with one seed, and greedily), splitter and
    checker; its greedy answer is long enough to be split and judged.
    """
    served = {"server": "transformers", "model": str(model)}
    sampled = served | {"max_new_tokens": 64, "temperature": 1.0, "seed": 1}
    config = {
        "questions": {"input": "questions.jsonl"},
        "responders": [
            sampled | {"name": "one"},
            sampled | {"name": "again"},
            served | {"name": "greedy", "max_new_tokens": 64, "temperature": 0, "protocol": "dahl-hf"},
        ],
        "splitter": served | {"max_new_tokens": 96},
        "checker": served | {"max_new_tokens": 8},
    }
    folder.mkdir()
    (folder / "questions.jsonl").write_text(json.dumps({"question": "What is anaemia?", "category": "c"}))
    (folder / "pipeline.yaml").write_text(yaml.safe_dump(config))
    return folder / "pipeline.yaml"


def model_of_its_own(model: Path, folder: Path) -> Path:
    """The files of a model under another name, so that the servers of a test that runs beside are not counted."""
    folder.mkdir()
    for file in model.iterdir():
        (folder / file.name).symlink_to(file)
    return folder


def processes_serving(model: Path) -> list[str]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = entry.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"serve" in command and str(model.resolve()).encode() in command:
            found.append(entry.parent.name)
    return found


def komep(*words: object, encoding: str = "utf-8") -> subprocess.CompletedProcess:
    """A command in this process, and what it would have been as one of its own, on a terminal of an encoding."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding) for _ in range(2))
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
        start(app, "komep", [*map(str, words)])
    said = []
    for stream in (out, err):
        stream.flush()
        said.append(stream.buffer.getvalue().decode(encoding))
    return subprocess.CompletedProcess(words, ended.value.code, *said)
