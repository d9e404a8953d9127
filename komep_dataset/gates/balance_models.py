"""A subset of the pairs in which no model wins more than a share of them.

It is tried last, so that its cap holds in the release; with length control, lengths are matched only before it.
"""

from __future__ import annotations

from collections import Counter
from math import ceil, floor

from komep_dataset.errors import KomepError
from komep_dataset.gates.trial.gate import SubsetGate, pair_hashes
from komep_dataset.options import Option, Range
from komep_dataset.system import late

pl = late("polars")

_ROUNDING = 1e-9  # 0.1 * 30 must allow 3 wins, whatever the floats say


def models_balanced(pairs: pl.DataFrame, cap: float) -> pl.Series:
    """Which pairs to keep so that no model wins more than a share `cap` of the kept ones.

    As few pairs go as can. Of a model that wins too often, those with the smallest `score_margin` go first.

    Args:
        pairs: the columns of `Pair`.
        cap: largest share of the kept pairs that one model may win, above 0 to 1.

    Returns:
        Boolean `kept`, in row order. Which rows are kept does not depend on that order.

    Raises:
        KomepError: `cap` is no such share (exit code 2), or no non-empty subset keeps to it.
    """
    if not 0.0 < cap <= 1.0:
        raise KomepError(f"cap {cap}: give a share above 0 to 1 that one model may win", exit_code=2)
    quota = _quota(Counter(pairs["chosen_model"]), cap)
    keyed = pairs.select("chosen_model", "score_margin", pair_hashes(pairs)).with_row_index("row")
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


GATE = SubsetGate(
    name="balance_models",
    reason="balance_models",
    order=60,
    options=(
        Option(
            "balance_models",
            float,
            None,
            "Let no model give the chosen answer of more than this share of the pairs, above 0 to 1.",
            range=Range(0.0, 1.0, above=True),
            metavar="CAP",
        ),
    ),
    keep=models_balanced,
    why=lambda cap: f"its winner has more than its share of the pairs: --balance-models {cap}",
)
