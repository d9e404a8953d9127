"""Greedy generation with transformers: many prompts of one subject share the key-value cache of their prefix.

The harness computes the few-shot part anew for every question. Here the tokens that all prompts of a subject
share are run once; the whole prompt is tokenised first and then cut, since tokenising the two parts apart gives
other tokens. The layout of a batch is that of ordinary left padding, only that its first columns come from the
cache, so masks and positions are the model's own business.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    DynamicCache,
    StoppingCriteria,
    StoppingCriteriaList,
)
from transformers.utils import logging as transformers_logging

from evaluation.prompts import common_prefix
from komep_dataset.errors import KomepError

CACHED_LAYERS = {
    "full_attention",
    "sliding_attention",
}  # layers whose past is a plain table of keys and values

Layers = list[tuple[torch.Tensor, torch.Tensor]]  # keys and values, each [rows, heads, tokens, width]


class StopText(StoppingCriteria):
    """Ends a row as soon as its new text holds a stop string; remembers how many tokens it then had."""

    def __init__(self, tokenizer: Any, stops: Sequence[str], prompt_tokens: int, rows: int):
        self.tokenizer, self.stops, self.prompt_tokens = tokenizer, tuple(stops), prompt_tokens
        self.ended: list[int | None] = [None] * rows
        # Every token within a stop string adds at least one character to it, so this many are enough to see one.
        self.window = max((len(stop) for stop in stops), default=0)

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor | None, **kwargs: Any) -> torch.Tensor:
        new = input_ids[:, self.prompt_tokens :]
        if self.window:
            texts = self.tokenizer.batch_decode(new[:, -self.window :], skip_special_tokens=False)
            for row, text in enumerate(texts):
                if self.ended[row] is None and any(stop in text for stop in self.stops):
                    self.ended[row] = new.shape[1]
        return torch.tensor([end is not None for end in self.ended], device=input_ids.device)


def cut_at_stops(text: str, stops: Sequence[str]) -> str:
    """The text before the first stop string."""
    for stop in stops:
        text = text.split(stop, 1)[0]
    return text


@dataclass(slots=True)
class Generator:
    """A causal language model and its tokenizer, ready to answer prompts greedily."""

    model: Any
    tokenizer: Any
    reuse_prefix: bool = True
    device: torch.device = field(init=False)

    def __post_init__(self) -> None:
        self.device = next(self.model.parameters()).device
        config = self.model.generation_config
        config.do_sample = False
        config.temperature = config.top_p = config.top_k = config.cache_implementation = None
        layer_types = getattr(self.text_config, "layer_types", None) or ()
        plain = set(layer_types) <= CACHED_LAYERS and not getattr(self.model, "_is_stateful", False)
        self.reuse_prefix = self.reuse_prefix and plain

    @property
    def text_config(self) -> Any:
        return self.model.config.get_text_config()

    @property
    def window(self) -> int | None:
        """How many tokens, prompt and answer together, the model was made for; None = unknown."""
        names = ("max_position_embeddings", "n_positions", "n_ctx", "max_sequence_length")
        return next((size for name in names if (size := getattr(self.text_config, name, None))), None)

    @property
    def pad_id(self) -> int:
        """Any token id serves: padding is masked, and what follows an ended row is cut."""
        ids = (self.tokenizer.pad_token_id, self.tokenizer.eos_token_id, self.tokenizer.bos_token_id, 0)
        return next(i for i in ids if i is not None)

    def generate(
        self,
        prompts: Sequence[Sequence[int]],
        stops: Sequence[str],
        max_new_tokens: int,
        batch_size: int,
        advance: Callable[[int], None] = lambda count: None,
    ) -> list[str]:
        """Answer prompts greedily.

        Args:
            prompts: token ids; those of one subject with equally many examples, so that they share a prefix.
            stops: a reply ends before the first of these.
            max_new_tokens: tokens of a reply at the most.
            batch_size: prompts that run together, chosen by length, longest first.
            advance: called with the number of prompts that are done.

        Returns:
            the raw replies in the order of the prompts.
        """
        shared = common_prefix(prompts) if self.reuse_prefix and len(prompts) > 1 else 0
        prefix = self._prefix_layers(prompts[0][:shared]) if shared else []
        order = sorted(range(len(prompts)), key=lambda i: -len(prompts[i]))
        replies = [""] * len(prompts)
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            try:
                texts = self._batch([prompts[i] for i in rows], prefix, stops, max_new_tokens)
            except torch.OutOfMemoryError:
                raise KomepError(
                    f"the GPU's memory is too small for {len(rows)} prompts of {len(prompts[rows[0]])} tokens at "
                    "once; lower --batch-size"
                ) from None
            for row, text in zip(rows, texts, strict=True):
                replies[row] = text
            advance(len(rows))
        return replies

    @torch.inference_mode()
    def _prefix_layers(self, tokens: Sequence[int]) -> Layers:
        """Keys and values of the prefix, one row; a cache without a window, so that later rows can be cut from it."""
        cache = DynamicCache()
        ids = torch.tensor([tokens], device=self.device)
        self.model.base_model(input_ids=ids, past_key_values=cache, use_cache=True)
        layers = [(layer.keys, layer.values) for layer in cache.layers]
        return (
            [] if any(keys is None for keys, _ in layers) else layers
        )  # layers may share one cache: none then

    @torch.inference_mode()
    def _batch(
        self, prompts: list[Sequence[int]], prefix: Layers, stops: Sequence[str], limit: int
    ) -> list[str]:
        length = max(map(len, prompts))
        pads = [length - len(prompt) for prompt in prompts]
        ids = [[self.pad_id] * pad + list(prompt) for pad, prompt in zip(pads, prompts, strict=True)]
        mask = [[0] * pad + [1] * len(prompt) for pad, prompt in zip(pads, prompts, strict=True)]
        stop = StopText(self.tokenizer, stops, length, len(prompts))
        output = self.model.generate(
            input_ids=torch.tensor(ids, device=self.device),
            attention_mask=torch.tensor(mask, device=self.device),
            past_key_values=shifted_cache(prefix, pads) if prefix else None,
            max_new_tokens=limit,
            do_sample=False,
            pad_token_id=self.pad_id,
            stopping_criteria=StoppingCriteriaList([stop]),
        )
        new = [self._answer(row[length:][:end]) for row, end in zip(output.tolist(), stop.ended, strict=True)]
        return [
            cut_at_stops(text, stops) for text in self.tokenizer.batch_decode(new, skip_special_tokens=True)
        ]

    def _answer(self, tokens: list[int]) -> list[int]:
        """The tokens before the first end-of-sequence; the padding of an ended row lies behind it."""
        ids = self.model.generation_config.eos_token_id
        ends = {ids} if isinstance(ids, int) else set(ids or ())
        return tokens[: next((n for n, token in enumerate(tokens) if token in ends), len(tokens))]


def shifted_cache(prefix: Layers, pads: Sequence[int]) -> DynamicCache:
    """The prefix for a left-padded batch: each row's copy is moved right by its padding and cut at the same column.

    A row with padding so has fewer cached tokens; `generate` runs the rest with its question. The columns of the
    padding hold zeros, which the attention mask hides.
    """
    layers = []
    for keys, values in prefix:
        rows = []
        for table in (keys, values):
            moved = table.new_zeros((len(pads), *table.shape[1:]))
            for row, pad in enumerate(pads):
                kept = max(0, table.shape[2] - pad)
                moved[row, :, table.shape[2] - kept :] = table[0, :, :kept]
            rows.append(moved)
        layers.append(tuple(rows))
    return DynamicCache(layers)


def load_generator(model: str, dtype: str = "auto", *, reuse_prefix: bool = True) -> Generator:
    """Load a model and its tokenizer: safetensors only, no code from the model's repository.

    Args:
        model: a folder with a model or a LoRA adapter, or an id on the Hub.
        dtype: name of a torch dtype, or `auto`: float32 on a CPU, the checkpoint's own on a GPU.
        reuse_prefix: whether the common prefix of prompts is computed once.

    Raises:
        KomepError: there is no such model, or it cannot be loaded.
    """
    path = Path(model)
    if path.exists() and not any((path / name).is_file() for name in ("config.json", "adapter_config.json")):
        raise KomepError(
            f"--model {model}: no model here; a folder with config.json or adapter_config.json is needed"
        )
    if not sys.stderr.isatty():
        transformers_logging.disable_progress_bar()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    wanted = "float32" if dtype == "auto" and device.type == "cpu" else dtype
    try:
        tokenizer = AutoTokenizer.from_pretrained(model, trust_remote_code=False)
        loaded = AutoModelForCausalLM.from_pretrained(
            model, dtype=wanted, use_safetensors=True, trust_remote_code=False
        )
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise KomepError(
            f"--model {model}: neither a model folder nor an id on the Hub that can be loaded ({reason})"
        ) from None
    return Generator(loaded.to(device).eval(), tokenizer, reuse_prefix)
