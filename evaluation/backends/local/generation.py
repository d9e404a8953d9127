"""Greedy generation with transformers: many prompts of one subject share the key-value cache of their prefix.

The harness computes the few-shot part anew for every question. Here the tokens that all prompts of a subject
share are run once; the whole prompt is tokenised first and then cut, since tokenising the two parts apart gives
other tokens. Where `shared_prefix.py` knows the model's attention, a batch attends to one copy of the prefix. Elsewhere
every row has its own, and the layout is that of ordinary left padding, only that its first columns come from the
cache. In both, masks and positions are the model's own business. Prompts are read a few at a time, and the replies of a
batch go on together (`rows.py`).
"""

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import (
    DynamicCache,
    GenerationConfig,
    GenerationMixin,
    StoppingCriteria,
    StoppingCriteriaList,
)

from evaluation.backends.local.rows import Rows, join, lay_out, plan_reading, shifted_cache
from evaluation.backends.local.shared_prefix import NAME, Layers, attending_to, can_share, rest_cache
from evaluation.harness.backend import LIMIT, Answer, Stops, as_stops, decoded
from evaluation.harness.prompts import common_prefix
from komep_dataset.errors import KomepError

CACHED_LAYERS = {
    "full_attention",
    "sliding_attention",
}  # layers whose past is a plain table of keys and values

# What transformers calls the cache that a model is handed: `cache` since 5.24, and before that, as in the releases that
# vLLM 0.32 asks for, `past_key_values`.
_NAMES = inspect.signature(GenerationMixin.prepare_inputs_for_generation).parameters
CACHE = "cache" if "cache" in _NAMES else "past_key_values"

# Tokens of prompts that are read at once. On two cores 1,024 to 4,096 were equally fast and more were slower; elsewhere
# it is a guess that keeps a GPU busy and activations small.
READ_TOKENS = {"cpu": 2048}
READ_TOKENS_ELSEWHERE = 16_384
# Tokens of the end of a reply in which a mark is looked for that ends thoughts, and how many come between two looks.
MARK_TOKENS, MARK_STEPS = 48, 8
FEWEST_TOKENS, MOST_TOKENS = 4, 64  # new tokens of all rows before those that have ended are taken out

# What of a model's own generation config holds: where a reply ends, and what is laid on its tokens wherever they stand.
KEPT = (
    *("bos_token_id", "eos_token_id", "pad_token_id", "repetition_penalty", "no_repeat_ngram_size"),
    *("bad_words_ids", "suppress_tokens", "sequence_bias"),
)
UNSAID = ("use_cache", "transformers_version", "_from_model_config")


def own_settings(config: GenerationConfig) -> tuple[GenerationConfig, dict[str, str]]:
    """(greedy, one reply a prompt, with what a model's config has of `KEPT`; what else it asks for, as text)."""
    given = config.to_dict()
    own = GenerationConfig(do_sample=False, use_cache=True, **{name: given.get(name) for name in KEPT})
    overruled = {
        name: str(value)
        for name, value in given.items()
        if name not in (*KEPT, *UNSAID) and (value is True or value not in (None, False, 1))
    }
    return own, overruled | ({"use_cache": "False"} if given.get("use_cache") is False else {})


class StopText(StoppingCriteria):
    """Ends a row as soon as its new text holds a stop string outside of thoughts; remembers how many tokens it then had.

    `thinking` has the numbers of the rows that are within thoughts; it is kept from one part of a reply to the next.
    """

    def __init__(
        self,
        tokenizer: Any,
        stops: Stops | Sequence[str],
        prompt_tokens: int,
        rows: int,
        numbers: Sequence[int] | None = None,
        thinking: set[int] | None = None,
    ):
        self.tokenizer, self.stops, self.prompt_tokens = tokenizer, as_stops(stops), prompt_tokens
        self.numbers = range(rows) if numbers is None else numbers
        self.thinking = set() if thinking is None else thinking
        self.ended: list[int | None] = [None] * rows
        # Every token within a stop string adds at least one character to it, so this many are enough to see one.
        self.window = max(map(len, self.stops.texts), default=0)

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor | None, **kwargs: Any) -> torch.Tensor:
        new = input_ids[:, self.prompt_tokens :]
        look = new.shape[1] % MARK_STEPS == 0
        rows = [
            row
            for row, number in enumerate(self.numbers)
            if self.window and self.ended[row] is None and (look or number not in self.thinking)
        ]
        window = max(self.window, MARK_TOKENS) if look and self.thinking else self.window
        texts = self.tokenizer.batch_decode(new[rows, -window:], skip_special_tokens=False) if rows else ()
        for row, text in zip(rows, texts, strict=True):
            number = self.numbers[row]
            if self._may_end(number, text) and self._ends(number, new[row]):
                self.ended[row] = new.shape[1]
        return torch.tensor([end is not None for end in self.ended], device=input_ids.device)

    def _may_end(self, number: int, text: str) -> bool:
        """Whether the end of a row's text is worth a look at all of it."""
        return (
            self.stops.may_end_thoughts(text)
            if number in self.thinking
            else any(stop in text for stop in self.stops.texts)
        )

    def _ends(self, number: int, new: torch.Tensor) -> bool:
        reply = self.tokenizer.decode(new, skip_special_tokens=False)
        if self.stops.within_thoughts(reply):
            self.thinking.add(number)
            return False
        self.thinking.discard(number)
        return len(self.stops.cut(reply)) < len(reply)


@contextmanager
def first_logprobs(model: Any, tokens: Sequence[int]) -> Iterator[list[tuple[float, ...]]]:
    """While the block runs: a list that gets the log-probabilities of tokens after the first forward pass, a row each.

    Read where they leave the model, so that no setting of its generation config (a repetition penalty) is in them.
    """
    found: list[tuple[float, ...]] = []

    def keep(_module: Any, _arguments: Any, output: Any) -> None:
        if not found:
            logits = output.logits[:, -1].float()
            wanted = logits.log_softmax(-1)[:, list(tokens)]
            if not (logits < torch.inf).all() or not wanted.isfinite().all():  # NaN is not below anything
                raise KomepError(
                    f"the model's first new token has no probabilities (NaN or infinite) in {output.logits.dtype}; take "
                    "--dtype float32 or bfloat16, or a checkpoint that is sound"
                )
            found.extend(map(tuple, wanted.tolist()))

    handle = model.register_forward_hook(keep)
    try:
        yield found
    finally:
        handle.remove()


def plan_batches(prompts: Sequence[Sequence[int]], batch_size: int) -> list[list[int]]:
    """Positions of prompts that run together, longest first, so that the first batch needs the most memory."""
    order = sorted(range(len(prompts)), key=lambda i: -len(prompts[i]))
    return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]


def out_of_memory(error: RuntimeError) -> bool:
    """Whether an error says that memory ran out, on a GPU or on the host."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


@dataclass(slots=True)
class Generator:
    """A causal language model and its tokenizer, ready to answer prompts greedily."""

    model: Any
    tokenizer: Any
    reuse_prefix: bool = True
    source: Any = None  # `Source`: where the weights come from
    device: torch.device = field(init=False)
    share_attention: bool = field(init=False)  # whether a batch attends to one copy of its prefix
    overruled: dict[str, str] = field(init=False)  # what the model's own generation config asks for in vain
    largest: int | None = field(init=False, default=None)  # prompts that fit into memory together, once known

    def __post_init__(self) -> None:
        self.device = next(self.model.parameters()).device
        self.model.generation_config, self.overruled = own_settings(self.model.generation_config)
        layer_types = getattr(self.text_config, "layer_types", None) or ()
        plain = set(layer_types) <= CACHED_LAYERS and not getattr(self.model, "_is_stateful", False)
        # Models with an attention of their own (Falcon, MPT) measure their masks by what they have seen themselves.
        plain = plain and getattr(self.model, "_supports_attention_backend", False)
        self.reuse_prefix = self.reuse_prefix and plain
        self.share_attention = self.reuse_prefix and can_share(self.model)
        if self.share_attention:
            self.model.set_attn_implementation(NAME)

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
        """Any token id serves: it fills rows that have ended, and what follows their end is cut."""
        ids = (self.tokenizer.pad_token_id, self.tokenizer.eos_token_id, self.tokenizer.bos_token_id, 0)
        return next(i for i in ids if i is not None and i < self.vocabulary)

    @property
    def vocabulary(self) -> int:
        """How many tokens the model knows; its tokenizer may know more that no text has."""
        return self.model.get_input_embeddings().weight.shape[0]

    def generate(
        self,
        prompts: Sequence[Sequence[int]],
        stops: Stops | Sequence[str],
        max_new_tokens: int,
        batch_size: int,
    ) -> list[str]:
        """Answer prompts of one subject greedily, in batches; the raw replies in the order of the prompts."""
        prefix = self.prefix(prompts)
        replies = [""] * len(prompts)
        for rows in plan_batches(prompts, batch_size):
            answers = self.answer([prompts[i] for i in rows], prefix, stops, max_new_tokens)
            for row, answer in zip(rows, answers, strict=True):
                replies[row] = answer.text
        return replies

    def prefix(self, prompts: Sequence[Sequence[int]]) -> Layers:
        """Keys and values of the tokens that prompts share; empty where there is nothing to reuse."""
        shared = common_prefix(prompts) if self.reuse_prefix and len(prompts) > 1 else 0
        return self._prefix_layers(prompts[0][:shared]) if shared else []

    def answer(
        self,
        prompts: Sequence[Sequence[int]],
        prefix: Layers,
        stops: Stops | Sequence[str],
        max_new_tokens: int,
        letter_tokens: Sequence[int] = (),
    ) -> list[Answer]:
        """Answer a batch of prompts greedily; in halves, from then on, where memory is too small for it.

        Args:
            prompts: token ids, each beginning with the prefix.
            prefix: what `prefix` gave for a set of prompts that these are part of.
            stops: a reply ends before the first of these.
            max_new_tokens: tokens of a reply at the most.
            letter_tokens: tokens whose log-probability as the first new one is wanted.

        Raises:
            KomepError: memory is too small for a single prompt.
        """
        stops = as_stops(stops)
        size = min(len(prompts), self.largest or len(prompts))
        answers: list[Answer] = []
        while len(answers) < len(prompts):
            part = prompts[len(answers) : len(answers) + size]
            try:
                answers += self._batch(part, prefix, stops, max_new_tokens, letter_tokens)
                continue
            except RuntimeError as error:
                if not out_of_memory(error):
                    raise
            # Out of the handler, whose traceback would keep the batch's tensors alive.
            if size == 1:
                raise KomepError(
                    f"memory is too small for one prompt of {len(part[0])} tokens; take a smaller model or dtype, "
                    "or fewer --shots"
                )
            size = self.largest = len(part) // 2
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
        return answers

    @torch.inference_mode()
    def _prefix_layers(self, tokens: Sequence[int]) -> Layers:
        """Keys and values of the prefix, one row; a cache without a window, so that later rows can be cut from it."""
        cache = DynamicCache()
        ids = torch.tensor([tokens], device=self.device)
        self.model.base_model(input_ids=ids, use_cache=True, **{CACHE: cache})
        layers = [(layer.keys, layer.values) for layer in cache.layers]
        return (
            [] if any(keys is None for keys, _ in layers) else layers
        )  # layers may share one cache: none then

    @torch.inference_mode()
    def _batch(
        self,
        prompts: Sequence[Sequence[int]],
        prefix: Layers,
        stops: Stops,
        limit: int,
        letter_tokens: Sequence[int],
    ) -> list[Answer]:
        """Read the prompts in parts, up to the first new token of each; then all go on together."""
        thinks = stops.apart and (stops.opening or stops.end)
        thinking = set(range(len(prompts))) if thinks else set()
        said: dict[int, list[int]] = {}  # the replies that have ended, by the places of their prompts
        logprobs: list[tuple[float, ...]] = []
        parts = []
        for numbers in self._plan(prompts, prefix):
            rows = self._lay_out(numbers, prompts, prefix)
            with first_logprobs(self.model, letter_tokens) as found:
                said |= self._go_on(rows, prefix, stops, 1 if prefix else limit, limit, thinking)
            logprobs += found
            parts.append(rows)
        rows = join(parts)
        while rows.numbers:
            more = min(max(rows.said, FEWEST_TOKENS), MOST_TOKENS, limit - rows.said)
            said |= self._go_on(rows, prefix, stops, more, limit, thinking)
        new = [self._answer(said[number]) for number in range(len(prompts))]
        return [self._told(tokens, stops, row, limit) for tokens, row in zip(new, logprobs, strict=True)]

    def _told(self, tokens: list[int], stops: Stops, logprobs: tuple[float, ...], limit: int) -> Answer:
        whole = decoded(self.tokenizer, tokens, stops.end)
        text = stops.cut(whole)
        return Answer(text, logprobs or None, cut=LIMIT if len(tokens) >= limit and text == whole else "")

    def _plan(self, prompts: Sequence[Sequence[int]], prefix: Layers) -> list[list[int]]:
        """Which prompts are read together: all of them where only an own cache of `generate` knows what was read."""
        if not prefix:
            return [list(range(len(prompts)))]
        behind = [len(prompt) - prefix[0][0].shape[2] for prompt in prompts]
        return plan_reading(behind, READ_TOKENS.get(self.device.type, READ_TOKENS_ELSEWHERE))

    def _lay_out(self, numbers: Sequence[int], prompts: Sequence[Sequence[int]], prefix: Layers) -> Rows:
        """Prompts as rows of equal length, before which the cache of the prefix lies."""
        shared = bool(prefix) and self.share_attention
        rows = lay_out(
            numbers, [prompts[i] for i in numbers], prefix[0][0].shape[2] if shared else 0, self.device
        )
        if prefix:
            rows.cache = rest_cache(prefix) if shared else shifted_cache(prefix, rows.pads)
        return rows

    def _go_on(
        self, rows: Rows, prefix: Layers, stops: Stops, tokens: int, limit: int, thinking: set[int]
    ) -> dict[int, list[int]]:
        """Add tokens to each row; those that have ended by then are taken out, and their new tokens returned."""
        stop = StopText(self.tokenizer, stops, rows.start, len(rows.numbers), rows.numbers, thinking)
        with attending_to(prefix if self.share_attention else (), rows.pads):
            ids = self.model.generate(
                input_ids=rows.ids,
                attention_mask=rows.mask,
                max_new_tokens=tokens,
                do_sample=False,
                pad_token_id=self.pad_id,
                stopping_criteria=StoppingCriteriaList([stop]),
                **{CACHE: rows.cache},
            )
        rows.extend(ids)
        replies = [row[:end] for row, end in zip(rows.replies(), stop.ended, strict=True)]
        ended = [
            place
            for place, (reply, end) in enumerate(zip(replies, stop.ended, strict=True))
            if end is not None or len(reply) >= limit or len(self._answer(reply)) < len(reply)
        ]
        gone = {rows.numbers[place]: replies[place] for place in ended}
        rows.drop(ended)
        return gone

    def _answer(self, tokens: list[int]) -> list[int]:
        """The tokens before the first end-of-sequence; the padding of an ended row lies behind it."""
        ids = self.model.generation_config.eos_token_id
        ends = {ids} if isinstance(ids, int) else set(ids or ())
        return tokens[: next((n for n, token in enumerate(tokens) if token in ends), len(tokens))]
