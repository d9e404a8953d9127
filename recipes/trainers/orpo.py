"""TRL's `ORPOTrainer`: imported here and nowhere else, with our tokens, our figures, and a choice of its NLL.

TRL keeps ORPO among its experiments and may drop it (trl #4223, #4480, #6309). Three things differ from it here:

- The tokens are those that DPO and instruction tuning see. TRL's own `tokenize_row` adds an end-of-sequence token
  wherever the last token is another one, so that a template which ends a turn in a line break gets a second one.
- The likelihood term covers prompt and chosen answer, as in TRL (trl #1516, #2502, #2527), or the answer alone.
- The batch says which of its tokens are no padding, so that the tokens seen can be counted.
"""

import os
from functools import partial

import torch
from datasets import Dataset, Features, Value
from training.base_model import cut, template_settings
from trl import apply_chat_template

from trainers.safeguards import GuardedTrainer

os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")  # what it warns of is in this docstring
try:
    from trl.experimental.orpo import ORPOConfig, ORPOTrainer
except ImportError as error:  # the flags of recipes/orpo.py hang on it, so that the program ends here
    raise SystemExit(
        f"error: this version of TRL has no trl.experimental.orpo ({error}); ORPO is an experiment there. Install one "
        'that has it (pip install "trl>=1.16,<2"), or train with recipes/dpo.py'
    ) from error

SIDES = ("chosen", "rejected")
NLL_ON = ("all", "completion")


def count_batch(collate, rows: list[dict]) -> dict[str, torch.Tensor]:
    """The tensors of a collated batch, and `input_ids` and `attention_mask` of both sides, by which tokens are counted."""
    ends = ("_input_ids", "_attention_mask", "_labels")
    batch = collate([{key: row[key] for key in row if key.endswith(ends)} for row in rows])
    for name in ("input_ids", "attention_mask"):
        batch[name] = torch.cat([batch[f"{side}_{name}"].flatten() for side in SIDES]).unsqueeze(0)
    return batch


def as_texts(dataset: Dataset, tokenizer) -> Dataset:
    """Pairs under the chat template; with their tools, which TRL's ORPO would leave out, and from messages of any type."""
    columns = ("prompt", *SIDES)

    def as_text(row: dict) -> dict[str, str]:
        return apply_chat_template({name: row[name] for name in columns}, tokenizer, **template_settings(row))

    texts = dict.fromkeys(columns, Value("string"))
    return dataset.map(as_text, features=Features(dataset.features | texts))


class PairwiseORPOTrainer(GuardedTrainer, ORPOTrainer):
    """`ORPOTrainer` whose evaluation yields log-probabilities per pair.

    `compute_metrics` gets predictions [pairs, 2] (chosen, rejected; sums over the answer's tokens, in nats) and
    labels [pairs, 2] (tokens of each).
    """

    chosen_columns = ("chosen_input_ids",)

    def __init__(self, *, args: ORPOConfig, nll_on: str = "all", quantization_config=None, **settings):
        """`nll_on`: `all` for prompt and chosen answer, `completion` for the answer; the rest is TRL's."""
        self.nll_on = nll_on
        given = args.model_init_kwargs
        # A copy, since TRL writes a `torch.dtype` into it; and no device map, which several processes cannot have.
        args.model_init_kwargs = {"device_map": None, **(given or {})}
        if quantization_config is not None:
            args.model_init_kwargs["quantization_config"] = quantization_config
        for name in ("train_dataset", "eval_dataset"):
            if settings.get(name) is not None:
                settings[name] = as_texts(settings[name], settings["processing_class"])
        args.remove_unused_columns = False  # TRL sets it too, with a warning
        super().__init__(args=args, **settings)
        args.model_init_kwargs = given
        self.data_collator = partial(count_batch, self.data_collator)

    def tokenize_row(self, feature: dict, model=None) -> dict[str, list[int]]:
        """Token ids, masks and labels (-100 on the prompt) of both sides of a pair of texts."""
        tokenize = partial(self.processing_class, add_special_tokens=False)  # the template has written them
        prompt = tokenize(feature["prompt"])["input_ids"]
        sides = {side: tokenize(feature["prompt"] + feature[side])["input_ids"] for side in SIDES}
        start = min(cut(prompt, ids) for ids in sides.values())
        row = {"prompt_input_ids": prompt, "prompt_attention_mask": [1] * len(prompt)}
        for side, ids in sides.items():
            row[f"{side}_input_ids"] = ids[: self.max_length]
            row[f"{side}_attention_mask"] = [1] * len(row[f"{side}_input_ids"])
            row[f"{side}_labels"] = ([-100] * start + ids[start:])[: self.max_length]
        return row

    def chosen_rows(self, inputs):
        return inputs["chosen_input_ids"], inputs["chosen_attention_mask"]

    def lengths(self, dataset: Dataset) -> list[int]:
        sides = ([len(ids) for ids in dataset[f"{side}_input_ids"]] for side in SIDES)
        return [max(pair) for pair in zip(*sides, strict=True)]

    def concatenated_forward(self, model, batch):
        """TRL's (mean log-probabilities of chosen and rejected, logits of both, NLL, …), with the NLL that is wanted."""
        chosen, rejected, chosen_logits, rejected_logits, nll, *rest = super().concatenated_forward(
            model, batch
        )
        tokens = torch.stack([(batch[f"{side}_labels"][:, 1:] != -100).sum(1) for side in SIDES], dim=1)
        if self.nll_on == "completion":
            nll = -(chosen * tokens[:, 0]).sum() / tokens[:, 0].sum()
        self.answer_tokens = tokens
        self.answer_log_probs = torch.stack([chosen, rejected], dim=1).float() * tokens
        return chosen, rejected, chosen_logits, rejected_logits, nll, *rest

    def odds_ratio_loss(self, policy_chosen_logps, policy_rejected_logps):
        """TRL's, with beta * log odds as the reward of an answer, where TRL logs beta * mean log-probability."""
        losses, _, _, ratio, log_odds = super().odds_ratio_loss(policy_chosen_logps, policy_rejected_logps)
        means = (side.detach().float() for side in (policy_chosen_logps, policy_rejected_logps))
        rewards = (self.beta * (mean - torch.log(-torch.expm1(mean))) for mean in means)
        return losses, *rewards, ratio, log_odds

    def prediction_step(self, model, inputs, prediction_loss_only, ignore_keys=None):
        loss, _, _ = super().prediction_step(model, self._prepare_inputs(inputs), True, ignore_keys)
        return loss, self.answer_log_probs.detach(), self.answer_tokens
