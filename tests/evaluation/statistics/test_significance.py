"""Statistics of paired answers against scipy and statsmodels, and the coverage of the pooled intervals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, bootstrap, permutation_test
from statsmodels.stats.contingency_tables import mcnemar

from evaluation.statistics.significance import (
    at_most,
    binomial,
    bootstrap_interval,
    holm,
    mcnemar_p,
    pooled_interval,
    sign_flip_p,
)


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_that_of_statsmodels(gained, lost):
    assert mcnemar_p(gained, lost) == pytest.approx(
        mcnemar([[10, lost], [gained, 10]], exact=True).pvalue if gained + lost else 1.0
    )


@given(
    st.integers(0, 400), st.integers(-1, 400), st.floats(1e-9, 1.0) | st.just(0.0)
)  # nearer to 0 scipy overflows
def test_the_binomial_distribution_is_that_of_scipy(n, k, p):
    assert at_most(min(k, n), n, p) == pytest.approx(binom.cdf(min(k, n), n, p), abs=1e-12)
    many = np.arange(n + 1)
    assert binomial(many, n, p) == pytest.approx(binom.pmf(many, n, p), rel=1e-9, abs=1e-300)


@pytest.mark.parametrize(
    ("n", "gained", "lost"), [(60, 9, 3), (435, 60, 20), (200, 0, 0), (100, 0, 7), (1, 1, 0)]
)
def test_bootstrap_interval_is_that_of_scipy(n, gained, lost):
    low, high = bootstrap_interval(n, gained, lost)
    assert (low, high) == bootstrap_interval(n, gained, lost)
    assert -1 <= low <= (gained - lost) / n <= high <= 1
    if n == 1:
        return
    after = np.array([1] * gained + [0] * lost + [1] * (n - gained - lost))
    before = np.array([0] * gained + [1] * lost + [1] * (n - gained - lost))
    oracle = bootstrap(
        (after, before), lambda a, b, axis: a.mean(axis) - b.mean(axis), paired=True, method="percentile",
        n_resamples=10_000, rng=np.random.default_rng(1),
    ).confidence_interval  # fmt: skip
    assert (low, high) == pytest.approx((oracle.low, oracle.high), abs=1.5 / n + 0.002)


def random_arm(seed: int, seeds: int, questions: int, share: float = 0.4) -> np.ndarray:
    return (np.random.default_rng(seed).random((seeds, questions)) < share).astype(np.int64)


@given(st.lists(st.integers(-1, 1), min_size=1, max_size=300))
@settings(deadline=None)
def test_sign_flip_of_single_seeds_is_mcnemar(differences):
    gained, lost = differences.count(1), differences.count(-1)
    assert sign_flip_p(np.array(differences)) == pytest.approx(mcnemar_p(gained, lost), rel=1e-6)


@given(st.lists(st.integers(-6, 6), min_size=2, max_size=10))
@settings(deadline=None, max_examples=40)
def test_sign_flip_is_scipys_exact_permutation_test(differences):
    values = np.array(differences)
    oracle = permutation_test(
        (values, np.zeros_like(values)), lambda a, b, axis: (a - b).sum(axis), permutation_type="samples",
        n_resamples=np.inf, vectorized=True,
    ).pvalue  # fmt: skip
    assert sign_flip_p(values) == pytest.approx(min(1.0, oracle))


def test_sign_flip_of_many_questions_is_quick_and_not_zero():
    values = np.random.default_rng(0).integers(-4, 26, 3009)  # 5 by 5 seeds, a whole test set
    assert 0 < sign_flip_p(values) < 1e-9
    assert sign_flip_p(np.ones(2000, dtype=int)) == pytest.approx(mcnemar_p(2000, 0), abs=1e-300)


def test_pooled_interval_of_single_seeds_is_the_paired_bootstrap():
    base, tuned = random_arm(1, 1, 400), random_arm(2, 1, 400, 0.5)
    gained, lost = int((tuned > base).sum()), int((tuned < base).sum())
    assert pooled_interval(base, tuned) == pytest.approx(bootstrap_interval(400, gained, lost), abs=0.004)


def test_copies_of_a_seed_bring_no_precision_and_spread_between_seeds_costs_some():
    base, tuned = random_arm(1, 1, 300), random_arm(2, 1, 300, 0.5)
    one = pooled_interval(base, tuned)
    assert pooled_interval(base, np.repeat(tuned, 5, axis=0)) == pytest.approx(one, abs=0.008)
    apart = np.vstack([random_arm(3, 1, 300, 0.3), random_arm(4, 1, 300, 0.7)])  # same mean, 40 points apart
    low, high = pooled_interval(base, apart)
    assert high - low > 2 * (one[1] - one[0])


def simulated(rng: np.random.Generator, seeds: int, shift: float, spread: float) -> np.ndarray:
    """Answers to 200 questions whose difficulty all seeds share, each seed better or worse by `spread` (logit)."""
    rows = shift + simulated.difficulty + rng.normal(0, spread, (seeds, 1)) + rng.normal(0, 0.5, (seeds, 200))
    return (rng.random((seeds, 200)) < 1 / (1 + np.exp(-rows))).astype(np.int64)


@pytest.mark.parametrize(
    ("seeds", "spread", "least"),
    [((1, 1), 0.0, 0.92), ((1, 3), 0.0, 0.92), ((2, 2), 0.1, 0.92), ((3, 3), 0.3, 0.90)],
)
def test_intervals_cover_the_true_difference(seeds, spread, least):
    """Of 200 simulated studies, at least so many 95% intervals hold the truth; and they are no wider than sense."""
    rng = np.random.default_rng(7)
    logit = rng.normal(0, np.sqrt(1.5**2 + 0.5**2 + spread**2), 1_000_000)
    truth = (1 / (1 + np.exp(-logit)) - 1 / (1 + np.exp(0.4 - logit))).mean()
    held, widths = 0, []
    for study in range(200):
        simulated.difficulty = rng.normal(0, 1.5, 200)
        base, tuned = simulated(rng, seeds[0], -0.4, spread), simulated(rng, seeds[1], 0.0, spread)
        low, high = pooled_interval(base, tuned, seed=study, resamples=600)
        held += low <= truth <= high
        widths.append(high - low)
    assert held / 200 >= least
    assert np.mean(widths) < 0.27


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
@settings(deadline=None, max_examples=25)
def test_holm_by_hand(p_values):
    """The k-th smallest of m is multiplied by m - k + 1, never falls below an earlier one, never above 1."""
    order = np.argsort(p_values, kind="stable")
    steps = np.array(p_values)[order] * np.arange(len(p_values), 0, -1)
    expected = np.empty(len(p_values))
    expected[order] = np.minimum(np.maximum.accumulate(steps), 1)
    assert holm(p_values) == pytest.approx(list(expected))
