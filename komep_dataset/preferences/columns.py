"""What sets of preferences call their columns, and the pair within a list of ranked or scored completions."""

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

# The columns of a set under our names, which a map of columns may give.
KNOWN = (
    *("prompt", "chosen", "rejected", "system", "question_id", "category", "completions", "tools"),
    *(f"{side}_{what}" for what in ("model", "score") for side in ("chosen", "rejected")),
)
# What other sets of preferences call a column of ours.
OTHER_NAMES = {
    "prompt": (
        *("question", "instruction", "input", "query", "messages", "conversation", "conversations"),
        *("context", "history"),
    ),
    "chosen": ("chosen_response", "chosen_answer", "response_chosen", "preferred", "preferred_output"),
    "rejected": (
        *("rejected_response", "rejected_answer", "response_rejected"),
        *("dispreferred", "non_preferred", "non_preferred_output"),
    ),
}
MODELS = ("{}_model", "{}-model", "model_{}")
SCORES = ("{}_score", "score_{}", "{}_rating", "{}-rating", "rating_{}", "{}_avg_rating", "{}_reward")
COMPLETIONS = ("completions", "answers")  # NeMo RL's and UltraFeedback's; Nectar's
_TEXTS = ("completion", "response", "answer", "text", "content")
_GRADES = ("overall_score", "score", "rating", "avg_rating")  # the higher the better; a `rank` the lower


class Unfit(ValueError):
    """What is wrong with a row, for its line in `rejects.jsonl`."""


def known_as(name: str, columns: Sequence[str]) -> str | None:
    """The one of a dataset's columns that holds what we call `name`; None where there is none, or more than one."""
    found = [column for column in columns if column.casefold() in (name, *OTHER_NAMES[name])]
    return name if name in columns else found[0] if len(found) == 1 else None


def side_column(names: Sequence[str], side: str, columns: Sequence[str]) -> str | None:
    """The first of the columns that is one of `MODELS` or `SCORES` of a side."""
    wanted = [name.format(side) for name in names]
    return next((column for column in columns if column.casefold() in wanted), None)


def completions_in(columns: Sequence[str]) -> str | None:
    """The column of completions that a pair is taken from: where a set has no answers of its own."""
    answered = any(known_as(side, columns) for side in ("chosen", "rejected"))
    return None if answered else next((name for name in COMPLETIONS if name in columns), None)


def number(value: Any, name: str) -> float | None:
    """A score, also one that is written as text; None where there is none. Raises `Unfit` for anything else."""
    if value is None or (isinstance(value, str) and value.strip() in ("", "N/A")):
        return None
    found = math.nan
    if isinstance(value, (int, float, str)) and not isinstance(value, bool):
        with suppress(ValueError):
            found = float(value)
    if not math.isfinite(found):
        raise Unfit(f"{name}: expected a number, got {value!r:.60}")
    return found


def pair_of(completions: Any) -> dict[str, Any]:
    """Of ranked or scored completions the first of the best as `chosen`, the last of the worst as `rejected`, and what is
    said of them: `chosen_model`, `chosen_score` and the same of `rejected`, where it is.

    Raises:
        Unfit: they are fewer than two, not all ranked or scored, or all alike.
    """
    if not isinstance(completions, Sequence) or not all(isinstance(one, Mapping) for one in completions):
        raise Unfit(f"expected completions with rank or score, got {completions!r:.60}")
    if len(completions) < 2:
        raise Unfit(f"{len(completions)} completion, and a pair takes two")
    keys = (key for key in ("rank", *_GRADES) if all(one.get(key) is not None for one in completions))
    if (grade := next(keys, None)) is None:
        known = ", ".join(_GRADES)
        raise Unfit(f"not every completion has one of rank, {known}: which is preferred is not said")
    values = [number(one[grade], grade) for one in completions]
    if None in values or len({*values}) == 1:
        raise Unfit(f"every completion has the {grade} {completions[0][grade]!r}: none is preferred")
    order = [-value if grade == "rank" else value for value in values]
    places = {"chosen": order.index(max(order)), "rejected": len(order) - 1 - order[::-1].index(min(order))}
    found: dict[str, Any] = {}
    for side, place in places.items():
        one = completions[place]
        found[side] = next((one[key] for key in _TEXTS if one.get(key) is not None), None)
        found[f"{side}_model"] = one.get("model")
        found[f"{side}_score"] = None if grade == "rank" else values[place]
    return found
