"""A pair in one pass: the prompt once, the chosen and the rejected answer behind it, neither of which sees the other.

TRL runs a pair as two padded rows, prompt and all, and scores every position of them. Here a pair is one row, positions
and attention are those of the two rows, and the head sees the answers' positions alone. The log-probabilities are the
same but for the order of sums. On the CPU, where every token costs, that is what most of a DPO step's time goes into.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from types import MethodType

import torch
import torch.nn.functional as F
from transformers import PreTrainedModel
from trl import DPOConfig
from trl.trainer.utils import FusedCausalLMOutput

from komep_dataset.errors import KomepError

PROMPT, CHOSEN, REJECTED, PADDING = range(4)
# What models do to logits behind the head, by the names that their configs have for it.
SCALES = (
    "final_logit_softcapping",
    "logit_scale",
    "output_multiplier",
    "lm_head_multiplier",
    "logits_scaling",
)
MASKED_ATTENTION = ("sdpa", "eager")  # those that take any mask


@dataclass(frozen=True, slots=True)
class Packed:
    """A batch of pairs as one row each, and where the answers' tokens are in both shapes.

    `input_ids`, `position_ids` and `parts` are [pairs, tokens]. The other four have one entry an answer token: the row
    and the position whose state predicts it, and its row and column in the log-probabilities [2 * pairs, length - 1].
    """

    input_ids: torch.Tensor
    position_ids: torch.Tensor
    parts: torch.Tensor
    rows: torch.Tensor
    predictors: torch.Tensor
    target_rows: torch.Tensor
    target_columns: torch.Tensor

    def attention_mask(self, dtype: torch.dtype) -> torch.Tensor:
        """Additive mask [pairs, 1, tokens, tokens]: each token sees the prompt and its own answer up to itself."""
        tokens = self.parts.size(1)
        seen = (self.parts[:, None, :] == PROMPT) | (self.parts[:, None, :] == self.parts[:, :, None])
        seen &= torch.ones(tokens, tokens, dtype=torch.bool, device=seen.device).tril()
        hidden = torch.zeros(seen.shape, dtype=dtype, device=seen.device)
        return hidden.masked_fill(~seen, torch.finfo(dtype).min).unsqueeze(1)


def pack(input_ids: torch.Tensor, attention_mask: torch.Tensor, labels: torch.Tensor) -> Packed | None:
    """Pairs as TRL's collator lays them out (chosen rows, then rejected rows), as one row each.

    Args:
        input_ids, attention_mask: [2 * pairs, length], padded on the right.
        labels: the same, -100 wherever no answer is.

    Returns:
        None if the two rows of a pair do not begin with the same prompt, or an answer is empty.
    """
    pairs = len(input_ids) // 2
    ends = attention_mask.sum(1).tolist()
    starts = (labels != -100).int().argmax(1).tolist()
    rows = []
    for i, j in zip(range(pairs), range(pairs, 2 * pairs), strict=True):
        start = starts[i]
        same = start == starts[j] and torch.equal(input_ids[i, :start], input_ids[j, :start])
        if not same or not 0 < start < min(ends[i], ends[j]):
            return None
        rows.append((input_ids[i, : ends[i]], input_ids[j, start : ends[j]], start))
    return _laid_out(rows, input_ids.device)


def _laid_out(rows: list[tuple[torch.Tensor, torch.Tensor, int]], device: torch.device) -> Packed:
    pairs, tokens = len(rows), max(len(chosen) + len(rejected) for chosen, rejected, _ in rows)
    ids, positions = torch.zeros(2, pairs, tokens, dtype=torch.long, device=device)
    parts = torch.full((pairs, tokens), PADDING, device=device)
    places: list[torch.Tensor] = []  # [4, answer tokens]
    for i, (chosen, rejected, start) in enumerate(rows):
        middle, end = len(chosen), len(chosen) + len(rejected)
        ids[i, :end] = torch.cat([chosen, rejected])
        positions[i, :middle] = torch.arange(middle)
        positions[i, middle:end] = torch.arange(start, start + len(rejected))
        parts[i, :start], parts[i, start:middle], parts[i, middle:end] = PROMPT, CHOSEN, REJECTED
        for row, first, length in ((i, start, middle - start), (i + pairs, middle, end - middle)):
            places.append(_places(i, row, start, first, length))
    return Packed(ids, positions, parts, *torch.cat(places, dim=1).to(device))


def _places(packed_row: int, row: int, start: int, first: int, length: int) -> torch.Tensor:
    """Of one answer's tokens: packed row, position of what predicts them, row and column of their log-probability.

    The first token is predicted by the prompt's last, the others by the answer's token before them.
    """
    steps = torch.arange(length)
    predictors = torch.where(steps == 0, start - 1, first + steps - 1)
    return torch.stack(
        [torch.full_like(steps, packed_row), predictors, torch.full_like(steps, row), start - 1 + steps]
    )


def obstacle(model: PreTrainedModel, spread: bool) -> str | None:
    """Why pairs cannot share their prompt in a pass of this model; None if they can."""
    config = model.config.get_text_config()
    if spread:
        return "the head's weights are spread over processes"
    if model.config._attn_implementation not in MASKED_ATTENTION:
        return f"attention {model.config._attn_implementation} takes no mask of its own"
    if set(getattr(config, "layer_types", None) or ["full_attention"]) != {"full_attention"}:
        return "not every layer has full attention"
    if getattr(config, "sliding_window", None) and getattr(config, "use_sliding_window", True):
        return "the model's attention has a window"
    scaled = [name for name in SCALES if getattr(config, name, None) is not None]
    if scaled or getattr(config, "num_local_experts", None) or getattr(config, "num_experts", None):
        return f"the model has {' and '.join(scaled) or 'experts'}"
    return None


def describe_passes(
    model: PreTrainedModel, wanted: bool | None, spread: bool, shared: bool, without_padding: bool
) -> str:
    """How pairs go through a model, in one line, with the reason where it is as in TRL."""
    if shared:
        return "pairs: one row each, the prompt once for both answers (--share_prompts)"
    if without_padding:
        return "pairs: two rows each, without padding (--padding_free)"
    default = "--share_prompts is for the CPU unless it is asked for"
    why = obstacle(model, spread) or ("--share_prompts false" if wanted is False else default)
    return f"pairs: two padded rows each, TRL's own path ({why})"


def share_prompts(model: PreTrainedModel, args: DPOConfig, wanted: bool | None, spread: bool = False) -> bool:
    """Let a model with TRL's fused head run each pair in one row, if it can; returns whether it does.

    Args:
        model: the model itself, without an adapter around it.
        args: the run's settings.
        wanted: None for the default: on the CPU, where it was measured.
        spread: whether each process holds a part of each weight (ZeRO-3, FSDP).

    Raises:
        KomepError: (exit code 2) wanted, and the model or the settings do not allow it.
    """
    reason = obstacle(model, spread)
    if wanted and reason:
        raise KomepError(f"--share_prompts true: {reason}; leave it out", 2)
    if reason or not (args.device.type == "cpu" if wanted is None else wanted):
        return False
    two_rows = model.forward

    @functools.wraps(type(model).forward)
    def forward(self, *rest, fused_lm_head=False, input_ids=None, attention_mask=None, labels=None, **kwargs):
        given = {"input_ids": input_ids, "attention_mask": attention_mask}
        known = fused_lm_head and labels is not None and len(input_ids) % 2 == 0
        packed = pack(input_ids, attention_mask, labels) if known else None
        if packed is None:
            labelled = {} if labels is None else {"labels": labels}
            return two_rows(*rest, fused_lm_head=fused_lm_head, **given, **labelled, **kwargs)
        return score(self, packed, labels, args.use_weighting)

    model.forward = MethodType(forward, model)
    return True


def score(
    model: PreTrainedModel, packed: Packed, labels: torch.Tensor, weighting: bool = False
) -> FusedCausalLMOutput:
    """What TRL's fused head gives, [2 * pairs, length - 1] each and zero outside the answers.

    `weighting`: whether WPO's weights are to be made of it, which need the sum of squared probabilities.
    """
    states = model.base_model(
        input_ids=packed.input_ids,
        position_ids=packed.position_ids,
        attention_mask=packed.attention_mask(model.dtype),
        use_cache=False,
    ).last_hidden_state[packed.rows, packed.predictors]
    logits = model.get_output_embeddings()(states)
    tokens = labels[packed.target_rows, packed.target_columns + 1]
    all_log_probs = F.log_softmax(logits.float(), dim=-1)
    log_probs = all_log_probs.gather(1, tokens.unsqueeze(1)).squeeze(1)
    with torch.no_grad():  # these are for the log alone
        entropy = -(all_log_probs.exp() * all_log_probs).sum(-1)
        mean_logits, is_top1 = logits.mean(-1), logits.argmax(-1) == tokens
        squares = (2 * all_log_probs).logsumexp(-1) if weighting else None

    def spread(values: torch.Tensor) -> torch.Tensor:
        shape = (len(labels), labels.size(1) - 1)
        return values.new_zeros(shape).index_put((packed.target_rows, packed.target_columns), values)

    return FusedCausalLMOutput(
        loss=-log_probs.mean(),
        log_probs=spread(log_probs),
        entropy=spread(entropy),
        log_sum_sq_probs=None if squares is None else spread(squares),
        mean_logits=spread(mean_logits),
        is_top1=spread(is_top1),
        label_mask=labels[:, 1:] != -100,
    )
