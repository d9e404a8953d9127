"""The probability that a pair is the wrong way round, given the verdicts and what the judge is worth.

Model m's answer to question q has a share p of true statements, drawn from a Beta distribution with mean
expit(a_m + u_q) and precision s; u_q, how easy the question is, from a normal distribution with deviation t.
Each of its n units is true with probability p. The judge calls a true unit true with its sensitivity and a
false one false with its specificity, unit by unit, both among verdicts that could be read (an answer with an
unread one has no score).

a_m, s and t are fitted to all scored answers of the release (empirical Bayes): a_m from the model's mean
score with the judge's errors taken out, s and t by maximum marginal likelihood. A pair is flipped if the true
score (true units / units) of its chosen answer is below that of the rejected one; equal true scores count
half. What is given is the probability of that after all verdicts on the question were seen. Best and worst
are picked by those verdicts alone, so the pick adds no bias of its own (no winner's curse) as far as the
model holds; benchmarks/label_noise.py measures it.

Not in it: errors that two answers share, because they hold the same statement; errors of the splitter.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import polars as pl
from scipy.optimize import minimize
from scipy.special import betainc, expit, logit, logsumexp, softmax
from scipy.stats import binom

from komep_dataset.schema import Pair

CELLS = 48  # of the grid over true shares; narrow near 0 and 1
EDGES = np.sin(np.linspace(0, np.pi / 2, CELLS + 1)) ** 2
SHARES = (EDGES[1:] + EDGES[:-1]) / 2  # the middle of each cell
LEVELS = 9  # of question ease, Gauss-Hermite: standard normal values and their weights
EASE, WEIGHTS = np.polynomial.hermite_e.hermegauss(LEVELS)
WEIGHTS /= WEIGHTS.sum()
MOST_QUESTIONS = 4_000  # that s and t are fitted to


@dataclass(frozen=True, slots=True)
class Judge:
    """What a judge's readable verdicts are worth: shares of true units called true, of false ones called false."""

    sensitivity: float
    specificity: float

    @property
    def worth(self) -> float:
        """Youden's index: 1 = perfect, 0 = no better than chance, below 0 = worse."""
        return self.sensitivity + self.specificity - 1.0

    def called(self, share):
        """The share of units that it calls true, where `share` are."""
        return share * self.sensitivity + (1.0 - share) * (1.0 - self.specificity)


@dataclass(frozen=True, slots=True)
class Prior:
    """The fitted model: `means` is a_m by model on the logit scale, `precision` s, `ease` the deviation t."""

    means: Mapping[str, float]
    precision: float
    ease: float


def fit_prior(counts: pl.DataFrame, judge: Judge) -> Prior:
    """Fit the model to the answers; `counts` as of `answer_counts`, one row at least."""
    means = counts.group_by("model").agg((pl.col("called") / pl.col("units")).mean()).sort("model")
    false_alarms = 1.0 - judge.specificity
    # Each model's mean true share on the logit scale: its mean score, the judge's errors taken out.
    shares = {m: min(0.99, max(0.01, (s - false_alarms) / judge.worth)) for m, s in means.iter_rows()}
    corrected = {model: float(logit(share)) for model, share in shares.items()}
    # Ids are hashes: the first are a random sample.
    kept = counts["question_id"].unique().sort()[:MOST_QUESTIONS]
    table = _Table.of(counts.filter(counts["question_id"].is_in(kept.implode())), judge)

    def loss(values):  # the negative log marginal likelihood
        return -logsumexp(table.by_level(table.posteriors(_prior(corrected, *np.exp(values)))), axis=1).sum()

    start, bounds = np.log([4.0, 0.5]), [(np.log(0.05), np.log(500.0)), (np.log(0.01), np.log(5.0))]
    return _prior(corrected, *np.exp(minimize(loss, start, bounds=bounds, method="L-BFGS-B").x))


def _prior(corrected: Mapping[str, float], precision: float, ease: float) -> Prior:
    # The mean of expit(a + u) over a normal u is close to expit(a / sqrt(1 + 0.346 t^2)); turned round.
    stretch = (1.0 + 0.346 * ease**2) ** 0.5
    return Prior({model: a * stretch for model, a in corrected.items()}, float(precision), float(ease))


@dataclass(frozen=True, slots=True)
class _Table:
    """Answers as arrays: distinct (model, units, called), which of them each answer is, and its question."""

    kinds: list[tuple[str, int, int]]
    likelihoods: np.ndarray  # [kind, cell]
    kind: np.ndarray
    question: np.ndarray
    questions: int

    @classmethod
    def of(cls, counts: pl.DataFrame, judge: Judge) -> "_Table":
        rows = list(counts.select("model", "units", "called").iter_rows())
        kinds = sorted(set(rows))
        place = {kind: index for index, kind in enumerate(kinds)}
        n, k = np.array([kind[1:] for kind in kinds]).T[:, :, None]
        question = counts["question_id"].rank("dense").to_numpy().astype(int) - 1
        likelihoods = binom.pmf(k, n, judge.called(SHARES)[None, :])
        return cls(kinds, likelihoods, np.array([place[r] for r in rows]), question, int(question.max()) + 1)

    def posteriors(self, prior: Prior) -> np.ndarray:
        """[kind, level, cell]: probability of the cell and of the verdicts, at each level of ease."""
        weights = {model: _cell_weights(mean, prior) for model, mean in prior.means.items()}
        return np.stack([weights[kind[0]] for kind in self.kinds]) * self.likelihoods[:, None, :]

    def by_level(self, posteriors: np.ndarray) -> np.ndarray:
        """[question, level]: log probability of the level and of all verdicts on the question."""
        answers = np.log(posteriors.sum(axis=2) + 1e-300)[self.kind]
        found = np.tile(np.log(WEIGHTS), (self.questions, 1))
        np.add.at(found, self.question, answers)
        return found


def _cell_weights(mean: float, prior: Prior) -> np.ndarray:
    """[level, cell]: prior probability of each cell of true shares for one model."""
    centre = np.clip(expit(mean + prior.ease * EASE), 1e-4, 1 - 1e-4)[:, None]
    edges = EDGES[None, :]
    cumulated = betainc(centre * prior.precision, (1 - centre) * prior.precision, edges)
    return np.maximum(np.diff(cumulated, axis=1), 1e-12)


@lru_cache(maxsize=4096)
def _true_units(units: int, called: int, judge: Judge) -> np.ndarray:
    """[cell, true units]: probability of so many true units, given the verdicts and the true share."""
    right = SHARES * judge.sensitivity / judge.called(SHARES)
    missed = SHARES * (1 - judge.sensitivity) / (1 - judge.called(SHARES))
    among_true = binom.pmf(np.arange(called + 1), called, right[:, None])
    among_false = binom.pmf(np.arange(units - called + 1), units - called, missed[:, None])
    found = np.zeros((CELLS, units + 1))
    for index in range(called + 1):
        found[:, index : index + units - called + 1] += among_true[:, [index]] * among_false
    return found


def flip_probabilities(
    pairs: pl.DataFrame, counts: pl.DataFrame, judge: Judge, prior: Prior | None = None
) -> np.ndarray:
    """The probability of each pair to be flipped; NaN where an answer has no units.

    Args:
        pairs: `question_id`, `chosen_model`, `rejected_model`.
        counts: all scored answers, as of `answer_counts`.
        judge: what its verdicts are worth.
        prior: what is known of the true shares before; None = fitted to `counts`.
    """
    if counts.is_empty():
        return np.full(pairs.height, np.nan)
    table = _Table.of(counts, judge)
    posteriors = table.posteriors(prior or fit_prior(counts, judge))
    levels = softmax(table.by_level(posteriors), axis=1)
    cells = posteriors / posteriors.sum(axis=2, keepdims=True)
    # For each kind of answer [level, true units]: probability of so many true units.
    truths = [cells[i] @ _true_units(n, k, judge) for i, (_, n, k) in enumerate(table.kinds)]
    answers = zip(table.kind.tolist(), table.question.tolist(), strict=True)
    place = dict(zip(counts.select("question_id", "model").iter_rows(), answers, strict=True))
    flips: dict[tuple[int, int], np.ndarray] = {}
    found = np.full(pairs.height, np.nan)
    for row, (question, *models) in enumerate(pairs.select(Pair.KEY).iter_rows()):
        if all((question, model) in place for model in models):
            (a, q), (b, _) = (place[question, model] for model in models)
            if (a, b) not in flips:
                flips[a, b] = _behind(truths[a], truths[b])
            found[row] = flips[a, b] @ levels[q]
    return found


def _behind(chosen: np.ndarray, rejected: np.ndarray) -> np.ndarray:
    """At each level, the probability that the chosen answer's true share is the smaller one; equal counts half."""
    n, m = chosen.shape[1] - 1, rejected.shape[1] - 1
    gap = np.arange(n + 1)[:, None] * m - np.arange(m + 1)[None, :] * n  # shares compared without rounding
    worse = (gap < 0) + 0.5 * (gap == 0)
    return np.einsum("li,ij,lj->l", chosen, worse, rejected)
