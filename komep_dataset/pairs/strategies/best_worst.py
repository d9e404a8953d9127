"""The best answer against the worst: the rule of the KoMeP paper."""

from __future__ import annotations

from typing import Any

from komep_dataset.pairs.candidates import PairRule, firsts, joined, ranked, rows_of
from komep_dataset.system import late

pl = late("polars")


def best_worst(answers: pl.DataFrame, values: Any = None) -> pl.DataFrame:
    """One candidate for each question."""
    return joined(*(rows_of(answers, firsts(ranked(answers, best_first))) for best_first in (True, False)))


RULE = PairRule(
    name="best-worst",
    help="one pair a question, the best-scored answer against the worst",
    order=0,
    candidates=best_worst,
)
