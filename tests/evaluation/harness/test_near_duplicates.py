"""Worked examples that are nearly questions of the test."""

import csv
from dataclasses import replace
from pathlib import Path

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


def test_a_question_that_is_asked_again_with_a_few_words_and_all_options_changed():
    """What a reader finds between the published train and test: other options are the rule, not the exception."""
    again = Question(
        "52세 남자가 사흘 전부터 열이 나고 기침이 심하다. 우선 해야 할 검사는?", OTHER.options, "B"
    )
    assert found([again], [OTHER, KOREAN]) == [(0, "nurse", 1, True)]


def test_less_alike_by_a_threshold_of_the_callers():
    again = replace(KOREAN, question="52세 남자가 사흘 전부터 열이 나고 기침을 한다. 예방하는 약은?")
    subjects = [Subject("doctor", (again,), (KOREAN,))]
    assert [len(near_duplicates(subjects, 0, threshold)) for threshold in (0.3, 1.0)] == [1, 0]


@needs_data("kormedmcqa")
def test_the_published_examples_are_none_of_the_test():
    assert near_duplicates(from_folders(DATA / "kormedmcqa"), 5) == []


@needs_data("kormedmcqa")
def test_most_questions_that_a_reader_found_again_are_found(tmp_path):
    """Those of `valid`, as worked examples, by the labels of `benchmarks/repeats.csv`, whose rows count from 1."""
    with (Path(__file__).parents[3] / "benchmarks/repeats.csv").open(encoding="utf-8") as file:
        labels = {one["text"]: one["label"] for one in csv.DictReader(file)}
    for subject in ("dentist", "doctor", "nurse", "pharm"):
        (tmp_path / subject).mkdir()
        for split in ("test", "valid"):
            (tmp_path / f"{subject}/{split}.csv").symlink_to(DATA / f"kormedmcqa/{subject}/{split}.csv")
    subjects = from_folders(tmp_path)
    read = [
        labels.get(f"{one['subject']}/valid {one['row'] + 1}", "none") for one in near_duplicates(subjects, 5)
    ]
    same = [name for name, label in labels.items() if "/valid " in name and label == "same"]
    assert read.count("same") >= 0.75 * len(same) and read.count("none") <= 0.15 * len(read)
