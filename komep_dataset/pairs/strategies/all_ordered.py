"""Every two answers with different scores: what reward models are trained on (Ouyang et al. 2022, arXiv 2203.02155)."""

from __future__ import annotations

from typing import Any

from komep_dataset.languages import is_native
from komep_dataset.pairs.candidates import PairRule, joined
from komep_dataset.system import late

pl = late("polars")


def all_ordered(answers: pl.DataFrame, values: Any = None) -> pl.DataFrame:
    """Every ordered pair of two answers to one question with the higher score first; equal or meeting ones once."""
    sides = answers.with_columns(_native=is_native())
    pairs = joined(sides, sides)
    higher = pl.col("chosen_score") > pl.col("rejected_score")
    lower = pl.col("rejected_low") > pl.col("chosen_high")
    return pairs.filter(higher | (~lower & (pl.col("chosen_model") < pl.col("rejected_model"))))


RULE = PairRule(
    name="all",
    help="every two answers with different scores",
    order=10,
    one_a_question=False,
    candidates=all_ordered,
)
