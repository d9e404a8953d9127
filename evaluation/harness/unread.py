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
# The same where no reply hit the limit of tokens.
_UNCUT = {
    "thoughts": "the answer stands among the thoughts: mend the server's reasoning parser or leave it out, or turn thinking off",
    "harness": "stops cut the thoughts, as --thoughts harness has it: leave that option out",
    "declined": "the model declines, or the stops of the prompt cut a reply that explains first: take --prompt cot, or another --model",
    "other": "the stops of the prompt cut a reply that explains before it answers: take --prompt cot",
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
    """The causes of replies without a letter, the most frequent first, each with its setting; `config` with `cut_limit`, if known."""
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    return "; ".join(f"{_advice(cause, config).format_map(config)} ({n:,})" for cause, n in ordered)


def _advice(cause: str, config: Mapping[str, Any]) -> str:
    if config.get("cut_limit", 1):
        return _ADVICE[cause]
    if cause == "thoughts" and config["thoughts"] == "harness":
        cause = "harness"
    known = cause == "harness" or (
        config["backend"] == "openai" and config["chat_template"] and config.get("prompt") != "cot"
    )
    return _UNCUT.get(cause, _ADVICE.get(cause, "")) if known else _ADVICE[cause]
