"""The best answer against the middling one (mean against best in Xiao et al. 2025, arXiv 2502.16825)."""

from __future__ import annotations

from typing import Any

from komep_dataset.pairs.candidates import PairRule, firsts, joined, ranked, rows_of
from komep_dataset.system import late

pl = late("polars")


def best_median(answers: pl.DataFrame, values: Any = None) -> pl.DataFrame:
    """The best of n answers against that at place n // 2 from the best, counted from 0: of two in the middle the lower."""
    order = ranked(answers, True)
    place, half = pl.int_range(pl.len()).over("_question"), (pl.len() // 2).over("_question")
    return joined(rows_of(answers, firsts(order)), rows_of(answers, order.filter(place == half)["_row"]))


RULE = PairRule(
    name="best-median", help="the best against the middling answer", order=30, candidates=best_median
)
