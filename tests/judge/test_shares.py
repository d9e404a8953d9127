"""Shares with their intervals, against two libraries."""

import pytest
from scipy.stats import binomtest

from komep_dataset.judge.shares import share, wilson


def test_wilson_interval_is_that_of_scipy_to_the_bit():
    for n in (1, 2, 7, 20, 97, 1000):
        for hits in {0, 1, n // 3, n // 2, n - 1, n}:
            found = binomtest(hits, n).proportion_ci(method="wilson")
            assert wilson(hits, n) == (found.low, found.high)


def test_wilson_interval_agrees_with_statsmodels():
    oracle = pytest.importorskip("statsmodels.stats.proportion", reason="comes with the extra [dev]")

    for hits, n in ((0, 10), (3, 10), (10, 10), (137, 290)):
        one = share(hits, n)
        assert (one.low, one.high) == pytest.approx(
            oracle.proportion_confint(hits, n, method="wilson"), abs=1e-9
        )
