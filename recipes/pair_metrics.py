"""What a model prefers, pair by pair: a trainer that keeps each pair's log-probabilities, and their figures.

TRL logs means over batches, in which a short last batch weighs as much as a full one, and its reward accuracy
says nothing before training, when the policy is the reference. So the evaluation here keeps, for every
held-out pair, the four sums that TRL's own forward passes compute, and derives from them:

- `policy_accuracy`: share of pairs whose chosen answer has the higher log-probability under the policy alone.
  It favours the shorter answer, and means something before training as well.
- `policy_accuracy_per_token`: the same, with log-probability per token of the answer, free of that bias.
- `reward_accuracy`: share of pairs whose chosen answer gained more over the reference than the rejected one
  (the implicit reward of DPO, arXiv 2305.18290). A tie counts half, so an untrained policy has 0.5, chance.
- `margin`: mean of beta * (gain of chosen - gain of rejected), TRL's `rewards/margins`, in nats.
"""

import math

import numpy as np
import torch
from datasets.fingerprint import Hasher
from transformers import EvalPrediction
from trl import DPOTrainer

# Nats. Two forward passes of one float32 model over differently padded batches differ by less.
TIE = 1e-3


class PairwiseDPOTrainer(DPOTrainer):
    """`DPOTrainer` whose evaluation yields log-probabilities per pair instead of none.

    `compute_metrics` gets predictions [pairs, 4] (chosen, rejected, reference chosen, reference rejected; sums
    over the answer's tokens, in nats) and labels [pairs, 2] (tokens of chosen and of rejected). The trainer
    gathers them over all processes, without the duplicates that fill the last batch.
    """

    def _prepare_dataset(self, dataset, processing_class, args, dataset_name):
        """TRL's, with a fingerprint that a second run meets again, so that it finds the cached reference.

        TRL's own covers the trainer, output folder included, and is another one in every run.
        """
        prepared = super()._prepare_dataset(dataset, processing_class, args, dataset_name)
        cut = (args.max_length, args.truncation_mode)
        prepared._fingerprint = Hasher.hash((dataset._fingerprint, processing_class, cut))
        return prepared

    def _set_signature_columns_if_needed(self):
        super()._set_signature_columns_if_needed()  # without the lengths TRL cannot group pairs by length
        self._signature_columns = [*{*self._signature_columns, self.args.length_column_name}]

    def prediction_step(self, model, inputs, prediction_loss_only, ignore_keys=None):
        inputs = self._prepare_inputs(inputs)
        passes = []  # log-probabilities [2 * batch, tokens] of the policy, then of the reference if it is run
        modules = [self.model] if self.ref_model is None else [self.model, self.ref_model]
        hooks = [m.register_forward_hook(lambda _, __, out: passes.append(out.log_probs)) for m in modules]
        try:
            loss, _, _ = super().prediction_step(model, inputs, True, ignore_keys)
        finally:
            for hook in hooks:
                hook.remove()
        answer = inputs["completion_mask"][:, 1:]
        sums = [p[:, -answer.size(1) :].float().sum(1).chunk(2) for p in passes]
        if self.precompute_ref_logps:
            sums.append((inputs["ref_chosen_logps"], inputs["ref_rejected_logps"]))
        policy, reference = sums
        return loss, torch.stack([*policy, *reference], dim=1), torch.stack(answer.sum(1).chunk(2), dim=1)


def share_above(difference: np.ndarray, tie: float = 0.0) -> float:
    """Share of differences above zero; those within `tie` of it count half."""
    return float(np.mean(np.where(np.abs(difference) <= tie, 0.5, difference > 0)))


def preference_figures(sums: np.ndarray, tokens: np.ndarray, beta: float) -> dict[str, float]:
    """The figures of this module's docstring.

    Args:
        sums: [pairs, 4], log-probabilities in nats: chosen, rejected, and both under the reference.
        tokens: [pairs, 2], tokens of the chosen and the rejected answer, each at least 1.
        beta: the beta of DPO.
    """
    chosen, rejected, reference_chosen, reference_rejected = sums.astype(np.float64).T
    gain = (chosen - reference_chosen) - (rejected - reference_rejected)
    return {
        "pairs": len(sums),
        "reward_accuracy": share_above(gain, TIE),
        "margin": float(beta * gain.mean()),
        "policy_accuracy": share_above(chosen - rejected),
        "policy_accuracy_per_token": share_above(chosen / tokens[:, 0] - rejected / tokens[:, 1]),
        "logps_chosen": float(chosen.mean()),
        "logps_rejected": float(rejected.mean()),
    }


def evaluation_before(trainer: DPOTrainer) -> dict[str, float | None] | None:
    """The held-out figures of the untrained policy, under the names of `Trainer.evaluate`.

    With cached reference log-probabilities no forward pass is needed: the untrained policy is the reference. The
    loss is then known for DPO's own (ln 2) and None for the others. Without them it is the evaluation of step 0
    among the log entries, which a resumed run takes over from its checkpoint.
    """
    data, args = trainer.eval_dataset, trainer.args
    if not args.precompute_ref_log_probs:
        return next((e for e in trainer.state.log_history if "eval_loss" in e and e["step"] == 0), None)
    reference = np.array([data["ref_chosen_logps"][:], data["ref_rejected_logps"][:]]).T
    tokens = np.array([[len(ids) for ids in data[side][:]] for side in ("chosen_ids", "rejected_ids")]).T
    figures = preference_figures(np.concatenate([reference, reference], axis=1), tokens, args.beta)
    plain = args.loss_type == ["sigmoid"] and not args.label_smoothing
    return {f"eval_{name}": value for name, value in figures.items()} | {
        "eval_loss": math.log(2) if plain else None
    }


def compute_metrics_for(beta: float):
    """The trainer's `compute_metrics`: `EvalPrediction` -> `preference_figures`."""

    def compute_metrics(prediction: EvalPrediction) -> dict[str, float]:
        return preference_figures(prediction.predictions, prediction.label_ids, beta)

    return compute_metrics
