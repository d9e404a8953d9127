"""What an answer is worth: its DAHL score, which is its precision, or F1@K, which also counts how much it says.

F1@K is that of SAFE (Wei et al. 2024, arXiv 2403.18802, section 5): of an answer with S supported units of n and K units wanted,
precision is S / n, recall min(S / K, 1), F1@K their harmonic mean, and 0 where S is 0. As there, K is by default the median
number of units of the answers. An answer with one true unit is no longer as good as one with twenty.
"""

from __future__ import annotations

import math
import re

from komep_dataset.schema import F1_AT_K, Status
from komep_dataset.system import late

pl = late("polars")

PRECISION, F1 = "precision", "f1"
UNKNOWN_UNITS = "reject", "drop", "bounds"
_FORM = re.compile(rf"{F1}@([0-9]+(?:\.[0-9]+)?)")


def units_wanted(utility: str) -> float | None:
    """K of `f1@K`, a finite number above 0; None for any other text."""
    found = _FORM.fullmatch(utility)
    k = float(found[1]) if found else 0.0
    return k if 0 < k < math.inf else None


def is_utility(value: object) -> bool:
    """Whether a text is `precision`, `f1` (K is left to the data) or `f1@K`."""
    return isinstance(value, str) and (value in (PRECISION, F1) or units_wanted(value) is not None)


def with_k(k: float) -> str:
    """`f1@K` of a number."""
    return f"{F1}@{int(k) if k == int(k) else k}"


def same_utility(value: str | None, of_base: str) -> bool:
    """Whether a base's utility does for what is asked of a release that grows: nothing, the same, or `f1` with any K."""
    return value in (None, of_base) or (value == F1 and units_wanted(of_base) is not None)


def f1_at_k(true: pl.Expr, units: pl.Expr, k: float) -> pl.Expr:
    """F1@K of answers with so many true units of so many; one division, so that equal values are equal bits."""
    # 2PR / (P + R) with P = S/n and R = min(S/K, 1) comes to 2S / (n + max(K, S)).
    return 2 * true / (units + pl.max_horizontal(true, pl.lit(k)))


def with_f1(frame: pl.DataFrame, utility: str, true: pl.Expr) -> pl.DataFrame:
    """Generations with the column `f1_at_k` where the utility is F1@K: null unless they are scored and have units."""
    if (k := units_wanted(utility)) is None:
        return frame
    units = pl.col("units").list.len()
    counts = (pl.col("status") == Status.SCORED.value) & (units > 0)
    return frame.with_columns(pl.when(counts).then(f1_at_k(true, units, k)).alias(F1_AT_K))


def with_bounds(frame: pl.DataFrame, unknown_units: str, utility: str = PRECISION) -> pl.DataFrame:
    """The rows that may pair, with their lowest score `_low` and their highest `_high`, which are one where all units have
    a verdict.

    Args:
        frame: generations with the counts `_true` and `_false` of their units, and `_units`, how many they have.
        unknown_units: what becomes of the others, one of `UNKNOWN_UNITS`.
        utility: `precision` or `f1@K`; by the latter, a row without units cannot pair.
    """
    k = units_wanted(utility)
    scored = pl.col("status") == Status.SCORED.value
    true, known, units = pl.col("_true"), pl.col("_true") + pl.col("_false"), pl.col("_units")
    own = pl.col("dahl_score") if k is None else f1_at_k(true, units, k)
    if k is not None:
        scored = scored & (units > 0)
    if unknown_units == "reject":
        return frame.filter(scored).with_columns(_low=own, _high=own)

    def score(hits: pl.Expr, of: pl.Expr) -> pl.Expr:
        return hits / of if k is None else f1_at_k(hits, of, k)

    partly = (pl.col("status") == Status.UNPARSED.value) & (known > 0)
    low, high = (
        (score(true, known),) * 2
        if unknown_units == "drop"
        else (score(true, units), score(units - pl.col("_false"), units))
    )
    whole = pl.col("dahl_score").is_not_null()
    return frame.filter(scored | partly).with_columns(
        _low=pl.when(whole).then(own).otherwise(low), _high=pl.when(whole).then(own).otherwise(high)
    )
