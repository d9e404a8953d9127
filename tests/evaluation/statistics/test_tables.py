"""Comparisons as text."""

from evaluation.statistics.comparison import compare
from evaluation.statistics.tables import as_markdown
from tests.evaluation.statistics.made import evaluation


def test_an_interval_without_width_is_explained():
    same, other = evaluation(["A", "B"], ["x", "x"]), evaluation(["A", "A"], ["x", "x"])
    assert "without width" in as_markdown([compare(same, same)])
    assert "without width" not in as_markdown([compare(same, other)])
