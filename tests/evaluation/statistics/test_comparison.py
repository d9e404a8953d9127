"""The comparison of models, against scipy and statsmodels: splits, pools over seeds, several models."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

from evaluation.harness.output import Evaluation, Prediction
from evaluation.statistics.comparison import Split, change, compare, compare_all, split_change
from evaluation.statistics.significance import holm, pooled_interval
from evaluation.statistics.tables import as_markdown
from tests.evaluation.statistics.made import ANSWERS, arm, evaluation, predictions, two
from tests.evaluation.statistics.test_significance import random_arm


@given(ANSWERS)
@settings(deadline=None, max_examples=60)
def test_parsing_and_knowledge_add_up_to_the_change(rows):
    base, tuned = two(rows)
    found = compare(base, tuned)
    for c, n in [
        (found.paper, found.n),
        (found.robust, found.n),
        *((s.paper, s.n) for s in found.subjects.values()),
    ]:
        assert c.split.parsing + c.split.knowledge == c.gained - c.lost == pytest.approx(c.difference * n)
        assert c.difference == pytest.approx(c.tuned - c.base)
        assert c.interval[0] <= c.difference + 1e-9 and c.difference - 1e-9 <= c.interval[1]
    assert sum(s.paper.split.knowledge for s in found.subjects.values()) == found.paper.split.knowledge
    assert found.paper == found.robust  # same letters in both columns here
    assert sum(s.n for s in found.subjects.values()) == found.n


@given(ANSWERS)
@settings(deadline=None, max_examples=40)
def test_swapping_the_models_swaps_the_signs(rows):
    base, tuned = two(rows)
    there, back = compare(base, tuned).paper, compare(tuned, base).paper
    assert there.difference == -back.difference and there.p_value == back.p_value
    assert (there.gained, there.lost) == (back.lost, back.gained)
    assert there.split.knowledge == -back.split.knowledge and there.split.parsing == -back.split.parsing


def test_split_by_hand():
    """Gold A: two become readable (one right), one unreadable (it was right), of three readable in both one is won."""
    rows = [("", "A"), ("", "B"), ("A", ""), ("B", "A"), ("A", "A"), ("C", "D"), ("", "")]
    before, after = zip(*rows, strict=True)
    base, tuned = [predictions(before, ["x"] * 7)], [predictions(after, ["x"] * 7)]
    assert split_change(base, tuned, "paper") == Split(
        became_readable=1, became_unreadable=1, parsing=0, knowledge=1
    )
    c = change(base, tuned, "paper")
    assert (c.base, c.tuned, c.gained, c.lost) == (2 / 7, 3 / 7, 2, 1)
    assert (c.parse_rate_base, c.parse_rate_tuned) == (4 / 7, 5 / 7)
    assert c.p_value == 1.0


def test_learning_to_be_readable_is_not_learning():
    """A model whose letters do not change but become readable gains accuracy by parsing alone."""
    letters = ["A", "B", "A", "C", "A"]
    found = compare(evaluation([""] * 5, ["x"] * 5), evaluation(letters, ["x"] * 5))
    assert found.paper.difference == 0.6
    assert (found.paper.split.parsing, found.paper.split.knowledge) == (3, 0)


def test_readings_are_compared_separately():
    base = Evaluation(Path("b"), evaluation(["A"], ["x"]).results, (Prediction("x", 0, "A", "t", "", "A"),))
    tuned = Evaluation(Path("t"), base.results, (Prediction("x", 0, "A", "t", "A", "A"),))
    found = compare(base, tuned)
    assert found.paper.difference == 1 and found.robust.difference == 0


def test_a_pool_is_the_mean_over_seeds():
    base, tuned = random_arm(1, 2, 50), random_arm(2, 3, 50, 0.6)
    pooled = compare(arm(base, "b"), arm(tuned, "t"))
    c = pooled.paper
    assert (pooled.seeds_base, pooled.seeds_tuned, pooled.n, c.test) == (2, 3, 50, "sign-flip")
    singles = [compare(b, t).paper for b in arm(base, "b") for t in arm(tuned, "t")]
    for name in ("base", "tuned", "difference", "gained", "lost", "parse_rate_base", "parse_rate_tuned"):
        assert getattr(c, name) == pytest.approx(np.mean([getattr(s, name) for s in singles])), name
    for name in ("parsing", "knowledge", "became_readable", "became_unreadable"):
        assert getattr(c.split, name) == pytest.approx(np.mean([getattr(s.split, name) for s in singles])), (
            name
        )
    assert (
        c.split.parsing + c.split.knowledge
        == pytest.approx(c.difference * 50)
        == pytest.approx(c.gained - c.lost)
    )
    assert c.interval[0] < c.difference < c.interval[1]
    assert c.interval == pooled_interval(base, tuned)
    assert "2 seeds" in as_markdown([pooled]) and "sign-flip" in as_markdown([pooled])


def test_several_models_are_each_compared_with_the_base():
    subjects = ["doctor"] * 40 + ["nurse"] * 40
    rows = [
        ["A" if r else "B" for r in random_arm(i, 1, 80, share)[0]]
        for i, share in enumerate((0.3, 0.6, 0.5, 0.3))
    ]
    base, *others = [evaluation(letters, subjects, f"m{i}") for i, letters in enumerate(rows)]
    found = compare_all(base, others)
    for comparison, other in zip(found, others, strict=True):
        alone = compare(base, other)
        assert alone.paper.p_holm == alone.paper.p_value == comparison.paper.p_value
        assert comparison.paper.interval == alone.paper.interval
    for parts in (found, [c.subjects["nurse"] for c in found]):
        assert [p.robust.p_holm for p in parts] == holm([p.robust.p_value for p in parts])
    assert found[0].paper.p_holm > found[0].paper.p_value
    same = compare_all(
        base, [others[0], Evaluation(Path("elsewhere"), others[0].results, others[0].predictions)]
    )
    assert [c.tuned for c in same] == ["m1 (m1)", "m1 (elsewhere)"]
