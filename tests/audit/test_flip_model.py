"""Expected flips against simulation with known truth, conditional draws and a prior that knows nothing."""

import numpy as np
import polars as pl
import pytest
from scipy.special import expit

from benchmarks.label_noise import JUDGES, WORLDS, outcome
from komep_dataset.audit.flip_model import Judge, Prior, flip_probabilities


@pytest.mark.parametrize(
    ("world", "judge", "tolerance"),
    [
        ("as modelled", "fair", 0.02),
        pytest.param("as modelled", "poor", 0.05, marks=pytest.mark.slow),
        pytest.param("hard questions", "fair", 0.02, marks=pytest.mark.slow),
        pytest.param("all alike", "lenient", 0.03, marks=pytest.mark.slow),
    ],
)
def test_expected_and_true_shares_of_flips_agree(world, judge, tolerance):
    """Best and worst of five, picked by the judge's verdicts: no winner's curse is left in what is expected."""
    found = outcome(WORLDS[world], JUDGES[judge], questions=800, seed=11)
    assert found.expected.mean() == pytest.approx(found.true.mean(), abs=tolerance)
    for expected, true in found.bins():  # within three standard errors of a bin, or the tolerance
        error = 3 * (expected["flipped"] * (1 - expected["flipped"]) / expected["pairs"]) ** 0.5
        assert abs(expected["flipped"] - true) < max(error, tolerance) + 0.01, expected


@pytest.mark.slow
def test_a_prior_that_knows_nothing_falls_to_the_winners_curse():
    """Why the prior is fitted: where all answers are alike, a flat one takes luck for quality."""
    found = outcome(WORLDS["all alike"], JUDGES["fair"], 600, 5)
    assert found.flat.mean() < found.true.mean() - 0.03
    assert found.expected.mean() == pytest.approx(found.true.mean(), abs=0.025)


def test_the_probability_is_that_of_drawing_until_the_verdicts_come_out():
    """One question, three answers, a known prior: draw everything, keep the draws with these verdicts, count."""
    prior, judge = Prior({"a": 0.8, "b": -0.3, "c": 0.2}, precision=3.0, ease=1.0), Judge(0.85, 0.7)
    seen = {"a": (3, 3), "b": (4, 2), "c": (3, 1)}  # units, called true
    rng, n = np.random.default_rng(0), 800_000
    ease = rng.normal(size=n)
    hit, true = np.ones(n, bool), {}
    for model, (units, called) in seen.items():
        centre = expit(prior.means[model] + prior.ease * ease)
        share = rng.beta(centre * prior.precision, (1 - centre) * prior.precision)
        true[model] = rng.binomial(units, share)
        verdicts = rng.binomial(true[model], judge.sensitivity) + rng.binomial(
            units - true[model], 1 - judge.specificity
        )
        hit &= verdicts == called
    gap = true["a"][hit] / 3 - true["b"][hit] / 4
    drawn = (gap < -1e-9).mean() + 0.5 * (abs(gap) < 1e-9).mean()
    counts = pl.DataFrame(
        [{"question_id": "q", "model": m, "units": u, "called": c} for m, (u, c) in seen.items()]
    )
    pairs = pl.DataFrame(
        {"question_id": ["q", "q"], "chosen_model": ["a", "a"], "rejected_model": ["b", "z"]}
    )
    expected, absent = flip_probabilities(pairs, counts, judge, prior)
    assert hit.sum() > 10_000
    assert expected == pytest.approx(drawn, abs=0.012)
    assert np.isnan(absent)  # an answer without units: not known


def test_a_perfect_judge_flips_nothing():
    found = outcome(WORLDS["as modelled"], JUDGES["perfect"], questions=100, seed=0)
    assert found.expected == pytest.approx(0.0, abs=1e-12) and found.true.sum() == 0
