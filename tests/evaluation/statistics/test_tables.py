"""Comparisons as text."""

from evaluation.statistics.comparison import compare
from evaluation.statistics.tables import as_markdown
from tests.evaluation.statistics.made import evaluation


def test_an_interval_without_width_is_explained():
    same, other = evaluation(["A", "B"], ["x", "x"]), evaluation(["A", "A"], ["x", "x"])
    assert "without width" in as_markdown([compare(same, same)])
    assert "without width" not in as_markdown([compare(same, other)])


def test_the_smallest_difference_that_the_questions_show_is_said():
    """Of 10 questions 2 turn: a change of 20 points in one direction is no significant one (p 0.5)."""
    base = evaluation(["A"] * 8 + ["B"] * 2, ["x"] * 10, "base")
    tuned = evaluation(["A"] * 10, ["x"] * 10, "tuned")
    assert "What 10 questions show where 20.0% of them turn right or wrong: no difference, in" in as_markdown(
        [compare(base, tuned)]
    )
    base, tuned = (
        evaluation(["B"] * 60 + ["A"] * 40, ["x"] * 100, "b"),
        evaluation(["A"] * 100, ["x"] * 100, "t"),
    )
    assert "where 60.0% of them turn right or wrong: a difference of 22." in as_markdown(
        [compare(base, tuned)]
    )
    assert "questions show" not in as_markdown([compare(base, base)])
