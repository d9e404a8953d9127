"""A benchmark and a backend are a file each: a copy of the tree gets one of each, and every command knows them."""

import json
import os
import shutil
import subprocess
from importlib import import_module
from pathlib import Path

import pytest

from evaluation.harness.registry import BACKENDS, BENCHMARKS
from tests import warm

ROOT = Path(__file__).resolve().parents[3]
TOY = """from evaluation.harness.benchmark import Benchmark, Style
from evaluation.harness.questions import read_subjects

BENCHMARK = Benchmark(
    load=lambda data, subjects: read_subjects(data),
    styles={"direct": Style("toy 1", "{question}\\n{options}Answer:", " {answer}\\n\\n")},
    shots=2,
)
"""
PARROT = """from evaluation.harness.backend import Answer


class Parrot:
    encode = window = None

    def answer(self, groups, label):
        return [[Answer("B") for _ in prompts] for prompts in groups], {"says": "B"}


def open_backend(options, style, processes):
    return Parrot()
"""


@pytest.fixture()
def plugged(tmp_path):
    """A copy of `evaluation/` with two files more, and a function that runs a module of it."""
    shutil.copytree(ROOT / "evaluation", tmp_path / "evaluation")
    (tmp_path / "evaluation" / "benchmarks" / "toy_set.py").write_text(TOY)
    (tmp_path / "evaluation" / "backends" / "parrot.py").write_text(PARROT)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}

    def run(*words: object, code: int = 0) -> subprocess.CompletedProcess:
        done = subprocess.run(
            [warm.python(), "-m", *map(str, words)],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == code, done.stdout[-2000:] + done.stderr[-3000:]
        return done

    return run


@pytest.mark.slow
def test_a_benchmark_and_a_backend_are_a_file_each(plugged, question_folder, tiny_model, tmp_path):
    """A run and an experiment name them, and their results are compared."""
    shown = " ".join(plugged("evaluation.run", "--help").stdout.split())
    assert "pubmedqa, toy-set;" in shown and "transformers, vllm, openai, parrot." in shown
    asked = ["evaluation.run", "--model", tiny_model, "--benchmark", "toy-set", "--data", question_folder]
    asked += ["--max-new-tokens", "4"]
    plugged(*asked, "--output", "parrot", "--backend", "parrot")
    for folder in ("recipes", "accelerate_configs"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    model = {"name": "tiny", "path": str(tiny_model), "recipes": "recipes/smollm2-135m"}
    measure = {"name": "toy-set", "language": "ko", "data": str(question_folder), "max_new_tokens": 4}
    content = {"name": "toy", "models": [model], "methods": ["base"], "benchmarks": [measure]}
    (tmp_path / "toy.yaml").write_text(json.dumps(content))
    plugged("evaluation.experiment", "toy.yaml")
    assert "toy-set" in (tmp_path / "results" / "toy" / "report.md").read_text("utf-8")
    folders = {
        "model": tmp_path / "results" / "toy" / "cells" / "tiny.base" / "toy-set",
        "parrot": tmp_path / "parrot",
    }
    results = {
        name: json.loads((folder / "results.json").read_text("utf-8")) for name, folder in folders.items()
    }
    for name, found in results.items():
        lines = [json.loads(line) for line in (folders[name] / "predictions.jsonl").open(encoding="utf-8")]
        assert [line["subject"] for line in lines] == ["doctor"] * 6 + ["nurse"] * 6
        assert (found["benchmark"], found["shots"], found["n"]) == ("toy-set", 2, 12)
        assert found["config"]["protocol"] == "toy 1"
    assert results["parrot"]["config"]["says"] == "B" and results["parrot"]["parse_rate"] == 1.0
    compared = json.loads(plugged("evaluation.compare", *folders.values(), "--json").stdout)
    assert compared["benchmark"] == "toy-set" and compared["n"] == 12
    assert (
        "'toyset' is not one of"
        in plugged("evaluation.run", *asked[1:3], "--benchmark", "toyset", "--output", "x", code=2).stderr
    )
    content["benchmarks"] = [measure | {"name": "toy-se"}]
    (tmp_path / "toy.yaml").write_text(json.dumps(content))
    assert "did you mean 'toy-set'?" in plugged("evaluation.experiment", "toy.yaml", "--plan", code=1).stderr


def test_names_stand_in_their_order_and_nothing_else_is_one():
    assert list(BENCHMARKS) == ["kormedmcqa", "kormedmcqa-sample", "medqa", "medmcqa", "pubmedqa"]
    assert list(BACKENDS) == ["transformers", "vllm", "openai"]
    assert all(hasattr(import_module(module), "BENCHMARK") for module in BENCHMARKS.values())
    assert all(hasattr(import_module(module), "open_backend") for module in BACKENDS.values())
