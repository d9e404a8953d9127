"""TRL's `SFTTrainer` with an evaluation that looks at the rejected answer as well."""

from dataclasses import dataclass, replace

import torch
from datasets import Dataset
from training.base_model import cut, render
from trl import SFTTrainer
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from trainers.safeguards import GuardedTrainer

REJECTED = ("rejected_input_ids", "rejected_labels")


@dataclass
class BothAnswersCollator(DataCollatorForLanguageModeling):
    """TRL's batch, and where rows have a rejected conversation, `rejected_…` of the same three tensors."""

    def torch_call(self, examples):
        batch = super().torch_call(examples)
        if REJECTED[0] in examples[0]:
            rows = [{"input_ids": row[REJECTED[0]], "labels": row[REJECTED[1]]} for row in examples]
            batch |= {f"rejected_{name}": tensor for name, tensor in super().torch_call(rows).items()}
        return batch


def tokenize_rejected(row: dict, tokenizer, max_length: int | None) -> dict[str, list[int]]:
    """Ids and labels (-100 on the prompt) of the rejected conversation, cut as TRL cuts the chosen one."""
    prompt = render(row, row["prompt"], tokenizer, add_generation_prompt=True)
    ids = render(row, row["prompt"] + row["rejected"], tokenizer)[:max_length]
    start = cut(prompt, ids)
    return dict(zip(REJECTED, (ids, [-100] * start + ids[start:]), strict=True))


class PairwiseSFTTrainer(GuardedTrainer, SFTTrainer):
    """`SFTTrainer` on the chosen answer, whose evaluation yields log-probabilities per pair.

    The loss, in training and in evaluation, is of the chosen answer alone. `compute_metrics` gets predictions
    [pairs, 2] (chosen, rejected; sums over the answer's tokens, in nats) and labels [pairs, 2] (tokens of each).
    """

    chosen_columns = ("input_ids",)

    def __init__(self, *, args, **settings):
        args.eval_packing = False  # a pair is judged alone
        super().__init__(args=args, **settings)
        self.data_collator = BothAnswersCollator(**vars(self.data_collator))

    def get_eval_dataloader(self, *args, **kwargs):
        """Batches of padded pairs, also where rows are joined for training."""
        of_training, self.data_collator = self.data_collator, replace(self.data_collator, padding_free=False)
        try:
            return super().get_eval_dataloader(*args, **kwargs)
        finally:
            self.data_collator = of_training

    def _prepare_dataset(self, dataset, processing_class, args, packing, formatting_func, dataset_name):
        """TRL's, and on held-out pairs the tokens of the rejected conversation."""
        prepared = super()._prepare_dataset(
            dataset, processing_class, args, packing, formatting_func, dataset_name
        )
        if dataset_name != "eval":
            return prepared
        settings = {"tokenizer": processing_class, "max_length": args.max_length}
        with args.main_process_first():
            return prepared.map(tokenize_rejected, fn_kwargs=settings, desc="Tokenizing rejected answers")

    def _set_signature_columns_if_needed(self):
        super()._set_signature_columns_if_needed()
        self._signature_columns = [*{*self._signature_columns, *REJECTED, self.args.length_column_name}]

    def chosen_rows(self, inputs):
        ids = inputs["input_ids"]  # without padding there is no mask
        return ids, inputs.get("attention_mask", torch.ones_like(ids))

    def lengths(self, dataset: Dataset) -> list[int]:
        return [len(ids) for ids in dataset["input_ids"]]

    def prediction_step(self, model, inputs, prediction_loss_only, ignore_keys=None):
        inputs = self._prepare_inputs(inputs)
        names = [name for name in inputs if name.startswith("rejected_")]
        rejected = {name.removeprefix("rejected_"): inputs.pop(name) for name in names}
        passes = []  # log-probabilities [batch, tokens], 0 where the loss does not look: chosen, then rejected
        hook = self.model.register_forward_hook(lambda _, __, out: passes.append(out.log_probs))
        try:
            loss, _, _ = super().prediction_step(model, inputs, True, ignore_keys)
            with torch.no_grad(), self.compute_loss_context_manager():
                model(**rejected, use_cache=False, fused_lm_head=True)
        finally:
            hook.remove()
        sums = torch.stack([log_probs.float().sum(1) for log_probs in passes], dim=1)
        labels = (inputs["labels"], rejected["labels"])
        return loss, sums, torch.stack([(side[:, 1:] != -100).sum(1) for side in labels], dim=1)
