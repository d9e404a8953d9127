"""Statistics of paired answers: exact tests, bootstrap intervals, Holm's correction; numbers in, numbers out.

An *arm* is what one model answered: a 0/1 array of shape (seeds, questions), 1 where the letter is right. Both
arms answer the same questions; their numbers of seeds may differ. The difference of two arms is the mean over
seeds and questions of the second, less that of the first.

Of scipy `special` alone is used: `stats` and `signal` take a second of CPU to import, more than a comparison.
"""

from collections.abc import Sequence
from math import gcd

import numpy as np
from scipy.special import bdtr, gammaln, xlog1py, xlogy

RESAMPLES = 10_000
SEED = 0


def binomial(k: np.ndarray, n: np.ndarray | int, p: float) -> np.ndarray:
    """The probability of k successes in n trials."""
    ways = gammaln(np.add(n, 1)) - gammaln(k + 1) - gammaln(n - k + 1)
    return np.exp(ways + xlogy(k, p) + xlog1py(n - k, -p))


def at_most(k: np.ndarray | int, n: np.ndarray | int, p: np.ndarray | float) -> np.ndarray:
    """The probability of at most k successes in n trials; k may be negative."""
    return np.where(np.less(k, 0), 0.0, bdtr(np.maximum(k, 0), n, p))


def mcnemar_p(gained: int, lost: int) -> float:
    """Two-sided p-value of McNemar's exact test: are gains and losses equally likely? 1 where there is neither."""
    return min(1.0, 2 * float(at_most(min(gained, lost), gained + lost, 0.5)))


def bootstrap_interval(n: int, gained: int, lost: int, seed: int = SEED) -> tuple[float, float]:
    """95% percentile interval of the difference of accuracy, by resampling questions with both answers.

    A question's difference is 1 (gained), -1 (lost) or 0, so a resample of n questions is one multinomial draw.
    """
    shares = [gained / n, lost / n, (n - gained - lost) / n]
    draws = np.random.default_rng(seed).multinomial(n, shares, size=RESAMPLES)
    low, high = np.percentile((draws[:, 0] - draws[:, 1]) / n, [2.5, 97.5])
    return float(low), float(high)


def _seed_weights(rng: np.random.Generator, seeds: int, resamples: int) -> np.ndarray:
    """Weights of the seeds, (resamples, seeds), each row with sum 1: `seeds - 1` of them, with replacement."""
    if seeds == 1:
        return np.ones((resamples, 1))
    return rng.multinomial(seeds - 1, np.full(seeds, 1 / seeds), size=resamples) / (seeds - 1)


def pooled_interval(
    base: np.ndarray, tuned: np.ndarray, seed: int = SEED, resamples: int = RESAMPLES
) -> tuple[float, float]:
    """95% percentile interval of the difference of two arms that have several seeds.

    Every resample draws questions and, independently, the seeds of each arm, both with replacement: the two-level
    bootstrap for data in which every seed answers the same questions (Owen, "The pigeonhole bootstrap", Annals of
    Applied Statistics 1(2), 2007). A question that is drawn brings all its answers, so what seeds have in common on
    a question is not taken for independent evidence. Of S seeds S - 1 are drawn, which makes the spread between
    few seeds count in full (Rao and Wu, Journal of the American Statistical Association 83, 1988); drawing S would
    halve its variance at S = 2. The interval also tends to be too wide rather than too narrow where seeds differ on
    single questions only. It cannot know a spread that two or three seeds happen not to show: where training seeds
    differ much, five are better than two.

    Args:
        base: first arm, (seeds, questions), 0 or 1.
        tuned: second arm, the same questions in the same order.
        seed: of the resampling.
        resamples: number of resamples.
    """
    rng = np.random.default_rng(seed)
    n = base.shape[1]
    # Questions with the same answers in both arms are alike: drawing n of them is drawing counts of such patterns.
    patterns, counts = np.unique(np.vstack([base, tuned]).T, axis=0, return_counts=True)
    drawn = (
        rng.multinomial(n, counts / n, size=resamples) @ patterns / n
    )  # accuracy of every seed in every resample
    first, second = drawn[:, : len(base)], drawn[:, len(base) :]
    difference = (second * _seed_weights(rng, len(tuned), resamples)).sum(axis=1) - (
        first * _seed_weights(rng, len(base), resamples)
    ).sum(axis=1)
    low, high = np.percentile(difference, [2.5, 97.5])
    return float(low), float(high)


def sign_flip_p(differences: np.ndarray) -> float:
    """Two-sided p-value of the exact sign-flip test of per-question differences, given as whole numbers.

    Under the null hypothesis the two models may be swapped on any question, so each difference is as likely with
    the other sign (Fisher's randomisation test; Good, "Permutation, Parametric and Bootstrap Tests of Hypotheses",
    2005, ch. 3). The p-value is the share of all 2^n sign patterns whose sum is at least as far from 0. All are
    counted: the distribution of the sum is the convolution of one scaled binomial per size of difference. For
    differences of -1, 0 and 1 this is McNemar's exact test. With several seeds a question's difference is the mean
    over seeds (times a common denominator, to be whole); the test asks about these seeds, not about other ones.
    """
    values = np.asarray(differences, dtype=np.int64)
    sizes, counts = np.unique(np.abs(values[values != 0]), return_counts=True)
    if not sizes.size:
        return 1.0
    sizes = sizes // gcd(*map(int, sizes))
    chances = np.ones(1)  # of the sum over the questions that keep a positive sign
    for size, count in zip(sizes, counts, strict=True):
        step = np.zeros(size * count + 1)
        step[::size] = binomial(np.arange(count + 1), count, 0.5)
        chances = _convolved(chances, step)
    total = len(chances) - 1
    observed = abs(int(values.sum())) * total // int(np.abs(values).sum())
    p = float(chances[np.abs(2 * np.arange(total + 1) - total) >= observed].sum())
    return min(1.0, max(p, 2.0 ** (1 - int(counts.sum()))))  # the two extreme patterns are always among them


def _convolved(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The distribution of a sum, of those of its two parts."""
    if len(a) == 1:  # and is 1: nothing is rounded
        return b
    n = len(a) + len(b) - 1
    return np.clip(np.fft.irfft(np.fft.rfft(a, n) * np.fft.rfft(b, n), n), 0, None)


def question_differences(base: np.ndarray, tuned: np.ndarray) -> np.ndarray:
    """Every question's difference of mean correctness, times both numbers of seeds, which makes it whole."""
    return tuned.sum(axis=0) * len(base) - base.sum(axis=0) * len(tuned)


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values corrected by Holm's step-down procedure (Scandinavian Journal of Statistics 6, 1979).

    One p-value stays as it is.
    """
    if len(p_values) < 2:
        return list(p_values)
    from statsmodels.stats.multitest import multipletests

    return [float(p) for p in multipletests(p_values, method="holm")[1]]
