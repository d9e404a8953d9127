"""The `evaluate` module around the scores, and its card."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from evaluation.dahl.scoring import score
from evaluation.dahl.tests import test_cases as cases

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "evaluation" / "dahl"


def matches(found: dict, expected: dict) -> bool:
    return all(found[key] == pytest.approx(value) for key, value in expected.items())


@pytest.mark.parametrize("case", cases)
def test_the_folders_own_cases(case):
    case = dict(case)
    expected = case.pop("result")
    assert matches(score(**case), expected)


SCRIPT = """
import json, evaluate
units = [["True.", {"text": "x", "verdict": "false"}], [], ["참"]]
load = lambda: evaluate.load("evaluation/dahl")
good = load().compute(predictions=units, mode="paper", responses=["a", "b", "c"], categories=["x", "x", "y"])
plain = load().compute(predictions=units, references=[1, 2, 3])
added = load()
for one in units:
    added.add(prediction=one)
errors = []
for predictions in (["True"], [[1]], []):
    try:
        load().compute(predictions=predictions)
    except ValueError as error:
        errors.append(str(error))
print(json.dumps([good, plain, added.compute(), errors]))

import sys
sys.path.insert(0, "evaluation/dahl")
from tests import test_cases
for case in test_cases:
    expected = case.pop("result")
    found = load().compute(**case)
    assert {k: found[k] for k in expected} == expected, (found, expected)

import doctest, importlib
text = importlib.import_module("evaluation.dahl.dahl")._KWARGS_DESCRIPTION
examples = doctest.DocTestParser().get_doctest(text, {"evaluate": evaluate}, "metric", None, 0)
assert len(examples.examples) == 3
assert doctest.DocTestRunner().run(examples).failed == 0
"""


def card() -> str:
    return (FOLDER / "README.md").read_text(encoding="utf-8")


def card_example() -> str:
    return re.search(r"```python\n(.*?)```", card(), re.DOTALL)[1]


@pytest.fixture(scope="module")
def printed(tmp_path_factory) -> list[str]:
    """What `SCRIPT` and the card's example print from the clone's root, offline, with an empty cache."""
    env = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path_factory.mktemp("home"))}
    run = [sys.executable, "-c", f"{SCRIPT}\n{card_example()}"]
    done = subprocess.run(run, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


@pytest.mark.slow
def test_evaluate_load_works_offline_from_a_clone(printed):
    good, plain, added, errors = json.loads(printed[0])
    units = [["True.", "false"], [], ["참"]]
    assert good == score(units, "paper", ["a", "b", "c"], ["x", "x", "y"])
    assert plain == added == score(units)
    for error, part in zip(errors, ("give a list", "neither a verdict", "nothing to score"), strict=True):
        assert part in error


@pytest.mark.slow
def test_the_cards_example_prints_what_it_says(printed):
    assert printed[1:] == re.findall(r"^# (.+)$", card_example(), re.MULTILINE)


def test_the_card_has_every_section():
    for heading in ("Description", "How to Use", "Inputs", "Output Values", "Limitations", "Citation"):
        assert re.search(rf"^##+ {heading}$", card(), re.MULTILINE), heading
