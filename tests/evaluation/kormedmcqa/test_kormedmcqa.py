"""The `evaluate` module around the scores, and its card."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from evaluation.kormedmcqa.scoring import score
from evaluation.kormedmcqa.tests import test_cases

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "evaluation" / "kormedmcqa"


@pytest.mark.parametrize("case", test_cases)
def test_the_cases_of_the_metrics_folder(case):
    scores = score(case["predictions"], case["references"], case.get("subjects"), case.get("options"))
    assert {name: scores[name] for name in case["result"]} == pytest.approx(case["result"])


SCRIPT = """
import json, evaluate
metric = evaluate.load("evaluation/kormedmcqa")
good = metric.compute(predictions=["정답: B", "정답은 C이다", "③"], references=[2, "C", 3], subjects=["x", "x", "y"])
added = evaluate.load("evaluation/kormedmcqa")
for reply, answer in (("정답: B", 2), ("정답은 C이다", "C"), ("③", 3)):
    added.add(prediction=reply, reference=answer)
errors = []
for predictions, references in ((["A", "B"], [1]), (["A"], [7]), ([None], [1]), ([], [])):
    try:
        evaluate.load("evaluation/kormedmcqa").compute(predictions=predictions, references=references)
    except ValueError as error:
        errors.append(str(error))
print(json.dumps([good, added.compute(), errors]))

import doctest, importlib
text = importlib.import_module("evaluation.kormedmcqa.kormedmcqa")._KWARGS_DESCRIPTION
examples = doctest.DocTestParser().get_doctest(text, {"evaluate": evaluate}, "metric", None, 0)
assert len(examples.examples) == 3
assert doctest.DocTestRunner().run(examples).failed == 0
"""


@pytest.fixture(scope="module")
def printed(tmp_path_factory) -> list[str]:
    """What `SCRIPT` and the card's example print from the clone's root, offline, with an empty cache."""
    script = f"{SCRIPT}\n{card_example()}"
    env = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path_factory.mktemp("home"))}
    run = [sys.executable, "-c", script]
    done = subprocess.run(run, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def card() -> str:
    return (FOLDER / "README.md").read_text(encoding="utf-8")


def card_example() -> str:
    return re.search(r"```python\n(.*?)```", card(), re.DOTALL)[1]


@pytest.mark.slow
def test_evaluate_load_works_offline_from_a_clone(printed):
    good, added, errors = json.loads(printed[0])
    assert good == score(["정답: B", "정답은 C이다", "③"], [2, 3, 3], ["x", "x", "y"])
    micro = {f"{name}_macro": good[name] for name in ("accuracy", "accuracy_robust")}
    assert added == {**good, **micro, "subjects": {}}
    expected = ("number of predictions (2) and references (1)", "not 7", "not None", "nothing to score")
    for error, part in zip(errors, expected, strict=True):
        assert part in error


@pytest.mark.slow
def test_the_cards_example_prints_what_it_says(printed):
    assert printed[1:] == re.findall(r"^# ([\d. ]+)$", card_example(), re.MULTILINE)


def test_the_card_has_every_section():
    for heading in ("Description", "How to Use", "Inputs", "Output Values", "Limitations", "Citation"):
        assert re.search(rf"^##+ {heading}$", card(), re.MULTILINE), heading


def test_every_sibling_is_imported_by_the_metric_itself():
    """`evaluate` copies only what the script itself imports; a sibling that it misses breaks a fresh cache."""
    imported = set(re.findall(r"^from \.(\w+) import", (FOLDER / "kormedmcqa.py").read_text(), re.MULTILINE))
    needed = set()
    for name in imported:
        needed |= set(re.findall(r"^from \.(\w+) import", (FOLDER / f"{name}.py").read_text(), re.MULTILINE))
    assert needed <= imported
