"""TRL's `DPOTrainer` with a prompt that both answers share, and an evaluation that keeps each pair's log-probabilities."""

import torch
from datasets import Dataset
from peft import PeftModel
from transformers.integrations import is_deepspeed_zero3_enabled
from transformers.integrations.liger import apply_liger_kernel
from trl import DPOTrainer

from komep_dataset.errors import KomepError
from trainers.losses import Objective
from trainers.padding_free import leave_out_padding
from trainers.reference_cache import use_known_fingerprint
from trainers.safeguards import GuardedTrainer
from trainers.shared_prompt import describe_passes, share_prompts

REFERENCE = ("ref_chosen_logps", "ref_rejected_logps")  # sums over an answer's tokens


class PairwiseDPOTrainer(GuardedTrainer, DPOTrainer):
    """`DPOTrainer` whose evaluation yields log-probabilities per pair instead of none.

    `compute_metrics` gets predictions [pairs, 4] (chosen, rejected, reference chosen, reference rejected; sums
    over the answer's tokens, in nats), under `ld_alpha` [pairs, 8] with the sums that the loss has behind them, and
    labels [pairs, 2] (tokens of chosen and of rejected). The trainer gathers them over all processes, without the
    duplicates that fill the last batch.
    """

    chosen_columns = ("prompt_ids", "chosen_ids")

    def __init__(self, *args, prompts_shared: bool | None = None, **kwargs):
        """`prompts_shared`: whether a pair is one row (`shared_prompt.py`), None for the default; the rest is TRL's."""
        settings = kwargs["args"]
        # TRL 1.16 has the flag and, with a warning, does not use it.
        self.without_padding, settings.padding_free = settings.padding_free, False
        if self.without_padding and prompts_shared:
            raise KomepError("--padding_free and --share_prompts are two ways of one saving; drop one", 2)
        self.objective = Objective.of(settings)
        if not self.objective.is_known and prompts_shared is None:
            prompts_shared = False  # a loss of a later TRL may look at what one row does not give
        self.prompts_shared = prompts_shared
        self.passes_are_set = False
        super().__init__(*args, **kwargs)
        self._set_passes()
        settings.padding_free = self.without_padding
        if self._precompute_engine is not None and is_deepspeed_zero3_enabled():
            # The engine that asked the reference has hooks in the model, too, and numbers its modules anew when training
            # has its own: after a reference of a single batch the old hooks stop the first step.
            self._precompute_engine.destroy()
            self._precompute_engine = None

    def _set_passes(self) -> None:
        """Let the policy and its reference compute a batch in the way that was asked for, both in the same."""
        if self.passes_are_set:
            return
        self.passes_are_set = True
        spread = self.is_fsdp_enabled or is_deepspeed_zero3_enabled()
        wanted = self.prompts_shared
        models = [self.model] if self.ref_model is None else [self.ref_model, self.model]
        for model in map(self.accelerator.unwrap_model, models):
            bare = model.get_base_model() if isinstance(model, PeftModel) else model
            if (
                self.args.use_liger_kernel
            ):  # Trainer would when training starts, after the reference was asked
                apply_liger_kernel(bare, self.args.liger_kernel_config)
            if self.without_padding:
                leave_out_padding(bare, self.args)
            self.prompts_shared = not self.without_padding and share_prompts(bare, self.args, wanted, spread)
        self.passes = describe_passes(bare, wanted, spread, self.prompts_shared, self.without_padding)

    def _precompute_ref_logps(self, dataset, name, batch_size):
        self._set_passes()
        return super()._precompute_ref_logps(dataset, name, batch_size)

    def _prepare_dataset(self, dataset, processing_class, args, dataset_name):
        """TRL's, with a fingerprint by which a second run finds the reference's log-probabilities in the cache."""
        prepared = super()._prepare_dataset(dataset, processing_class, args, dataset_name)
        how = (self.without_padding, self.prompts_shared, args.use_liger_kernel)
        return use_known_fingerprint(prepared, dataset, processing_class, args, how)

    def _prepare_inputs(self, inputs):
        """Trainer's, which under DeepSpeed turns all floats into the model's type: 3,000 nats to the nearest 16."""
        reference = {name: inputs[name] for name in REFERENCE if name in inputs}
        return super()._prepare_inputs(inputs) | {
            name: x.to(self.args.device) for name, x in reference.items()
        }

    def _set_signature_columns_if_needed(self):
        super()._set_signature_columns_if_needed()  # without the lengths TRL cannot group pairs by length
        self._signature_columns = [*{*self._signature_columns, self.args.length_column_name}]

    def chosen_rows(self, inputs):
        pairs = len(inputs["input_ids"]) // 2  # the rejected answers are the second half
        return inputs["input_ids"][:pairs], inputs["attention_mask"][:pairs]

    def lengths(self, dataset: Dataset) -> list[int]:
        prompts, chosen, rejected = (
            [len(ids) for ids in dataset[name]] for name in ("prompt_ids", "chosen_ids", "rejected_ids")
        )
        return [p + max(c, r) for p, c, r in zip(prompts, chosen, rejected, strict=True)]

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
        passes = [p[:, -answer.size(1) :].float() for p in passes]
        tokens = torch.stack(answer.sum(1).chunk(2), dim=1)
        sums = [p.sum(1).chunk(2) for p in passes]
        if self.precompute_ref_logps:
            sums.append((inputs["ref_chosen_logps"], inputs["ref_rejected_logps"]))
        if (
            self.ld_alpha is not None
        ):  # what the loss has: tokens behind the shorter answer's length weigh less
            shorter = tokens.min(1).values.repeat(2).unsqueeze(1)
            weights = torch.where(answer.cumsum(1) > shorter, self.ld_alpha, 1.0)
            sums += [(p * weights).sum(1).chunk(2) for p in passes]
        return loss, torch.stack([side for pair in sums for side in pair], dim=1), tokens

    def log(self, logs, start_time=None):
        """TRL's, with gains in nats in the place of its `rewards/…`, where these are not what the loss is made of."""
        mode = self._metrics["train" if self.model.training else "eval"]
        if not self.objective.is_logged:
            for name in [name for name in mode if name.startswith("rewards/")]:
                scale = 1 if name.endswith("accuracies") else self.beta
                mode[name.replace("rewards/", "gains/")] = [value / scale for value in mode.pop(name)]
        super().log(logs, start_time)
