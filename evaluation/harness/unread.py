"""Replies without a letter: what each is due to, and which setting mends most of them."""

from collections.abc import Mapping
from typing import Any

from evaluation.harness.backend import HIDDEN, Answer
from komep_dataset.replies.refusals import is_refusal

UNREAD = 0.2  # share of replies without a letter from which people are told (ours)
# Cause, as `results.json` counts it -> what is said of it.
_ADVICE = {
    "refused": "the endpoint refuses the question: take another endpoint or --model",
    "thoughts": "the limit goes to thoughts, shown or hidden: raise --max-new-tokens ({max_new_tokens}), or turn thinking off",
    "declined": "the model declines to answer: take another --model, or ask another way (--chat-template, --prompt)",
    "empty": "the reply is empty: the model ends at once, or begins with a stop string: try --chat-template",
    "other": "where replies are cut off raise --max-new-tokens ({max_new_tokens}), where they say something else try "
    "--chat-template",
}


def cause_of(answer: Answer, *, thought: bool) -> str:
    """Why a reply holds no letter, a key of what `results.json` counts as `unread`; `thought`: it never ended thinking."""
    if thought or answer.failure.startswith(HIDDEN):
        return "thoughts"
    if answer.failure:
        return "refused"
    if not answer.text.strip():
        return "empty"
    return "declined" if is_refusal(answer.text) else "other"


def likeliest_cause(counts: Mapping[str, int], config: Mapping[str, Any]) -> str:
    """The causes of replies without a letter, the most frequent first, each with its setting."""
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    return "; ".join(f"{_ADVICE[cause].format_map(config)} ({n:,})" for cause, n in ordered)
