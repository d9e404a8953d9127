"""Worked examples that are nearly questions of the test."""

from dataclasses import replace

import pytest

from evaluation.harness.near_duplicates import near_duplicates
from evaluation.harness.questions import Question, Subject, from_folders
from tests.real_data import DATA, needs_data

KOREAN = Question(
    "52세 남자가 사흘 전부터 열이 나고 기침을 한다. 우선 할 검사는?",
    ("흉부 X선", "혈액배양", "심전도", "내시경", "초음파"),
    "A",
)
ENGLISH = Question("A man of 52 has had a fever and a cough for three days. Which test comes first?", ("X-ray", "ECG", "CT", "MRI"), "A")  # fmt: skip
OTHER = Question(
    "신생아에게 주사할 비타민은?", ("비타민 A", "비타민 B", "비타민 C", "비타민 D", "비타민 K"), "E"
)


def found(examples, tests, shots=1):
    subjects = [Subject("doctor", tuple(examples), (OTHER,)), Subject("nurse", (), tuple(tests))]
    return [
        (one["row"], one["test_subject"], one["test_row"], one["shown"])
        for one in near_duplicates(subjects, shots)
    ]


@pytest.mark.parametrize("question", [KOREAN, ENGLISH])
def test_copies_with_other_signs_and_small_changes(question):
    changed = replace(question, question=question.question.replace(".", " !").replace("52", "53"))
    assert found(
        [replace(OTHER, question="다른 것은?", options=("가", "나")), changed], [OTHER, question], 1
    ) == [(1, "nurse", 1, False)]
    assert found([replace(question, options=question.options[::-1])], [question]) == [(0, "nurse", 0, True)]


def test_a_stem_alone_is_no_copy():
    """Examinations ask `다음 중 옳은 것은?` again and again; the options make the question."""
    stem = replace(KOREAN, question="다음 중 옳은 것은?")
    assert found([stem], [replace(stem, options=OTHER.options)]) == []


def test_nothing_to_compare():
    assert found([], [KOREAN]) == [] and found([ENGLISH], [KOREAN]) == []


@needs_data("kormedmcqa")
def test_the_published_examples_are_none_of_the_test():
    assert near_duplicates(from_folders(DATA / "kormedmcqa"), 5) == []
