"""Best against the middling answer."""

import pytest

from tests.pairs.answers import answers, pairs, reasons


@pytest.mark.parametrize(("n", "middle"), [(2, "b"), (3, "b"), (4, "c"), (5, "c"), (6, "d")])
def test_of_two_in_the_middle_the_lower_is_taken(n, middle):
    frame = answers({"abcdef"[i]: "t" * (6 - i) + "f" * i for i in range(n)})
    assert pairs(frame, pairs="best-median") == [("a", middle)]


def test_a_middling_answer_as_good_as_the_best_is_a_tie():
    frame = answers({"a": "t", "b": "t", "c": "f"})
    assert [reason for reason, _ in reasons(frame, pairs="best-median")] == ["tie"]
