"""Krippendorff's alpha of nominal values, with a bootstrap interval. (Krippendorff, Content Analysis, 4th ed., chapter 12.)"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

DRAWS, SEED = 2000, 0


@dataclass(frozen=True, slots=True)
class Reliability:
    """`alpha` over the `items` that at least two judged; its 95% interval by drawing clusters again. None where it is not
    defined: no such item, or one value alone."""

    items: int
    alpha: float | None
    low: float | None
    high: float | None


def reliability(
    items: Sequence[tuple[Hashable, Sequence[Hashable]]], mirrored: Mapping[Hashable, Hashable] | None = None
) -> Reliability:
    """Alpha of what several people said.

    Args:
        items: (cluster, the values that an item was given) of each item; those with fewer than two values count nowhere.
            Items of one cluster are drawn together.
        mirrored: value -> what it is called the other way round. Each item then counts half in either direction: which of two
            answers was chosen is a name and no trait of theirs, and most being `chosen` makes agreement on it no luck.
    """
    several = [(cluster, values) for cluster, values in items if len(values) > 1]
    names = sorted({value for _, values in several for value in values} | {*(mirrored or ())}, key=str)
    places = {name: n for n, name in enumerate(names)}
    turned = [places[(mirrored or {}).get(name, name)] for name in names]
    clusters = {cluster: n for n, cluster in enumerate(dict.fromkeys(cluster for cluster, _ in several))}
    together = np.zeros((len(clusters), len(names), len(names)))
    for cluster, values in several:
        counts = np.bincount([places[value] for value in values], minlength=len(names))
        own = (np.outer(counts, counts) - np.diag(counts)) / (len(values) - 1)
        together[clusters[cluster]] += (own + own[turned][:, turned]) / 2
    whole = together.reshape(len(clusters), len(names) ** 2)
    [alpha] = _alphas(whole.sum(0, keepdims=True), len(names)) or [None]
    if alpha is None:
        return Reliability(len(several), None, None, None)
    rng = np.random.default_rng(SEED)
    draws = rng.multinomial(len(clusters), np.full(len(clusters), 1 / len(clusters)), DRAWS)
    low, high = np.quantile(_alphas(draws @ whole, len(names)) or [alpha], (0.025, 0.975))
    return Reliability(len(several), alpha, float(low), float(high))


def _alphas(together: np.ndarray, k: int) -> list[float]:
    """Alpha of each of several coincidence matrices of `k` values, a row each; those of which it is not defined are left out."""
    together = together.reshape(len(together), k, k)
    of_each = together.sum(1)
    n = of_each.sum(1)
    expected = n * n - (of_each**2).sum(1)
    there = expected > 0
    apart = (n - np.trace(together, axis1=1, axis2=2))[there]
    return (1 - (n[there] - 1) * apart / expected[there]).tolist()
