"""Which column holds what, and the pair among several completions."""

import pytest

from komep_dataset.preferences.columns import (
    MODELS,
    SCORES,
    Unfit,
    completions_in,
    number,
    pair_of,
    side_column,
)


def test_the_first_of_the_best_and_the_last_of_the_worst():
    scored = [
        {"text": t, "score": s, "model": m}
        for t, s, m in (("a", 2, "x"), ("b", 5, "y"), ("c", 5, "z"), ("d", 2, "w"))
    ]
    found = pair_of(scored)
    assert (found["chosen"], found["chosen_model"], found["chosen_score"]) == ("b", "y", 5.0)
    assert (found["rejected"], found["rejected_model"], found["rejected_score"]) == ("d", "w", 2.0)
    ranks = pair_of([{"answer": "a", "rank": 2}, {"answer": "b", "rank": 1}])
    assert (ranks["chosen"], ranks["chosen_score"], ranks["chosen_model"]) == ("b", None, None)


def test_completions_are_looked_at_where_there_are_no_answers():
    assert completions_in(["prompt", "completions"]) == "completions"
    assert completions_in(["prompt", "completions", "chosen", "rejected"]) is None
    assert completions_in(["prompt", "answers", "preferred"]) is None


def test_columns_of_a_side():
    columns = ["prompt", "Score_chosen", "rejected-model", "chosen_score_notes"]
    assert side_column(SCORES, "chosen", columns) == "Score_chosen"
    assert side_column(MODELS, "rejected", columns) == "rejected-model"
    assert side_column(SCORES, "rejected", columns) is None


@pytest.mark.parametrize(
    ("value", "wanted"), [(None, None), ("", None), ("N/A", None), ("4.5", 4.5), (3, 3.0)]
)
def test_scores_as_files_have_them(value, wanted):
    assert number(value, "score") == wanted


@pytest.mark.parametrize("value", ["high", True, float("nan"), float("inf"), [1], {}])
def test_what_is_no_score(value):
    with pytest.raises(Unfit, match="score: expected a number"):
        number(value, "score")
