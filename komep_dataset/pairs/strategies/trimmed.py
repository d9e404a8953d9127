"""The best answer against the worst that is no outlier: none below the mean minus two deviations is in a pair.

Xiao et al. 2025 (arXiv 2502.16825) found the rejected answer best taken there, of hundreds of samples to one question. A question
here has five or so, of which none can lie two deviations below their own mean: mean and deviation are those of all answers.
"""

from __future__ import annotations

import math

from komep_dataset.options import Option, Range
from komep_dataset.pairs.candidates import PairRule
from komep_dataset.pairs.strategies.best_worst import best_worst
from komep_dataset.system import late

pl = late("polars")

DEVIATIONS = 2
DIGITS = 6


def two_deviations_below(scores: pl.DataFrame) -> float:
    """The mean of the scores by which answers are rejected, minus two standard deviations (of the population), not below 0.

    Args:
        scores: `_high`, and `n`, how many answers have it; some at least.
    """
    values = [(value, n) for value, n in scores.select("_high", "n").sort("_high").iter_rows()]
    total = sum(n for _, n in values)
    mean = math.fsum(value * n for value, n in values) / total
    variance = math.fsum(n * (value - mean) ** 2 for value, n in values) / total
    return round(max(0.0, mean - DEVIATIONS * math.sqrt(variance)), DIGITS)


RULE = PairRule(
    name="trimmed",
    help="best-worst of the answers that are not below --trim-below",
    order=40,
    candidates=best_worst,
    eligible=lambda answers, values: answers.filter(pl.col("_high") >= values.trim_below),
    options=(
        Option(
            "trim_below",
            float,
            None,
            "With --pairs trimmed: the least score of an answer in a pair; by default the mean of all answers minus two "
            "standard deviations.",
            range=Range(0.0, 1.0),
            metavar="X",
        ),
    ),
    settles={
        "trim_below": (two_deviations_below, "the mean score of all answers minus two standard deviations")
    },
)
