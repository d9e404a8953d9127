"""What a call is paid for: what an answer says that it counted, or what is counted from the text where that cannot be
believed. An endpoint that says nothing, or nonsense, still sends a bill, and no count is taken for zero.
"""

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from komep_dataset.replies.patterns import Pattern

MOST_TOKENS = 10**9  # no call has more (ours)
FEWEST = 16  # bytes of text that a token covers at the most, on average: a lower count is not believed (ours)
BYTES_A_TOKEN = 3  # for a text that we count: English has about 4, Korean 3 to 5 (ours)
# Names of counts in a usage, in snake case, and a count that is written as text.
_COUNT = r"_(?:eval_|token_)?(?:tokens?|count|length)\Z"
_IN = Pattern(rf"\A(?:total_|num_|n_)?(?:prompt|input){_COUNT}")
_OUT = Pattern(
    rf"\A(?:total_|num_|n_)?(?:completion|output|generated|candidates|response){_COUNT}|\Aeval_count\Z"
)
_CACHE, _TOTAL = Pattern(r"cache.*tokens?(?:_count)?\Z"), Pattern(rf"\A(?:total|all){_COUNT}")
_REASONING = Pattern("reason|think|thought")
_CAMEL = Pattern("(?<=[a-z0-9])(?=[A-Z])")
_DIGITS = Pattern("[0-9]{1,10}")
_COST = Pattern("(?i)cost|price")
_OLLAMA = Pattern(r"(?:prompt_)?eval_count\Z")
_TICKS = 1e-10  # xAI states a cost as `cost_in_usd_ticks`, of which a dollar has so many (docs.x.ai)
MOST_COST = 1e6  # no call costs more (ours)
# What a cost in a header may be besides a call's.
_SUMS = Pattern("(?i)total|cumul|budget|limit|remain|month|daily")


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call: as they were told (None: nothing that is a count), those that are paid for, and what of it
    is doubted."""

    prompt: int | None = None
    completion: int | None = None
    paid_prompt: int = 0
    paid_completion: int = 0
    doubt: str = ""
    stated: float = 0.0  # what the endpoint says that the call cost


def told_in(data: Any) -> dict[str, Any] | None:
    """The usage of an answer, under whichever name, with a cost that stands beside it."""
    if not isinstance(data, dict):
        return None
    named = {key: value for key, value in data.items() if "usage" in key.lower() and isinstance(value, dict)}
    beside = {key: value for key, value in data.items() if _COST.search(key) or _OLLAMA.match(key)}
    usage = data.get("usage")
    return beside | (usage or next(iter(named.values()), {})) if named or beside else usage


@lru_cache(1024)  # an endpoint has a few names, and says them with every answer
def snake(name: str) -> str:
    return _CAMEL.sub("_", name).lower()


def reasoning_in(told: Any) -> int:
    """How many tokens a usage counts as reasoning; 0 where it says nothing of it."""
    return _most(told, _REASONING, depth=3) if isinstance(told, dict) else 0


def read_usage(told: Any, sent: int, received: int) -> Usage:
    """Judge the field `usage` of an answer to so many bytes of text with so many bytes of text.

    Of what it says, the larger is paid for. Reasoning that the text does not show is on the bill too: endpoints count it
    in `total_tokens` alone, or by a name of its own beside `completion_tokens` (`completion_tokens_details`,
    `thoughts_token_count`). Names are read in any spelling (`output_tokens`, `completionTokens`), and numbers as text. Of
    tokens in a cache Anthropic's prompt has none: they are added where they are more than it.
    """
    told = told if isinstance(told, dict) else {}
    prompt, completion = _count(told.get("prompt_tokens")), _count(told.get("completion_tokens"))
    paid_prompt = max(_paid(prompt, sent), _most(told, _IN))
    cached = {snake(key): _most({key: value}, _CACHE) for key, value in told.items()}
    paid_prompt += sum(cached.values()) if sum(cached.values()) > paid_prompt else 0
    said = _most(told, _OUT)
    visible, reasoning = max(_paid(completion, received), said), reasoning_in(told)
    hidden = reasoning if visible > said or reasoning > visible else 0
    paid = max(visible + hidden, _most(told, _TOTAL) - paid_prompt)
    doubted = "completion_tokens" if visible != completion else ""
    doubted = "prompt_tokens" if paid_prompt != prompt else doubted
    return Usage(prompt, completion, paid_prompt, paid, doubted and _doubt(told, doubted), _stated(told))


def _stated(told: dict[str, Any]) -> float:
    """The cost in a usage, the largest that is stated: under a name of its own (OpenRouter's `cost`), or the total of costs
    under one (Perplexity's `cost.total_cost`); where there is no total, their sum, and of details the largest."""
    found = [0.0]
    for key, value in told.items():
        if not _COST.search(key):
            continue
        if isinstance(value, dict):
            total = next((name for name in value if "total" in name.lower()), None)
            parts = [_stated({"cost": one}) for one in (value.values() if total is None else [value[total]])]
            found.append(max(parts, default=0.0) if "detail" in key.lower() else sum(parts))
        elif isinstance(value, int | float | str) and not isinstance(value, bool):
            with suppress(ValueError, OverflowError):
                amount = float(value) * (_TICKS if "tick" in key.lower() else 1)
                found.append(amount if 0 <= amount <= MOST_COST else 0.0)
    return max(found)


def header_cost(headers: Mapping[str, str]) -> float:
    """What the headers of an answer say that it cost, as LiteLLM's `x-litellm-response-cost`; 0 where they say nothing."""
    return _stated({key: value for key, value in headers.items() if not _SUMS.search(key)})


def _most(told: dict[str, Any], name: Pattern, depth: int = 1) -> int:
    """The largest count that stands under a name, also one that is written as text or as a fraction of nothing."""
    found = [0]
    for key, value in told.items():
        if isinstance(value, dict) and depth > 1:
            found.append(_most(value, name, depth - 1))
        elif name.search(snake(key)):
            whole = int(value) if isinstance(value, str) and _DIGITS.fullmatch(value) else value
            whole = int(whole) if isinstance(whole, float) and whole.is_integer() else whole
            found.append(_count(whole) or 0)
    return max(found)


def _count(value: Any) -> int | None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and 0 <= value <= MOST_TOKENS else None


def _paid(count: int | None, text_bytes: int) -> int:
    """A count that a text of so many bytes can have; where it is none, our own count of the text."""
    believed = count is not None and count * FEWEST >= text_bytes
    return count if believed else math.ceil(text_bytes / BYTES_A_TOKEN)


def _doubt(told: dict[str, Any], name: str) -> str:
    """What is wrong with a count; no text of the endpoint's and no long number, either of which may be a key."""
    if name not in told:
        return f"no {name}"
    value = told[name]
    short = value is None or (isinstance(value, int | float) and abs(value) < 1e6)
    return f"{name} {value!r}" if short else f"{name} is no count ({type(value).__name__})"
