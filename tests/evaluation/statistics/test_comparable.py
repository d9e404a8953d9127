"""Runs of other questions or under another protocol are refused; what else differs is named."""

from pathlib import Path

import pytest

from evaluation.harness.output import Evaluation, Prediction
from evaluation.statistics.comparison import compare
from evaluation.statistics.tables import as_markdown
from komep_dataset.errors import KomepError
from tests.evaluation.statistics.made import arm, evaluation
from tests.evaluation.statistics.test_significance import random_arm

REFUSALS = [
    ({"shots": 0}, "different shots: 5 in base, 0 in tuned"),
    ({"benchmark": "other"}, "different benchmark: kormedmcqa in base, other in tuned"),
    ({"config": {"questions_sha256": "x"}}, "different questions: their texts"),
    ({"config": {"fewshot_sha256": "x"}}, "different few-shot examples"),
    ({"config": {"protocol": "q 2"}}, "different protocol: q 1 in base, q 2 in tuned"),
    ({"config": {"prompt": "cot"}}, "different prompt: direct in base, cot in tuned"),
    ({"config": {"scoring": "logits"}}, "different scoring: generate in base, logits in tuned"),
    ({"config": {"chat_template": True}}, "different chat_template: False in base, True in tuned"),
    ({"config": {"stops": ["."]}}, "different stops:"),
]


@pytest.mark.parametrize(("changes", "message"), REFUSALS)
def test_different_runs_are_refused(changes, message):
    base = evaluation(["A", "B"], ["x", "x"], "base")
    with pytest.raises(KomepError) as error:
        compare(base, evaluation(["A", "B"], ["x", "x"], "tuned", **changes))
    assert message in str(error.value)


def test_different_questions_are_named():
    base = evaluation(["A", "B", "C"], ["x", "x", "y"], "base")
    with pytest.raises(KomepError, match="tuned has no answer to 1 of them, the first is y, row 2"):
        compare(base, evaluation(["A", "B"], ["x", "x"], "tuned"))
    other = evaluation(["A", "B", "C"], ["x", "x", "y"], "tuned")
    gold = [p if p.index != 1 else Prediction("x", 1, "D", "", "", "") for p in other.predictions]
    with pytest.raises(KomepError, match="x, row 1 has the answer A in base and D in tuned"):
        compare(base, Evaluation(other.folder, other.results, tuple(gold)))
    twice = Evaluation(other.folder, other.results, (other.predictions[0], *other.predictions))
    with pytest.raises(KomepError, match="a question occurs twice"):
        compare(base, twice)


def test_cautions_name_other_settings():
    def of(before: dict, after: dict) -> tuple:
        return compare(*(evaluation(["A"], ["x"], config=c) for c in (before, after))).cautions

    assert of({}, {"prompt": "direct", "scoring": "generate"}) == ()  # what a run does that does not say it
    assert of({"max_new_tokens": 9}, {}) == ("max_new_tokens: 9 before, 8 after",)
    assert of({"dtype": "float32"}, {"dtype": "bfloat16"}) == ("dtype: float32 before, bfloat16 after",)
    assert of({"protocol": None}, {}) == ("protocol: None before, q 1 after",)
    same = {"do_sample": False}
    assert of({"generation": same | {"pad": 1}}, {"generation": same | {"pad": 2}}) == (
        "generation: {'pad': 1} before, {'pad': 2} after",
    )
    found = compare(evaluation(["A"], ["x"]), evaluation(["A"], ["x"], config={"backend": "vllm"}))
    assert "Caution, the runs differ in more than the model: backend: None before" in as_markdown([found])


def test_a_pool_matches_questions_by_subject_and_row_and_names_copies():
    first, second = arm(random_arm(1, 2, 20), "t")
    shuffled = Evaluation(second.folder, second.results, second.predictions[::-1])
    base = arm(random_arm(3, 1, 20), "b")
    assert compare(base, [first, shuffled]).paper == compare(base, [first, second]).paper
    twin = Evaluation(Path("t/seed-9"), first.results, first.predictions[::-1])
    assert compare(base, [first, twin]).cautions == (
        "t/seed-0 and t/seed-9 gave the same replies: a copy is no further seed",
    )
    with pytest.raises(KomepError, match="different shots: 5 in seed-1, 0 in other"):
        compare([evaluation(["A"], ["x"], "seed-1"), evaluation(["A"], ["x"], "other", shots=0)], base)
