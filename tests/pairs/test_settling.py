"""What is left to the data, whatever the order and the parts in which they come."""

import pytest

from komep_dataset.errors import KomepError
from komep_dataset.pairs.options import PairRules
from komep_dataset.pairs.settling import Settling, settled
from tests.pairs.answers import answers


def by_parts(frame, rules, n):
    settling = Settling(rules)
    for start in range(0, frame.height, n):
        settling.add(frame[start : start + n])
    return settling.settle()


@pytest.mark.parametrize(
    ("units", "k"), [(("t", "tt", "tfff"), "f1@2"), (("t", "tt", "tttt", "tu" * 5), "f1@3")]
)
def test_k_is_the_median_of_units(units, k):
    frame = answers(dict(zip("abcd", units, strict=False)))
    for n in (1, 2, 9):
        rules, told = by_parts(frame.reverse(), PairRules(utility="f1"), n)
        assert (rules.utility, told) == (
            k,
            {"utility": f"K is the median number of units of {len(units)} answers"},
        )


def test_the_floor_of_trimmed_is_the_mean_minus_two_deviations_by_the_utility():
    frame = answers(
        *({"a": "t", "b": "t", "c": "tf", "d": "t"} for _ in range(3)), {"a": "f", "b": "t", "c": "tu"}
    )
    rules, told = by_parts(frame, PairRules(pairs="trimmed"), 4)
    mean, variance = 11.5 / 14, (10 * 1 + 3 * 0.25) / 14 - (11.5 / 14) ** 2
    assert rules.trim_below == pytest.approx(mean - 2 * variance**0.5, abs=1e-6) and "trim_below" in told
    both = settled(PairRules(pairs="trimmed", utility="f1"), frame)
    assert both.utility == "f1@1" and both.trim_below != rules.trim_below
    assert settled(PairRules(pairs="trimmed", trim_below=0.3), frame).trim_below == 0.3


def test_data_without_units_have_no_median():
    frame = answers({"a": "t", "b": "f"})
    bare = frame.with_columns(units=frame["units"].list.head(0))
    with pytest.raises(KomepError, match="--utility f1: no answer has units"):
        settled(PairRules(utility="f1"), bare)
    with pytest.raises(KomepError, match="--pairs trimmed: no answer has a score"):
        settled(PairRules(pairs="trimmed", utility="f1@3"), bare)
