"""Letters given, what chance reaches, and the smallest difference that so many questions show."""

from math import sqrt

import numpy as np
import pytest

from evaluation.harness.output import Prediction
from evaluation.harness.questions import Question, Subject
from evaluation.statistics import chance
from evaluation.statistics.significance import mcnemar_p


def made(right: str, given: str, options: int = 5) -> tuple[list[Subject], list[Prediction]]:
    """Questions whose answers are `right`, and replies with the letters of `given` (`-`: none)."""
    questions = tuple(Question(str(i), ("x",) * options, letter) for i, letter in enumerate(right))
    replies = [
        Prediction("s", i, r, g, *([g.strip("-")] * 2))
        for i, (r, g) in enumerate(zip(right, given, strict=True))
    ]
    return [Subject("s", (), questions)], replies


def results(right: str, given: str) -> dict:
    subjects, replies = made(right, given)
    right_ones = sum(p.robust == p.answer for p in replies) / len(replies)
    beside = chance.beside(subjects, replies)
    return {"n": len(replies), "accuracy": right_ones, "interval": [right_ones - 0.1, 1], **beside}


def test_letters_are_counted():
    subjects, replies = made("AABCE", "AB-BE")
    found = chance.beside(subjects, replies)["letters"]
    assert found["answer"] == {"A": 2, "B": 1, "C": 1, "D": 0, "E": 1}
    assert found["paper"] == found["robust"] == {"A": 1, "B": 2, "C": 0, "D": 0, "E": 1, "": 1}


def test_baselines():
    subjects, _ = made("AABCE", "AABCE", options=4)
    assert chance.baselines(subjects[0].test) == {
        "majority": {"letter": "A", "accuracy": 0.4},
        "random": 0.25,
    }
    known = chance.beside([*subjects, Subject("t", (), made("B", "B")[0][0].test)])
    assert known["baselines"]["random"] == pytest.approx((5 / 4 + 1 / 5) / 6)
    assert known["by_subject"]["t"]["baselines"]["majority"] == {"letter": "B", "accuracy": 1.0}
    assert "letters" not in known


@pytest.mark.parametrize(
    ("right", "given", "letter"),
    [
        ("ABCDE" * 4, "A" * 19 + "B", "A"),
        ("ABCDE" * 4, "A" * 15 + "----B", "A"),  # of the replies that give one
        ("ABCDE" * 4, "A" * 15 + "BBBBB", ""),
        ("ABCDE", "AAAAA", ""),  # too few to tell
        ("A" * 20, "A" * 20, ""),  # it is right as often
        ("ABCDE" * 4, "-" * 20, ""),
    ],
)
def test_one_letter_that_takes_nearly_all_is_told(right, given, letter):
    found = results(right, given)
    assert chance.most_given(found["letters"])[0] == letter
    assert any("is the letter of" in line for line in chance.warnings(found)) == bool(letter)


def test_an_accuracy_that_is_not_above_chance_is_told():
    assert any("not above chance" in line for line in chance.warnings(results("ABCDE" * 4, "BACED" * 4)))
    assert not any("not above chance" in line for line in chance.warnings(results("ABCDE" * 4, "ABCDE" * 4)))


@pytest.mark.parametrize("changed", chance.CHANGED)
def test_the_detectable_difference_is_that_of_the_formula_where_n_is_large(changed):
    """Connor (Biometrics 43, 1987): n = (z_a sqrt(changed) + z_b sqrt(changed - d^2))^2 / d^2; the exact test needs more."""
    a, b = 1.959964, 0.841621
    for n, tolerance in ((435, 0.04), (3009, 0.025), (20_000, 0.01)):
        formula = sqrt(changed) * (a * sqrt(n) + b * sqrt(n + b * b - a * a)) / (n + b * b)
        assert formula < chance.detectable_difference(n, changed) < formula * (1 + tolerance)


@pytest.mark.slow
def test_the_detectable_difference_is_seen_in_four_of_five_comparisons():
    n, changed, rng = 200, 0.2, np.random.default_rng(0)
    least = chance.detectable_difference(n, changed)
    many = rng.binomial(n, changed, size=4000)
    gained = rng.binomial(many, (1 + least / changed) / 2)
    seen = [mcnemar_p(int(g), int(m - g)) <= chance.ALPHA for g, m in zip(gained, many, strict=True)]
    assert np.mean(seen) == pytest.approx(chance.POWER, abs=0.02)


def test_too_few_questions_show_nothing():
    assert chance.detectable(3) == dict.fromkeys(map(str, chance.CHANGED))
    lines = [*chance.sentences({"n": 3, **chance.beside(made("ABC", "ABC")[0])})]
    assert "3 questions show (paired, 5%, in 4 of 5 cases): none where 10%" in lines[1]
