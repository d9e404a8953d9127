"""Attention over a prefix that all rows of a batch share: one copy of its keys and values for all.

An ordinary cache holds the prefix once a row, copies it with every token and lets each row attend to its copy. Here
the queries of all rows attend to one copy at once, without a mask, and each row to its own remaining tokens; the
two softmaxes are joined by their log-sum-exp (Hydragen, arXiv 2402.05099, section 3.1), which is exact. A batch is laid
out as prefix, padding, rest, so that positions and masks stay the model's own business.
"""

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

HALF = (torch.bfloat16, torch.float16)
ROOM = 64  # tokens by which the table of a row grows
_active: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}  # layer -> prefix of the batch that is being run
_pads: list[int] = []  # padding of each of its rows


class RestLayer(DynamicLayer):
    """Keys and values behind the prefix; to the model it counts as long as both.

    The tables have room for tokens to come: joining old and new ones at every token would copy all of them.
    """

    def __init__(
        self, prefix_length: int, keys: torch.Tensor | None = None, values: torch.Tensor | None = None
    ):
        super().__init__()
        self.prefix_length = prefix_length
        self._tables: dict[str, torch.Tensor] = {}
        if keys is not None:
            self.lazy_initialization(keys, values)
            self.keys, self.values = self._tables["keys"], self._tables["values"] = keys, values

    def get_seq_length(self) -> int:
        return self.prefix_length + super().get_seq_length()

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        seen = super().get_seq_length()
        self.keys = self._put("keys", seen, key_states)
        self.values = self._put("values", seen, value_states)
        return self.keys, self.values

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        """Keep these rows alone."""
        super().batch_select_indices(indices)
        self._tables = {"keys": self.keys, "values": self.values}

    def _put(self, name: str, seen: int, new: torch.Tensor) -> torch.Tensor:
        """Write tokens behind those seen; the table up to and with them."""
        end = seen + new.shape[2]
        if name not in self._tables or end > self._tables[name].shape[2]:
            grown = new.new_empty((*new.shape[:2], end + ROOM, new.shape[3]))
            if seen:
                grown[:, :, :seen] = self._tables[name][:, :, :seen]
            self._tables[name] = grown
        self._tables[name][:, :, seen:end] = new
        return self._tables[name][:, :, :end]


def rest_cache(prefix: Layers) -> DynamicCache:
    """An empty cache behind a prefix."""
    cache = DynamicCache()
    cache.layers = [RestLayer(keys.shape[2]) for keys, _ in prefix]
    return cache


@contextmanager
def attending_to(prefix: Layers, pads: Sequence[int]) -> Iterator[None]:
    """While the block runs, a model under the attention `NAME` attends to this prefix, too.

    `pads` counts the tokens of padding that lie between the prefix and the rest of each row.
    """
    _active.update(enumerate(prefix))
    _pads[:] = pads
    try:
        yield
    finally:
        _active.clear()


def attend(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    scale: float,
    mask: torch.Tensor | None = None,
    causal: bool = False,
) -> tuple[torch.Tensor, torch.Tensor]:
    """(values [rows, heads, queries, width], log-sum-exp [rows, heads, queries], in nats) of one attention.

    By the kernels behind PyTorch's SDPA, which hands out no log-sum-exp; where none of them takes a mask, by its terms.
    `mask` is added to the scores and goes without `causal`.
    """
    kernels = torch.ops.aten
    if query.device.type == "cpu":
        return kernels._scaled_dot_product_flash_attention_for_cpu(
            query, key, value, is_causal=causal, attn_mask=mask, scale=scale
        )
    if mask is None and query.dtype in HALF:
        return kernels._scaled_dot_product_flash_attention(query, key, value, 0.0, causal, scale=scale)[:2]
    if mask is None:  # flash attention has no float32; this one fills its sums up to a multiple of 32 queries
        values, sums, *_ = kernels._scaled_dot_product_efficient_attention(
            query, key, value, None, True, 0.0, causal, scale=scale
        )
        return values, sums[..., : query.shape[2]]
    return attend_by_terms(query, key, value, scale, mask)


def attend_by_terms(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scale: float, mask: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """`attend` without a kernel of its own, for a few queries; NaN where the mask hides everything."""
    scores = (query @ key.transpose(-1, -2)).float() * scale + mask
    sums = scores.logsumexp(-1)
    return (scores - sums.unsqueeze(-1)).exp().to(value.dtype) @ value, sums


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
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    shared, shared_sum = _to_prefix(query, *prefix, scale)
    if query.shape[2] == key.shape[2]:  # the first pass over a batch
        own, own_sum = _to_own_rows(query, key, value, _pads, scale)
    else:
        own, own_sum = _to_own(query, key, value, attention_mask, prefix[0].shape[2], scale)
    # In single precision, as the kernel gives the log-sum-exp whatever the type of the values.
    joined = torch.lerp(shared.float(), own.float(), torch.sigmoid(own_sum - shared_sum).unsqueeze(-1))
    return joined.to(query.dtype).transpose(1, 2).contiguous(), None


def _to_prefix(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scale: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """The queries of all rows, and of all heads that share a key, as those of one row to the one prefix."""
    rows, heads, queries, width = query.shape
    tables = key.shape[1]
    apart = query.view(rows, tables, -1, queries, width).transpose(0, 1)
    values, sums = attend(apart.reshape(1, tables, -1, width), key, value, scale)
    values = values.view(tables, rows, -1, queries, width).transpose(0, 1)
    sums = sums.view(tables, rows, -1, queries).transpose(0, 1)
    return values.reshape(rows, heads, queries, width), sums.reshape(rows, heads, queries)


def _to_own_rows(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, pads: Sequence[int], scale: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Each row to its own tokens before and at each query, row by row: no mask, and nothing for the padding."""
    groups = query.shape[1] // key.shape[1]
    values = torch.zeros_like(query)
    sums = torch.full(query.shape[:3], -torch.inf, device=query.device)
    tables = query, repeat_kv(key, groups), repeat_kv(value, groups)
    for row, pad in enumerate(pads):
        if pad == query.shape[2]:  # the kernel takes no empty table
            continue
        own = (table[row : row + 1, :, pad:] for table in tables)
        values[row, :, pad:], sums[row, :, pad:] = (part[0] for part in attend(*own, scale, causal=True))
    return values, sums


def _to_own(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    mask: torch.Tensor | None,
    before: int,
    scale: float,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Each row to its own tokens under the mask, whose first `before` columns are the prefix."""
    rows, heads, queries, width = query.shape
    together = query.reshape(rows, key.shape[1], -1, width)
    if mask is not None:
        seen = mask[..., before:]
        if not seen.is_floating_point():
            seen = torch.zeros_like(seen, dtype=query.dtype).masked_fill_(~seen, -torch.inf)
        mask = seen.repeat(1, 1, heads // key.shape[1], 1)
    values, sums = attend(together, key, value, scale, mask)
    # A query of the padding sees no token of its own: what it gives is read by nobody, but must not become NaN.
    blind = ~sums.isfinite()
    values, sums = values.masked_fill(blind.unsqueeze(-1), 0), sums.masked_fill(blind, -torch.inf)
    return values.view(query.shape), sums.view(rows, heads, queries)


AttentionInterface.register(NAME, shared_prefix_attention)
AttentionMaskInterface.register(NAME, sdpa_mask)


def can_share(model: Any) -> bool:
    """Whether a model's attention is the plain one that this module replaces: SDPA, every layer full, on CPU or CUDA."""
    config = model.config.get_text_config()
    plain = set(getattr(config, "layer_types", None) or ()) <= {"full_attention"}
    windowed = bool(getattr(config, "sliding_window", None)) and getattr(config, "use_sliding_window", True)
    special = getattr(config, "attn_logit_softcapping", None) or getattr(config, "attention_sinks", None)
    known = next(model.parameters()).device.type in ("cpu", "cuda")
    return known and plain and not windowed and not special and config._attn_implementation in ("sdpa", NAME)
