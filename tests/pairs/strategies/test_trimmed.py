"""No answer below a floor is in a pair."""

import polars as pl
import pytest

from komep_dataset.pairs.strategies.trimmed import two_deviations_below
from tests.pairs.answers import answers, pairs, reasons


def test_an_outlier_is_in_no_pair():
    frame = answers({"a": "tttt", "b": "tttf", "c": "ffff"}, {"a": "ffff", "b": "ffft", "c": "tttt"})
    assert pairs(frame) == [("a", "c"), ("c", "a")]
    assert pairs(frame, pairs="trimmed", trim_below=0.2) == [("a", "b"), ("c", "b")]
    assert pairs(frame, pairs="trimmed", trim_below=0.0) == pairs(frame)
    told = reasons(frame, pairs="trimmed", trim_below=0.5)
    assert told == [("too_few_responses", "--pairs trimmed takes 1 of 3 scored responses")]


def test_the_floor():
    scores = pl.DataFrame({"_high": [1.0, 0.5, 1.0], "n": [1, 2, 3]})
    assert two_deviations_below(scores) == pytest.approx(5 / 6 - 2 * (1 / 18) ** 0.5, abs=1e-6)
    assert two_deviations_below(scores) == two_deviations_below(scores.reverse())
    assert two_deviations_below(pl.DataFrame({"_high": [0.0, 1.0], "n": [1, 1]})) == 0.0
