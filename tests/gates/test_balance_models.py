"""Balance of models loses as few pairs as it can, against brute force."""

from collections import Counter
from itertools import product

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from komep_dataset.errors import KomepError
from komep_dataset.gates.balance_models import models_balanced
from tests.gates.narrow_pairs import kept_ids, pairs_of, shuffled


def most_pairs(wins: Counter, cap: float) -> int:
    """By brute force, the most pairs that can stay."""
    choices = product(*(range(n + 1) for n in wins.values()))
    return max(sum(c) for c in choices if all(n <= cap * sum(c) + 1e-9 for n in c))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.integers(1, 5)), min_size=1, max_size=14),
    st.sampled_from([0.2, 0.25, 0.3, 1 / 3, 0.4, 0.5, 0.6, 0.75, 1.0]),
)
def test_balanced_models_lose_as_few_pairs_as_they_can(rows, cap):
    frame = pairs_of([{"chosen_model": m, "rejected_model": "x", "score_margin": s / 5} for m, s in rows])
    wins = Counter(m for m, _ in rows)
    best = most_pairs(wins, cap)
    if not best:
        assert cap < 1 / len(wins)
        with pytest.raises(KomepError, match=r"smallest cap possible is 0\.\d+|possible is 1\.0") as error:
            models_balanced(frame, cap)
        models_balanced(frame, float(str(error.value).rsplit(" ", 1)[1]))  # what it names is possible
        return
    kept = models_balanced(frame, cap)
    stays = frame.filter(kept)
    assert stays.height == best
    assert max(Counter(stays["chosen_model"]).values()) <= cap * best + 1e-9
    for model in wins:  # the smallest margins go first
        of_model = frame.with_columns(kept).filter(pl.col("chosen_model") == model)
        gone, left = (of_model.filter(pl.col("kept") == k)["score_margin"].to_list() for k in (False, True))
        assert not gone or not left or max(gone) <= min(left)
    other = shuffled(frame)
    assert kept_ids(frame, kept) == kept_ids(other, models_balanced(other, cap))


@pytest.mark.parametrize("cap", [0.0, -1.0, 1.5, float("nan")])
def test_a_cap_that_is_no_share_is_wrong_usage(cap):
    with pytest.raises(KomepError, match="share above 0 to 1") as error:
        models_balanced(pairs_of([{}]), cap)
    assert error.value.exit_code == 2


def test_no_pairs_no_trouble():
    assert len(models_balanced(pairs_of([{}]).clear(), 0.1)) == 0
