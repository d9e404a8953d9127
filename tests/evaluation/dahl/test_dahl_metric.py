"""The DAHL metric: the pipeline's own numbers, through `evaluate`, and its folder as the Hub wants it."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t

from evaluation.dahl import app
from evaluation.dahl.scoring import score
from evaluation.dahl.tests import test_cases as cases
from komep_dataset.dahl import model_score, parse_verdict, score_response
from komep_dataset.schema import Status, Unit, Verdict

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "evaluation" / "dahl"
REPLIES = st.sampled_from(
    ["True.", "False", "참", "거짓입니다", "Not true.", "Untrue", "true or false", "", "unknown"]
)
ROWS = st.lists(
    st.tuples(
        st.lists(REPLIES, max_size=4), st.sampled_from(["It is.", "I don't know.", ""]), st.sampled_from("ab")
    ),
    min_size=1,
    max_size=20,
)


def matches(found: dict, expected: dict) -> bool:
    return all(found[key] == pytest.approx(value) for key, value in expected.items())


@given(ROWS, st.sampled_from(["strict", "paper"]))
def test_scores_are_the_pipelines(rows, mode):
    predictions, responses, categories = map(list, zip(*rows, strict=True))
    found = score(predictions, mode, responses, categories)
    expected = [
        score_response(text, [Unit("", parse_verdict(reply, mode)) for reply in units], mode)
        for units, text, _ in rows
    ]
    assert found["scores"] == [value for value, _ in expected]
    assert found["statuses"] == {
        s.value: sum(status is s for _, status in expected) for s in Status if s is not Status.FAILED
    }
    mean = model_score([value for value, status in expected if status is Status.SCORED])
    assert found["dahl_score"] == (mean and mean.mean)
    assert found["interval"] == ([mean.low, mean.high] if mean and mean.low is not None else None)
    assert sum(found["statuses"].values()) == found["n"] == len(rows)
    assert sum(found["verdicts"].values()) == sum(map(len, predictions))
    for name, group in found["categories"].items():
        chosen = [row for row in rows if row[2] == name]
        alone = score([r[0] for r in chosen], mode, [r[1] for r in chosen])
        assert group == {k: v for k, v in alone.items() if k not in ("scores", "categories")}


def test_interval_by_hand():
    found = score([["True", "False"], ["True"], ["False"], ["True", "True", "False"]])
    mean, half = (0.5 + 1 + 0 + 2 / 3) / 4, None
    deviation = (sum((x - mean) ** 2 for x in (0.5, 1, 0, 2 / 3)) / 3) ** 0.5
    half = t.ppf(0.975, 3) * deviation / 2
    assert found["dahl_score"] == pytest.approx(mean)
    assert found["interval"] == pytest.approx([max(0, mean - half), min(1, mean + half)])
    assert found["interval"][0] == 0 and found["interval"][1] == 1  # cut


def test_modes_differ_where_they_should():
    units = [["Not true."], ["Untrue"], [], ["참"]]
    assert score(units)["scores"] == [None, None, None, 1.0]
    assert score(units, "paper")["scores"] == [1.0, 1.0, 0.0, None]
    assert score([["True"]], "strict", ["I don't know."])["statuses"]["abstained"] == 1
    assert score([["True"]], "paper", ["I don't know."])["dahl_score"] == 1


@pytest.mark.parametrize("case", cases)
def test_the_folders_own_cases(case):
    case = dict(case)
    expected = case.pop("result")
    assert matches(score(**case), expected)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([],), "nothing to score"),
        ((["True."],), "prediction 0 is 'True.'; give a list"),
        (([["True"], None],), "prediction 1 is None"),
        (([[True]],), "neither a verdict"),
        (([[{"text": "x"}]],), "neither a verdict"),
        (([{"verdict": "true"}],), "give a list"),
        (([["True"]], "lenient"), "strict, paper"),
        (([["True"]], "strict", ["a", "b"]), "1 predictions, 2 responses"),
        (([["True"]], "strict", None, []), "0 categories"),
    ],
)
def test_score_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        score(*arguments)


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
    done = subprocess.run(run, cwd=ROOT, env=env, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def test_evaluate_load_works_offline_from_a_clone(printed):
    good, plain, added, errors = json.loads(printed[0])
    units = [["True.", "false"], [], ["참"]]
    assert good == score(units, "paper", ["a", "b", "c"], ["x", "x", "y"])
    assert plain == added == score(units)
    for error, part in zip(errors, ("give a list", "neither a verdict", "nothing to score"), strict=True):
        assert part in error


def test_the_cards_example_prints_what_it_says(printed):
    assert printed[1:] == re.findall(r"^# (.+)$", card_example(), re.MULTILINE)


def test_the_card_has_every_section():
    for heading in ("Description", "How to Use", "Inputs", "Output Values", "Limitations", "Citation"):
        assert re.search(rf"^##+ {heading}$", card(), re.MULTILINE), heading


def test_the_page_shows_the_metrics_numbers():
    problem, scores, categories, rows = app.evaluate_table([*app.EXAMPLES, ["", "", ""]], "strict")
    found = score(
        [["True", "True", "False"], ["참", "거짓"], ["Not true"], []], "strict", ["", "", "", "I don't know."]
    )
    assert problem == "" and scores[0] == ["DAHL score", f"{found['dahl_score']:.3f}"]
    assert scores[2][1] == "2 of 4 (50.0%)" and "abstained 1" in scores[3][1]
    assert [row[0] for row in categories] == ["drugs", "hormones"] and categories[1][3] == "-"
    assert [row[2:] for row in rows] == [
        [2, 1, 0, "0.667"],
        [1, 1, 0, "0.500"],
        [0, 0, 1, "-"],
        [0, 0, 0, "-"],
    ]
    assert (
        app.evaluate_table([["", "", None]], "strict")[0]
        == "there is nothing to score: predictions are empty"
    )


def test_every_verdict_is_one_of_the_schemas():
    assert set(score([["true", "False", "?"]])["verdicts"]) == {v.value for v in Verdict}
