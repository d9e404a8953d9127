"""Figures over pairs, by hand."""

import math

import numpy as np
import pytest

pytest.importorskip("trl", reason="needs the extra [recipes]")

from trainers.losses import Objective
from trainers.pair_metrics import PairFigures, figures_of_dpo, preference_figures, share_above
from transformers import EvalPrediction


def test_figures_by_hand():
    # chosen, rejected, both under the reference; the second pair is preferred by length alone
    sums = np.array([[-10.0, -12.0, -11.0, -12.0], [-20.0, -30.0, -19.0, -30.0], [-9.0, -8.0, -9.0, -8.0]])
    tokens = np.array([[5, 4], [5, 10], [3, 2]])
    figures = figures_of_dpo(Objective({"sigmoid": 1.0}, beta=0.1), sums[:, :2], sums[:, 2:], tokens)
    assert figures["pairs"] == 3
    assert figures["reward_accuracy"] == pytest.approx((1 + 0 + 0.5) / 3)  # gains 1, -1 and 0: a tie
    assert figures["gain_accuracy"] == figures["reward_accuracy"]
    assert figures["margin"] == pytest.approx(0.1 * (1 - 1 + 0) / 3)
    assert figures["policy_accuracy"] == pytest.approx(2 / 3)
    assert figures["policy_accuracy_per_token"] == pytest.approx(2 / 3)  # -2 > -3, -4 < -3, -3 > -4
    assert figures["logps_chosen"] == pytest.approx(-13) and figures["logps_rejected"] == pytest.approx(
        -50 / 3
    )


def test_untrained_policy_has_chance_accuracy_also_with_float_noise():
    noise = np.random.default_rng(0).normal(scale=1e-4, size=200)
    assert share_above(noise, tie=1e-3) == 0.5
    assert share_above(np.array([1.0, 2.0, -1.0, 0.0]), tie=1e-3) == 0.625


def test_rewards_of_the_other_methods(tmp_path):
    policy, tokens = np.array([[-10.0, -12.0], [-20.0, -30.0]]), np.array([[5, 4], [5, 10]])
    odds = PairFigures("odds", 0.5, tmp_path, None)(EvalPrediction(policy, tokens))
    p = np.exp(policy / tokens)
    ratio = np.log(p[:, 0] / (1 - p[:, 0])) - np.log(p[:, 1] / (1 - p[:, 1]))
    assert odds["margin"] == pytest.approx(0.5 * ratio.mean())
    assert odds["reward_accuracy"] == odds["policy_accuracy_per_token"] == 0.5  # -2 > -3, -4 < -3
    assert odds["gain_accuracy"] == 0.5  # it is the base model
    assert (
        preference_figures(policy, None, tokens)["gain_accuracy"] is None
    )  # nothing is known of the base model
    plain = preference_figures(policy, policy - [1.0, 0.0], tokens)
    assert plain["reward_accuracy"] is None and plain["margin"] is None and plain["gain_accuracy"] == 1.0


def test_base_figures_are_kept_for_a_resumed_run(tmp_path):
    from transformers import EvalPrediction

    tokens, base = np.array([[5, 4], [5, 10]]), np.array([[-10.0, -12.0], [-20.0, -30.0]])
    first = PairFigures("odds", 0.1, tmp_path, None)
    assert first(EvalPrediction(base, tokens))["gain_accuracy"] == 0.5
    later = base + np.array([[1.0, 0.0], [-1.0, 0.0]])
    resumed = PairFigures("odds", 0.1, tmp_path, str(tmp_path / "checkpoint-1"))
    assert resumed(EvalPrediction(later, tokens))["gain_accuracy"] == 0.5  # one gained, one lost
    assert resumed(EvalPrediction(base + np.array([1.0, 0.0]), tokens))["gain_accuracy"] == 1.0
    assert "gain_accuracy" not in resumed(EvalPrediction(later, tokens + 1))  # other pairs, or another order
    elsewhere = PairFigures("odds", 0.1, tmp_path, str(tmp_path / "lost" / "checkpoint-1"))
    assert "gain_accuracy" not in elsewhere(EvalPrediction(later, tokens))  # not taken for the base model


def test_dpo_loss_is_of_the_pairs_and_not_of_the_batches(tmp_path):
    """Equation 7 of the paper; the trainer's mean would count the pairs twice that fill a batch."""
    policy, reference = np.array([[-2.0, -3.0], [-5.0, -1.0]]), np.array([[-2.5, -2.0], [-4.0, -1.5]])
    prediction = EvalPrediction(np.hstack([policy, reference]), np.ones((2, 2)))
    gains = [(-2.0 + 2.5) - (-3.0 + 2.0), (-5.0 + 4.0) - (-1.0 + 1.5)]
    expected = sum(math.log(1 + math.exp(-0.5 * gain)) for gain in gains) / 2
    figures = PairFigures(Objective({"sigmoid": 1.0}, 0.5), None, tmp_path, None)(prediction)
    assert figures["loss"] == pytest.approx(expected)
    weighted = PairFigures(Objective({"sigmoid": 1.0}, 0.5, weighted=True), None, tmp_path, None)(prediction)
    assert "loss" not in weighted  # of more than the answers' log-probabilities: the trainer's stays


def test_a_reference_that_moves_is_not_the_base_model(tmp_path):
    """`sync_ref_model`: the reward goes by what the reference has become, the gain by what it was."""
    base, tokens = np.array([[-10.0, -12.0], [-20.0, -30.0]]), np.ones((2, 2))
    figures = PairFigures(Objective({"sigmoid": 1.0}, 0.5), None, tmp_path, None, moving=True)
    assert figures(EvalPrediction(np.hstack([base, base]), tokens))["gain_accuracy"] == 0.5
    policy, moved = base + np.array([2.0, 0.0]), base + np.array([3.0, 0.0])
    found = figures(EvalPrediction(np.hstack([policy, moved]), tokens))
    assert (found["gain_accuracy"], found["reward_accuracy"], found["margin"]) == (1.0, 0.0, -0.5)
