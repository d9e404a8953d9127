"""What a model prefers, pair by pair: figures over held-out pairs that mean the same for every method.

TRL logs means over batches, in which a short last batch weighs as much as a full one, and each of its trainers has
other figures. So the evaluations here keep, for every held-out pair, the log-probabilities of both answers under the
model, and derive from them:

- `policy_accuracy`: share of pairs whose chosen answer has the higher log-probability. It favours the shorter answer.
- `policy_accuracy_per_token`: the same, with log-probability per token of the answer, free of that bias.
- `gain_accuracy`: share of pairs whose chosen answer gained more over the base model than the rejected one. A tie
  counts half, so an untrained model has 0.5, chance. It compares methods with one another.
- `reward_accuracy`: share of pairs whose chosen answer has the higher reward of the method. DPO's implicit reward is
  the gain over the reference (arXiv 2305.18290), so there it equals `gain_accuracy`, unless its loss has another one
  (per token in IPO, none in `sft`: `losses.py`); ORPO's is the log odds of the answer (arXiv 2403.07691, with the mean
  log-probability of its tokens), so there it equals `policy_accuracy_per_token`; instruction tuning has none, and None
  here.
- `margin`: mean of reward of chosen - reward of rejected, in the unit of the loss: with DPO's own beta * nats, TRL's
  `rewards/margins`; beta times the mean log odds ratio for ORPO.
"""

import json
from contextlib import suppress
from pathlib import Path

import numpy as np
from accelerate import PartialState
from transformers import EvalPrediction, Trainer

from komep_dataset.files.outputs import write_text
from trainers.losses import Objective

# Nats. Two forward passes of one float32 model over differently padded batches differ by less.
TIE = 1e-3
BASE = "base_log_probs.json"


def share_above(difference: np.ndarray, tie: np.ndarray | float = 0.0) -> float:
    """Share of differences above zero; those within `tie` of it count half."""
    return float(np.mean(np.where(np.abs(difference) <= tie, 0.5, difference > 0)))


def log_odds(mean_log_probs: np.ndarray) -> np.ndarray:
    """log(p / (1 - p)) of p = exp(mean log-probability of the tokens), as ORPO has it; the argument is below 0."""
    return mean_log_probs - np.log(-np.expm1(mean_log_probs))


def preference_figures(
    policy: np.ndarray,
    reference: np.ndarray | None,
    tokens: np.ndarray,
    advantage: np.ndarray | None = None,
    tie: np.ndarray | float = 0.0,
) -> dict[str, float | None]:
    """The figures of this module's docstring.

    Args:
        policy: [pairs, 2], log-probability of the chosen and of the rejected answer, summed over tokens, in nats.
        reference: the same under the model before training; None = not known.
        tokens: [pairs, 2], tokens of the chosen and the rejected answer, each at least 1.
        advantage: [pairs], reward of chosen less reward of rejected; None = the method has no reward.
        tie: advantages up to which, of either sign, a pair counts half.
    """
    policy = policy.astype(np.float64)
    per_token = policy / tokens
    gain = None if reference is None else np.subtract(*(policy - reference).T)
    return {
        "pairs": len(policy),
        "reward_accuracy": None if advantage is None else share_above(advantage, tie),
        "margin": None if advantage is None else float(advantage.mean()),
        "gain_accuracy": None if gain is None else share_above(gain, TIE),
        "policy_accuracy": share_above(np.subtract(*policy.T)),
        "policy_accuracy_per_token": share_above(np.subtract(*per_token.T)),
        "logps_chosen": float(policy[:, 0].mean()),
        "logps_rejected": float(policy[:, 1].mean()),
    }


def figures_of_dpo(
    objective: Objective,
    policy: np.ndarray,
    base: np.ndarray | None,
    tokens: np.ndarray,
    sums: np.ndarray | None = None,
) -> dict[str, float | None]:
    """`preference_figures` by the reward of a run's losses, and their `loss` where it can be told from the pairs.

    The trainer's own loss is a mean over batches: on several processes it counts the pairs twice that fill the last one,
    and what sorts a batch, or weighs its tokens, hangs on which pairs meet in it.

    Args:
        policy, base, tokens: as in `preference_figures`.
        sums: [pairs, 4], policy and reference as the loss has them, where they are others: under `ld_alpha`, or of a
            reference that moves.
    """
    policy = policy.astype(np.float64)
    sums = np.hstack([policy, base]) if sums is None else sums.astype(np.float64)
    used, reference = sums[:, :2], sums[:, 2:]
    advantage = objective.margins(used - reference, tokens)
    figures = preference_figures(policy, base, tokens, advantage, TIE * objective.unit(tokens))
    return figures | {"loss": objective.loss(used, reference, tokens, policy)}


class PairFigures:
    """The trainer's `compute_metrics`: `EvalPrediction` -> `preference_figures`.

    Predictions are [pairs, 2] (the columns of `policy`), [pairs, 4] with those of the reference behind them, or [pairs, 8]
    with both as the loss has them behind these; labels are [pairs, 2] (`tokens`). Where the reference does not come along,
    or moves, the first evaluation of a run is of the base model: it is kept in `base_log_probs.json`, from which a resumed
    run takes it.
    """

    def __init__(
        self,
        reward: Objective | str | None,
        beta: float | None,
        output: Path,
        checkpoint: str | None,
        moving: bool = False,
    ):
        """What to derive, and from where.

        Args:
            reward: what DPO minimises, `odds` for ORPO's reward, or None.
            beta: what the log odds are multiplied with in the margin.
            output: folder of the run.
            checkpoint: the one that the run goes on from, which has the file beside it.
            moving: whether the reference is trained, too (`sync_ref_model`), and so is not the base model.
        """
        self.reward, self.beta, self.moving = reward, beta, moving
        self.path, self.resumed = output / BASE, checkpoint is not None
        self.base = None
        if checkpoint is not None and (Path(checkpoint).parent / BASE).is_file():
            with suppress(ValueError):  # a spoilt file is a lost one
                self.base = json.loads((Path(checkpoint).parent / BASE).read_text("utf-8"))

    def __call__(self, prediction: EvalPrediction) -> dict[str, float | None]:
        tokens, found = prediction.label_ids, prediction.predictions
        policy, reference = found[:, :2], found[:, 2:4].astype(np.float64)
        if self.moving or not reference.size:
            reference = self._base(policy, tokens)
        if isinstance(self.reward, Objective):
            sums = found[:, 4:] if found.shape[1] == 8 else found if self.moving else None
            figures = figures_of_dpo(self.reward, policy, reference, tokens, sums)
        else:
            odds = np.subtract(*log_odds(policy.astype(np.float64) / tokens).T) if self.reward else None
            figures = preference_figures(
                policy, reference, tokens, odds if odds is None else self.beta * odds
            )
        return {name: value for name, value in figures.items() if value is not None}

    def _base(self, policy: np.ndarray, tokens: np.ndarray) -> np.ndarray | None:
        """Log-probabilities under the base model; None where they are lost, or were of other pairs."""
        if self.base is None and not self.resumed:
            self.base = {"tokens": tokens.tolist(), "log_probs": policy.tolist()}
            if PartialState().is_main_process:
                write_text(self.path, json.dumps(self.base) + "\n")
        same = self.base is not None and self.base["tokens"] == tokens.tolist()
        return np.array(self.base["log_probs"]) if same else None


def evaluation_before(trainer: Trainer) -> dict[str, float | None] | None:
    """The held-out figures of the untrained model, under the names of `Trainer.evaluate`; None = there are none.

    With DPO's cached reference log-probabilities no forward pass is needed: the untrained model is the reference. Without
    them it is the evaluation of step 0 among the log entries, which a resumed run takes over from its checkpoint.
    """
    data, args = trainer.eval_dataset, trainer.args
    if data is None:
        return None
    if not getattr(args, "precompute_ref_log_probs", False):
        return next((e for e in trainer.state.log_history if "eval_loss" in e and e["step"] == 0), None)
    reference = np.array([data["ref_chosen_logps"][:], data["ref_rejected_logps"][:]]).T
    tokens = np.array([[len(ids) for ids in data[side][:]] for side in ("chosen_ids", "rejected_ids")]).T
    figures = figures_of_dpo(Objective.of(args), reference, reference, tokens)
    return {f"eval_{name}": value for name, value in figures.items()}
