"""A whole experiment by the real command: a tiny model, killed in the middle of a training, and finished."""

import contextlib
import json
import os
import subprocess
import time
from pathlib import Path

import pytest
import yaml

from evaluation.experiments.running import left_over
from tests import warm
from tests.evaluation.conftest import stand_in, write_jsonl
from tests.recipes.tiny_runs import TINY, write_tiny_model, write_tiny_release

ROOT = Path(__file__).resolve().parents[2]
RULE, ROUND = "tiny.dpo.ko.seed-0.rule", "tiny.dpo.ko.seed-0.round-1"
ONLY = ("tiny.base", "broken.base", RULE, ROUND)
# Twenty steps, since four pairs are one.
FEW = {"max_train_pairs": 4, "max_test_pairs": 2, "num_train_epochs": 20, "max_length": 1024}


def write_experiment(tmp_path: Path, model: Path, data: Path) -> Path:
    recipes = tmp_path / "recipes"
    recipes.mkdir()
    plain = {name: yaml.safe_load(str(value)) for name, value in TINY.items()}
    flags = plain | {"save_strategy": "steps", "save_steps": 1}
    (recipes / "dpo.yaml").write_text(yaml.safe_dump(flags), "utf-8")
    rows = [stand_in(n) | {"split": "test"} for n in range(4)]
    questions = write_jsonl(tmp_path / "questions.jsonl", rows)
    content = {
        "name": "tiny",
        "results": str(tmp_path / "results"),
        "models": [
            {"name": "tiny", "path": str(model), "recipes": str(recipes)},
            {"name": "broken", "path": str(tmp_path / "none"), "recipes": str(recipes)},
        ],
        "methods": ["base", "dpo"],
        "languages": ["ko"],
        "benchmarks": [
            {"name": "kormedmcqa", "language": "ko", "data": str(questions), "shots": 0, "max_new_tokens": 4}
        ],
        "release": {},  # built from the sample
        "variants": [
            {
                "name": "rule",
                "methods": ["dpo"],
                "build": {"pairs": "delta", "order": "sample-90,sample-30", "utility": "f1"},
                "recipe": {"loss_type": "ipo"},
            },
            {"name": "round-1", "methods": ["dpo"], "release": {"path": str(data)}},
        ],
        "recipe": FEW,
        "raw": True,
    }
    path = tmp_path / "experiment.yaml"
    path.write_text(yaml.safe_dump(content), "utf-8")
    return path


def start(path: Path) -> subprocess.Popen:
    words = [word for name in ONLY for word in ("--only", name)]
    return subprocess.Popen(
        [warm.python(), "-m", "evaluation.experiment", str(path), *words],
        cwd=ROOT, env=os.environ | {"HF_HUB_OFFLINE": "1"}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


@pytest.mark.slow
def test_killed_in_a_training_and_finished_with_a_rule_a_utility_a_loss_and_a_round_as_factors(tmp_path):
    model, release = write_tiny_model(tmp_path / "model"), write_tiny_release(tmp_path / "release")
    path = write_experiment(tmp_path, model, release)
    cells = tmp_path / "results" / "cells"
    first = start(path)
    model, deadline = cells / RULE / "model", time.monotonic() + 300
    while not list(model.glob("checkpoint-*/trainer_state.json")):
        assert first.poll() is None and time.monotonic() < deadline, first.stdout.read()
        time.sleep(0.05)
    first.send_signal(warm.KILL)
    first.wait()
    while pids := left_over(
        str((model / "training_summary.json").resolve())
    ):  # as when the machine goes down
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, warm.KILL)
        time.sleep(0.1)
    (model / "checkpoint-999").mkdir()  # cut off while it was written
    answers = cells / "tiny.base" / "kormedmcqa" / "predictions.jsonl"
    asked = answers.stat().st_mtime_ns
    second = start(path)
    said, _ = second.communicate(timeout=600)
    assert second.returncode == 1 and "1 of 4 cells failed" in said and "Traceback" not in said
    assert "error: 1 of" in said and str(tmp_path / "none") in said
    states = {name: json.loads((cells / name / "state.json").read_text("utf-8"))["state"] for name in ONLY}
    assert states == dict.fromkeys(ONLY, "done") | {"broken.base": "failed"}, said
    assert answers.stat().st_mtime_ns == asked  # the base was not asked again
    summary = json.loads((model / "training_summary.json").read_text("utf-8"))
    assert summary["resumed_from_step"] > 0
    config = json.loads((cells / RULE / "config.json").read_text("utf-8"))
    assert config["defines"]["training"]["flags"] == FEW | {"loss_type": "ipo"}
    assert len(config["sha256"]) == 64
    built = json.loads(next((tmp_path / "results" / "releases").glob("*/provenance.json")).read_text("utf-8"))
    assert built["options"]["pairs"] == "delta" and built["options"]["utility"].startswith("f1@")
    for name, loss in ((RULE, ["ipo"]), (ROUND, ["sigmoid"])):
        summary = json.loads((cells / name / "model" / "training_summary.json").read_text("utf-8"))
        assert summary["loss_type"] == loss
    page = (tmp_path / "results" / "report.html").read_text("utf-8")
    assert "tiny dpo ko [rule]" in page and "broken.base: failed" in page
    report = (tmp_path / "results" / "report.md").read_text("utf-8")
    titles = [line for line in report.splitlines() if line.startswith("### kormedmcqa: ")]
    assert len(titles) == 3 and titles[0] == "### kormedmcqa: replies that are the bare letter"
    assert report.count("tiny dpo ko [round-1]") >= 3
