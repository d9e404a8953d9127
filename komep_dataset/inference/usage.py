"""What an endpoint says that it counted, and what is counted from the text where that cannot be believed.

An endpoint that says nothing, or nonsense, still sends a bill: no count is taken for zero.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

MOST_TOKENS = 10**9  # no call has more (ours)
FEWEST = 16  # bytes of text that a token covers at the most, on average: a lower count is not believed (ours)
BYTES_A_TOKEN = 3  # for a text that we count: English has about 4, Korean 3 to 5 (ours)


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call: as they were told (None: nothing that is a count), those that are paid for, and what of it
    is doubted."""

    prompt: int | None = None
    completion: int | None = None
    paid_prompt: int = 0
    paid_completion: int = 0
    doubt: str = ""


def read_usage(told: Any, sent: int, received: int) -> Usage:
    """Judge the field `usage` of an answer to so many bytes of text with so many bytes of text.

    Reasoning that the text does not show is paid for too: endpoints count it in `total_tokens` alone, or in
    `completion_tokens_details` beside `completion_tokens`.
    """
    told = told if isinstance(told, dict) else {}
    prompt, completion = _count(told.get("prompt_tokens")), _count(told.get("completion_tokens"))
    paid_prompt, visible = _paid(prompt, sent), _paid(completion, received)
    details = told.get("completion_tokens_details")
    reasoning = (_count(details.get("reasoning_tokens")) if isinstance(details, dict) else None) or 0
    total = _count(told.get("total_tokens")) or 0
    hidden = reasoning if visible != completion or reasoning > visible else 0
    paid = max(visible + hidden, total - paid_prompt)
    doubts = [_doubt(told, "prompt_tokens")] if paid_prompt != prompt else []
    doubts += [_doubt(told, "completion_tokens")] if visible != completion else []
    return Usage(prompt, completion, paid_prompt, paid, next(iter(doubts), ""))


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
