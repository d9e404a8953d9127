"""A subset of the pairs in which length does not tell chosen from rejected."""

from __future__ import annotations

from collections.abc import Sequence

from komep_dataset.gates.trial.gate import SubsetGate, pair_hashes
from komep_dataset.options import Option
from komep_dataset.system import late

pl = late("polars")

# How far apart the |log(chosen_length / rejected_length)| of two matched pairs may lie; log, so 0.05 is about 5%.
CALIPER = 0.05


def length_controlled(pairs: pl.DataFrame) -> pl.Series:
    """Which pairs to keep so that length does not tell chosen from rejected.

    Every kept pair whose chosen answer is the longer one has a partner of its own whose rejected answer is
    longer by the same factor, to within `CALIPER` on the log scale; pairs of equal lengths stay. Categories
    and models are not looked at. No larger set of partners exists under that rule. So "the longer one wins"
    is right exactly as often as wrong, and the mean of log(chosen_length / rejected_length) lies within
    `CALIPER` / 2 of zero.

    Args:
        pairs: the columns of `Pair`, `chosen_length` and `rejected_length` (characters; 0 counts as 1).

    Returns:
        Boolean `kept`, in row order. Which rows are kept does not depend on that order.
    """
    length = {side: pl.col(f"{side}_length").clip(lower_bound=1).log() for side in ("chosen", "rejected")}
    ratios = pairs.select(ratio=length["chosen"] - length["rejected"])["ratio"]
    keyed = pl.DataFrame({"row": range(pairs.height), "size": ratios.abs(), "sign": ratios.sign()})
    ordered = keyed.with_columns(pair_hashes(pairs)).sort("size", "key")
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


GATE = SubsetGate(
    name="length_control",
    reason="length_control",
    order=50,
    options=(
        Option(
            "length_control",
            bool,
            False,
            "Keep only as many pairs as balance: in the subset, the chosen answer is no longer on average than the rejected one.",
        ),
    ),
    keep=lambda pairs, wanted: length_controlled(pairs),
    why=lambda wanted: "no partner whose length ratio is the inverse: --length-control",
)
