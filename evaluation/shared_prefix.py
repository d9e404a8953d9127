"""Attention over a prefix that all rows of a batch share, on the CPU: one copy of its keys and values for all.

An ordinary cache holds the prefix once a row, copies it with every token and lets each row attend to its copy. Here
the queries of all rows attend to one copy at once, without a mask, and each row to its own remaining tokens; the
two softmaxes are joined by their log-sum-exp (Hydragen, arXiv 2402.05099, section 3.1), which is exact. A batch is laid
out as prefix, padding, rest, so that positions and masks stay the model's own business.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from transformers import AttentionInterface, DynamicCache
from transformers.cache_utils import DynamicLayer
from transformers.integrations.sdpa_attention import repeat_kv, sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

NAME = "komep_shared_prefix"
Layers = Sequence[tuple[torch.Tensor, torch.Tensor]]  # keys and values, each [1, heads, tokens, width]

_active: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}  # layer -> prefix of the batch that is being run


class RestLayer(DynamicLayer):
    """Keys and values behind the prefix; to the model it counts as long as both."""

    def __init__(self, prefix_length: int):
        super().__init__()
        self.prefix_length = prefix_length

    def get_seq_length(self) -> int:
        return self.prefix_length + super().get_seq_length()


def rest_cache(prefix: Layers) -> DynamicCache:
    """An empty cache behind a prefix."""
    cache = DynamicCache()
    cache.layers = [RestLayer(keys.shape[2]) for keys, _ in prefix]
    return cache


@contextmanager
def attending_to(prefix: Layers, query_heads: int) -> Iterator[None]:
    """While the block runs, a model under the attention `NAME` attends to this prefix, too."""
    for index, tables in enumerate(prefix):
        groups = query_heads // tables[0].shape[1]
        _active[index] = tuple(repeat_kv(table, groups).contiguous() for table in tables)
    try:
        yield
    finally:
        _active.clear()


def attend(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor | None, scale: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """(values [rows, heads, queries, width], log-sum-exp [rows, heads, queries]) of one attention on the CPU."""
    return torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
        query, key, value, attn_mask=mask, scale=scale
    )


def shared_prefix_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """The attention function that transformers calls: SDPA's own unless a prefix is active."""
    prefix = _active.get(module.layer_idx)
    if prefix is None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **kwargs)
    rows, heads, queries, width = query.shape
    scale = width**-0.5 if scaling is None else scaling
    together = query.transpose(0, 1).reshape(1, heads, rows * queries, width)
    shared, shared_sum = attend(together, *prefix, None, scale)
    shared = shared.reshape(heads, rows, queries, width).transpose(0, 1)
    shared_sum = shared_sum.reshape(heads, rows, queries).transpose(0, 1)
    mask = None
    if attention_mask is not None:
        seen = attention_mask[..., prefix[0].shape[2] :]
        mask = (
            seen
            if seen.is_floating_point()
            else torch.zeros_like(seen, dtype=query.dtype).masked_fill_(~seen, -torch.inf)
        )
    groups = heads // key.shape[1]
    own, own_sum = attend(query, repeat_kv(key, groups), repeat_kv(value, groups), mask, scale)
    # A query of the padding sees no token of its own: what it gives is read by nobody, but must not become NaN.
    blind = ~own_sum.isfinite()
    weight = torch.sigmoid(own_sum - shared_sum).masked_fill(blind, 0).unsqueeze(-1)
    joined = shared + weight * (own.masked_fill(blind.unsqueeze(-1), 0) - shared)
    return joined.transpose(1, 2).contiguous(), None


AttentionInterface.register(NAME, shared_prefix_attention)
AttentionMaskInterface.register(NAME, sdpa_mask)


def can_share(model: Any) -> bool:
    """Whether a model's attention is the plain one that this module replaces: on the CPU, SDPA, every layer full."""
    config = model.config.get_text_config()
    plain = set(getattr(config, "layer_types", None) or ()) <= {"full_attention"}
    windowed = bool(getattr(config, "sliding_window", None)) and getattr(config, "use_sliding_window", True)
    special = getattr(config, "attn_logit_softcapping", None) or getattr(config, "attention_sinks", None)
    on_cpu = next(model.parameters()).device.type == "cpu"
    return on_cpu and plain and not windowed and not special and config._attn_implementation in ("sdpa", NAME)
