"""Subsets of the pairs that do not teach a shortcut: length that says nothing, no model that always wins.

Pure functions over narrow frames (ids, models, scores, lengths; never texts). Each gives a Boolean column,
one a row, that is the same whatever the order of the rows: where a choice is open, a hash of the pair's key
decides.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from math import ceil, floor
from typing import TYPE_CHECKING

from komep_dataset.errors import KomepError
from komep_dataset.schema import Pair

if TYPE_CHECKING:
    import polars as pl

# How far apart the |log(chosen_length / rejected_length)| of two matched pairs may lie; log, so 0.05 is about 5%.
CALIPER = 0.05
_ROUNDING = 1e-9  # 0.1 * 30 must allow 3 wins, whatever the floats say


def length_controlled(pairs: pl.DataFrame, seed: int = 0) -> pl.Series:
    """Which pairs to keep so that length does not tell chosen from rejected.

    Every kept pair whose chosen answer is the longer one has a partner of its own whose rejected answer is
    longer by the same factor, to within `CALIPER` on the log scale; pairs of equal lengths stay. Categories
    and models are not looked at. No larger set of partners exists under that rule. So "the longer one wins"
    is right exactly as often as wrong, and the mean of log(chosen_length / rejected_length) lies within
    `CALIPER` / 2 of zero.

    Args:
        pairs: the columns of `Pair`, `chosen_length` and `rejected_length` (characters; 0 counts as 1).
        seed: changes which of several equal pairs are kept.

    Returns:
        Boolean `kept`, in row order. Which rows are kept does not depend on that order.
    """
    import polars as pl

    length = {side: pl.col(f"{side}_length").clip(lower_bound=1).log() for side in ("chosen", "rejected")}
    ratios = pairs.select(ratio=length["chosen"] - length["rejected"])["ratio"]
    keyed = pl.DataFrame({"row": range(pairs.height), "size": ratios.abs(), "sign": ratios.sign()})
    ordered = keyed.with_columns(_keys(pairs, seed)).sort("size", "key")
    longer, shorter = (ordered.filter(pl.col("sign") == sign) for sign in (1.0, -1.0))
    left, right = _partners(longer["size"].to_list(), shorter["size"].to_list())
    kept = pl.concat([longer[left], shorter[right], ordered.filter(pl.col("sign") == 0.0)])
    return keyed.join(kept, on="row", how="left", maintain_order="left")["key"].is_not_null().alias("kept")


def _partners(left: Sequence[float], right: Sequence[float]) -> tuple[list[int], list[int]]:
    """Places of the most partners that two ascending lists allow, at most `CALIPER` apart.

    Taking the smallest two that fit is optimal: whichever of them is passed over fits nothing later.
    """
    found: tuple[list[int], list[int]] = ([], [])
    i = j = 0
    while i < len(left) and j < len(right):
        if abs(left[i] - right[j]) <= CALIPER:
            found[0].append(i)
            found[1].append(j)
            i, j = i + 1, j + 1
        elif left[i] < right[j]:
            i += 1
        else:
            j += 1
    return found


def models_balanced(pairs: pl.DataFrame, cap: float, seed: int = 0) -> pl.Series:
    """Which pairs to keep so that no model wins more than a share `cap` of the kept ones.

    As few pairs go as can. Of a model that wins too often, those with the smallest `score_margin` go first.

    Args:
        pairs: the columns of `Pair`.
        cap: largest share of the kept pairs that one model may win, above 0 to 1.
        seed: changes which of several pairs with equal margins are kept.

    Returns:
        Boolean `kept`, in row order. Which rows are kept does not depend on that order.

    Raises:
        KomepError: `cap` is no such share (exit code 2), or no non-empty subset keeps to it.
    """
    import polars as pl

    if not 0.0 < cap <= 1.0:
        raise KomepError(f"cap {cap}: give a share above 0 to 1 that one model may win", exit_code=2)
    quota = _quota(Counter(pairs["chosen_model"]), cap)
    keyed = pairs.select("chosen_model", "score_margin", _keys(pairs, seed)).with_row_index("row")
    ordered = keyed.sort("score_margin", "key", descending=[True, False])
    place = pl.int_range(pl.len()).over("chosen_model")
    return ordered.select("row", kept=place < quota).sort("row")["kept"]


def _quota(wins: Counter[str], cap: float) -> int:
    """How many wins a model may keep, so that most pairs stay and none has more than `cap` of them.

    If N pairs stay, no model has more than floor(cap N), so that at most f(N) = sum of min(wins, floor(cap
    N)) can stay. f never falls with N: going from all pairs to f of them, and so on, ends at the largest N =
    f(N).
    """
    kept = wins.total()
    while kept:
        quota = floor(cap * kept + _ROUNDING)
        possible = sum(min(n, quota) for n in wins.values())
        if possible == kept:
            return quota
        kept = possible
    if wins:
        smallest = ceil(1e4 / len(wins)) / 1e4
        raise KomepError(
            f"cap {cap}: {len(wins)} models win pairs, so one of them has at least 1/{len(wins)} of any subset; "
            f"the smallest cap possible is {smallest}"
        )
    return 0


def _keys(pairs: pl.DataFrame, seed: int) -> pl.Series:
    """A hash a pair, by question and models alone: an order that no row order changes."""
    import polars as pl

    rows = ("\0".join((str(seed), *row)).encode() for row in pairs.select(Pair.KEY).iter_rows())
    return pl.Series("key", [hashlib.blake2b(row, digest_size=8).digest() for row in rows], pl.Binary)
