"""Verdicts, units, abstentions and scores."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from komep_dataset.dahl import (
    is_abstention,
    model_score,
    parse_verdict,
    score_response,
    split_units,
)
from komep_dataset.schema import Status, Unit, Verdict


@pytest.mark.parametrize(
    ("reply", "strict", "paper"),
    [
        ("True", "true", "true"),
        ("true.", "true", "true"),
        ("**FALSE**", "false", "false"),
        ("  False\n", "false", "false"),
        ("`true`", "true", "true"),
        ("The statement is true.", "true", "true"),
        ("Untrue", "unknown", "true"),
        ("Not true", "unknown", "true"),
        ("It isn't true", "unknown", "true"),
        ("It isn’t false", "unknown", "false"),
        ("true or false", "unknown", "unknown"),
        ("True/False", "unknown", "unknown"),
        ("truth", "unknown", "unknown"),
        ("falsehood", "unknown", "false"),
        ("", "unknown", "unknown"),
        ("참", "true", "unknown"),
        ("참.", "true", "unknown"),
        ("참입니다.", "true", "unknown"),
        ("거짓", "false", "unknown"),
        ("거짓이다", "false", "unknown"),
        ("참고하세요", "unknown", "unknown"),
        ("거짓말", "unknown", "unknown"),
        ("참이 아닙니다", "unknown", "unknown"),
        ("참 또는 거짓", "unknown", "unknown"),
        ("참", "true", "unknown"),
        ("ＴＲＵＥ", "true", "unknown"),
    ],
)
def test_verdicts(reply, strict, paper):
    assert parse_verdict(reply).value == strict
    assert parse_verdict(reply, "paper").value == paper


HEDGED = [
    "This is hardly true.", "It is unlikely to be true.", "It would be true to say the opposite", "Half true",
    "Partially true.", "부분적으로 참", "Almost true", "True only in adults.", "If the patient is a child, true.",
    "Technically true but misleading", "대체로 사실입니다.", "True for most patients, but not for pregnant women.",
    "The opposite is true.", "I believe this is true.", "More true than false", "True (with exceptions)", "True... mostly.",
    "True. But only in children.", "Verdict: partially true", "거의 참", "참일 가능성이 높습니다.", "성인에서만 참입니다.",
    "참. 단, 소아에서는 예외가 있습니다.", "참이라고 보기 어렵습니다.", "True.\nCorrection: False.", "I am not sure. Answer: True",
]  # fmt: skip
PLAIN = {
    "True\n\nExplanation: the claim is false only in rare cases.": "true",
    "**Verdict:** True": "true",
    '{"verdict": "True", "confidence": 0.97}': "true",
    '{"reason": "It is not given by mouth.", "verdict": "False"}': "false",
    "## Verdict\n**False**": "false",
    "This statement is false because insulin lowers blood glucose.": "false",
    "False. Aspirin does not treat bacterial infections.": "false",
    "Insulin is made in the pancreas.\n\nVerdict: True": "true",
    'The statement "Heparin is an anticoagulant." is true.': "true",
    "<answer>True</answer>": "true",
    "이 문장은 참입니다.": "true",
    "거짓입니다. 인슐린은 혈당을 올리지 않습니다.": "false",
    "판정: 참\n설명: 헤파린은 항응고제이다.": "true",
}


@pytest.mark.parametrize("reply", HEDGED)
def test_what_stands_around_a_verdict_word_may_hedge_it(reply):
    assert parse_verdict(reply) is Verdict.UNKNOWN
    assert parse_verdict(reply, cut=True) is Verdict.UNKNOWN


@pytest.mark.parametrize("reply", PLAIN)
def test_a_plain_verdict_may_be_labelled_and_explained(reply):
    assert parse_verdict(reply).value == PLAIN[reply]


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [("True", "true"), ("Answer: **False", "false"), ("True.\n\nThe heart has", "true"), ("True only in", "unknown"),
     ("It is true", "unknown"), ("참", "true"), ("Verdict:", "unknown")],
)  # fmt: skip
def test_of_a_verdict_that_was_cut_only_what_is_whole_counts(reply, verdict):
    assert parse_verdict(reply, cut=True).value == verdict


@given(st.text())
def test_a_strict_verdict_is_never_bolder_than_the_words(text):
    verdict = parse_verdict(text)
    if verdict is not Verdict.UNKNOWN:
        korean, english = ("참", "true") if verdict is Verdict.TRUE else ("거짓", "false")
        import unicodedata

        normal = unicodedata.normalize("NFKC", text).casefold()
        assert english in normal or korean in normal


@given(st.sampled_from(["true", "false", "참", "거짓"]), st.text(alphabet=" .,!?*`'\"()[]\n-:", max_size=5))
def test_punctuation_does_not_change_a_verdict(word, noise):
    expected = Verdict.TRUE if word in ("true", "참") else Verdict.FALSE
    assert parse_verdict(noise + word + noise) is expected


def test_units():
    text = "One fact.\n\n  Two facts. \r\n\t\nThree.\n"
    assert split_units(text) == ["One fact.", "Two facts.", "Three."]
    assert split_units("a\n\nb", "paper") == ["a", "", "b"]
    assert split_units("") == []


ABSTAINS = [
    "I don't know.", "I do not know", "I don’t know the answer to this question.", "I'm not sure.", "Sorry, I don't know.",
    "I am sorry, but I don't know the answer.", "Unfortunately, I do not know.", "모릅니다", "모릅니다.", "잘 모르겠습니다.",
    "죄송합니다. 잘 모르겠습니다.", "정답을 모릅니다.", "저는 답을 모르겠습니다.", "알 수 없습니다.", "이 질문에 답할 수 없습니다.",
]  # fmt: skip
ANSWERS = [
    "", "Heparin is an anticoagulant.", "I don't know the dose, but heparin is an anticoagulant.",
    "I know that sepsis is dangerous.", "모릅니다만 헤파린은 항응고제이다.", "The cause is unknown in most patients.",
    "I don't know. Heparin is an anticoagulant.", "환자는 이름을 모른다고 말한다.",
]  # fmt: skip


@pytest.mark.parametrize("text", ABSTAINS)
def test_abstentions(text):
    assert is_abstention(text)


@pytest.mark.parametrize("text", ANSWERS)
def test_answers_are_not_abstentions(text):
    assert not is_abstention(text)


def units(*verdicts):
    return [Unit(f"unit {i}", v) for i, v in enumerate(verdicts)]


@pytest.mark.parametrize(
    ("response", "given_units", "strict", "paper"),
    [
        ("a", units("true", "false", "true", "true"), (0.75, Status.SCORED), (0.75, Status.SCORED)),
        ("a", units("true", "unknown"), (None, Status.UNPARSED), (None, Status.UNPARSED)),
        ("", [], (None, Status.EMPTY), (0.0, Status.SCORED)),
        ("I don't know.", [], (None, Status.ABSTAINED), (0.0, Status.SCORED)),
        ("I don't know.", units("true"), (None, Status.ABSTAINED), (1.0, Status.SCORED)),
        ("a", units("false"), (0.0, Status.SCORED), (0.0, Status.SCORED)),
    ],
)
def test_scores(response, given_units, strict, paper):
    assert score_response(response, given_units) == strict
    assert score_response(response, given_units, "paper") == paper


@given(st.lists(st.floats(0, 1), min_size=2, max_size=60))
def test_interval_is_students(scores):
    got = model_score(scores)
    mean, sem = sum(scores) / len(scores), stats.sem(scores)
    assert math.isclose(got.mean, mean, abs_tol=1e-12)
    if sem > 1e-9:
        low, high = stats.t.interval(0.95, len(scores) - 1, loc=mean, scale=sem)
        assert math.isclose(got.low, max(0, low), abs_tol=1e-9)
        assert math.isclose(got.high, min(1, high), abs_tol=1e-9)


def test_too_few_scores_for_an_interval():
    assert model_score([]) is None
    assert model_score([0.5]).low is None


@pytest.mark.parametrize(
    "text",
    [
        "이 질문에 대해서는 잘 모르겠습니다.", "죄송합니다만 정확한 답을 알지 못합니다.", "정답이 무엇인지 모릅니다.",
        "안타깝게도 이 문제의 정답은 알 수가 없습니다.", "이 질문에 대한 답변을 드릴 수 없습니다.", "저는 잘 모르겠어요.",
        "확실하지 않습니다.", "제가 모르는 내용입니다.", "죄송합니다. 이 질문에는 대답할 수 없습니다.", "정답을 알고 있지 않습니다",
    ],
)  # fmt: skip
def test_korean_abstentions(text):
    assert is_abstention(text)


@pytest.mark.parametrize(
    "text",
    [
        "원인은 알려지지 않았습니다.", "정확한 원인은 알 수 없습니다.", "알려지지 않았습니다.", "기전은 아직 확실하지 않습니다.",
        "모르는 사이에 진행됩니다.", "용량은 모르지만 헤파린은 항응고제입니다.", "환자는 통증을 모릅니다.", "치료법이 없습니다.",
    ],
)  # fmt: skip
def test_korean_answers_that_are_none(text):
    assert not is_abstention(text)
