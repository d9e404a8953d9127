"""Whether a model says the same however its prompts are laid out, tried with two short prompts before the first question.

Some architectures keep a past of their own, count positions by themselves, or were never run with padding. What is
known of them stands in `shared_prefix.can_share` and `Generator`; what is not known is found here, and costs speed alone.
A window is longer than these prompts: `benchmarks/architectures.py` tries those.
"""

from typing import Any

import torch

from evaluation.backends.local.generation import Generator
from komep_dataset.errors import KomepError

SHARED = "문항 1. Question: the heart, the lung, the liver. 심장, 폐, 간. A B C D E"
ENDS = (" 1: 가", " 2. Which of these is it, 다음 중 무엇인가? 나 다 라")
NEW = 3  # tokens of each reply
# Log-probabilities that may lie apart, absolutely and as a share: sums in another order move them, by type.
NEAR = {torch.float32: 1e-3}
NEAR_IN_HALF = 0.1

WAYS = (
    ("", None),
    ("every prompt has a copy of what all share", "share_attention"),
    ("what prompts share is computed anew for each", "reuse_prefix"),
    ("prompts are run one at a time", "batches"),
)


def settle(generator: Generator) -> str:
    """Lay prompts out so that the model says what it says to one alone; what was given up for that, "" if nothing.

    Raises:
        KomepError: the first new token has no probabilities.
        Exception: whatever the model raises for a single prompt.
    """
    prompts = [generator.tokenizer(SHARED + end)["input_ids"] for end in ENDS]
    prompts = [[min(token, generator.vocabulary - 1) for token in prompt] for prompt in prompts]
    tokens = sorted({token for prompt in prompts for token in prompt})
    alone = [generator.answer([prompt], (), (), NEW, tokens)[0] for prompt in prompts]
    for done, part in WAYS:
        if part and not _give_up(generator, part):
            continue
        try:
            together = generator.answer(prompts, generator.prefix(prompts), (), NEW, tokens)
        except (RuntimeError, ValueError, TypeError, LookupError, AttributeError, KomepError):
            continue
        if all(_equal(one, other, generator.model.dtype) for one, other in zip(alone, together, strict=True)):
            return done
    return done


def _give_up(generator: Generator, part: str) -> bool:
    """Leave out a way of sharing work; whether it was in use."""
    if part == "batches":
        generator.largest = 1
        return True
    used = getattr(generator, part)
    if generator.share_attention:
        generator.model.set_attn_implementation("sdpa")
    setattr(generator, part, False)
    return used


def _equal(alone: Any, together: Any, dtype: torch.dtype) -> bool:
    near = NEAR.get(dtype, NEAR_IN_HALF)
    same = dtype != torch.float32 or alone.text == together.text
    pairs = zip(alone.logprobs, together.logprobs, strict=True)
    return same and all(abs(a - b) <= near * (1 + abs(a)) for a, b in pairs)
