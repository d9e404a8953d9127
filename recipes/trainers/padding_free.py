"""A batch without its padding: the tokens of all rows behind each other in one row, each attending to its own row alone.

TRL 1.16 switched its `padding_free` off for DPO, to bring it back; until then the flag means this. What is padding is not
computed at all: of answers half to one and a half times as long as their mean, a third of all positions.
"""

from __future__ import annotations

import functools
from types import MethodType

import torch
import torch.nn.functional as F
from transformers import AttentionInterface, PreTrainedModel, TrainingArguments
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask
from trl.trainer.utils import FusedCausalLMOutput

from komep_dataset.errors import KomepError

PER_TOKEN = ("log_probs", "entropy", "log_sum_sq_probs", "mean_logits", "is_top1", "label_mask")
VARLEN = "varlen_sdpa"  # name of the attention below in transformers' list


def varlen_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    cu_seq_lens_q: torch.Tensor | None = None,
    max_length_q: int | None = None,
    scaling: float | None = None,
    **kwargs,
) -> tuple[torch.Tensor, None]:
    """Causal attention within each row of a batch without padding, by PyTorch's own flash kernel.

    Args:
        query, key, value: [1, heads, tokens, dimensions], of fewer heads in the last two where heads share them.
        cu_seq_lens_q: [rows + 1] int32, where each row begins and the last one ends; None = a batch as others are.
        max_length_q: tokens of the longest row, at least.

    Returns:
        ([1, tokens, heads, dimensions], None), as transformers' attentions do.
    """
    if cu_seq_lens_q is None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **kwargs)
    if torch.is_autocast_enabled(query.device.type):  # the kernel is on no list of autocast's
        half = torch.get_autocast_dtype(query.device.type)
        query, key, value = query.to(half), key.to(half), value.to(half)
    query, key, value = (x[0].transpose(0, 1) for x in (query, key, value))
    ends, longest = cu_seq_lens_q, max_length_q
    output = torch.ops.aten._flash_attention_forward.default(
        query, key, value, ends, ends, longest, longest, 0.0, True, False, scale=scaling
    )[0]
    return output.unsqueeze(0), None


def _mask_if_padded(*args, attention_mask: torch.Tensor | None = None, **kwargs) -> torch.Tensor | None:
    """A mask where there is padding; without it the attention knows by itself what each token may see."""
    return None if attention_mask is None else sdpa_mask(*args, attention_mask=attention_mask, **kwargs)


AttentionInterface.register(VARLEN, varlen_attention)
AttentionMaskInterface.register(VARLEN, _mask_if_padded)


def obstacle(model: PreTrainedModel) -> str | None:
    """Why the padding of this model's batches cannot be left out; None if it can."""
    config = model.config.get_text_config()
    if model.config._attn_implementation == "eager":
        return "eager attention computes all pairs of tokens of a batch; take --attn_implementation sdpa"
    if "linear_attention" in (getattr(config, "layer_types", None) or ()):
        return "the model's linear attention would see the row before; take another model"
    return None


def has_kernel(model: PreTrainedModel, args: TrainingArguments) -> bool:
    """Whether the attention above can stand in for the model's own."""
    config = model.config.get_text_config()
    whole = set(getattr(config, "layer_types", None) or ["full_attention"]) == {"full_attention"}
    half = args.bf16 or args.fp16 or model.dtype.itemsize == 2
    return args.device.type == "cuda" and half and whole and model.config._attn_implementation == "sdpa"


def leave_out_padding(model: PreTrainedModel, args: TrainingArguments) -> None:
    """Let a model with TRL's fused head compute no padding.

    Args:
        model: the model itself, without an adapter around it.
        args: the run's settings.

    Raises:
        KomepError: (exit code 2) the model does not allow it.
    """
    if reason := obstacle(model):
        raise KomepError(f"--padding_free true: {reason}, or leave it out", 2)
    padded, fast = model.forward, has_kernel(model, args)
    if (
        fast
    ):  # else transformers tells the rows apart by their positions: under sdpa a mask of all pairs of tokens
        model.set_attn_implementation(VARLEN)

    @functools.wraps(type(model).forward)
    def forward(self, *rest, fused_lm_head=False, input_ids=None, attention_mask=None, labels=None, **kwargs):
        if not fused_lm_head or input_ids is None or attention_mask is None or labels is None:
            given = {"input_ids": input_ids, "attention_mask": attention_mask, "labels": labels}
            given = {name: value for name, value in given.items() if value is not None}
            return padded(*rest, fused_lm_head=fused_lm_head, **given, **kwargs)
        kept = attention_mask.bool()
        rows = {}
        if fast:
            ends = F.pad(kept.sum(1).cumsum(0), (1, 0)).int()
            rows = {"cu_seq_lens_q": ends, "max_length_q": kept.size(1)}
        output = padded(
            *rest,
            fused_lm_head=True,
            input_ids=input_ids[kept].unsqueeze(0),
            position_ids=(kept.cumsum(1) - 1)[kept].unsqueeze(0),
            shift_labels=F.pad(labels[:, 1:], (0, 1), value=-100)[kept].unsqueeze(0),
            **rows,
            **kwargs,
        )
        return _with_padding(output, kept)

    model.forward = MethodType(forward, model)


def _with_padding(output: FusedCausalLMOutput, kept: torch.Tensor) -> FusedCausalLMOutput:
    """What was computed a token as TRL has it, [rows, length - 1], zero wherever there is none."""
    for name in PER_TOKEN:
        values = getattr(output, name)
        if values is not None:
            full = values.new_zeros(kept.shape).masked_scatter(kept, values[0])
            setattr(output, name, full[:, :-1])
    return output
