"""A stronger model's answer against a weaker one's, whatever the score says (Geng et al. 2025, arXiv 2507.06187)."""

from __future__ import annotations

from typing import Any

from komep_dataset.options import Option
from komep_dataset.pairs.candidates import PairRule, firsts, joined, rows_of
from komep_dataset.system import late

pl = late("polars")


def ordered_models(order: str | None) -> list[str]:
    """The models that an order names, strongest first."""
    return [name.strip() for name in order.split(",")] if isinstance(order, str) else []


def is_order(order: Any) -> bool:
    names = ordered_models(order)
    return len(names) >= 2 and all(names) and len(set(names)) == len(names)


def strongest_weakest(answers: pl.DataFrame, values: Any) -> pl.DataFrame:
    """The answer of the first model of the order that has one against that of the last, of each question."""
    names = ordered_models(values.order)
    place = pl.col("model").replace_strict(names, range(len(names)), return_dtype=pl.Int64)
    keys = answers.select(pl.col("question_id").rle_id().alias("_question"), place=place)
    keys = keys.with_row_index("_row")
    sides = (keys.sort("_question", "place", descending=[False, last]) for last in (False, True))
    return joined(*(rows_of(answers, firsts(side)) for side in sides))


RULE = PairRule(
    name="delta",
    help="the strongest against the weakest model of --order, whatever the score says",
    order=50,
    candidates=strongest_weakest,
    eligible=lambda answers, values: answers.filter(pl.col("model").is_in(ordered_models(values.order))),
    by_score=False,
    options=(
        Option(
            "order",
            str,
            None,
            "With --pairs delta: the models, strongest first, joined by commas; answers of others are in no pair.",
            metavar="STRONG,…,WEAK",
            check=is_order,
            want="give two models or more, each once, strongest first, joined by commas",
        ),
    ),
    required=("order",),
    models=lambda values: ordered_models(values.order),
)
