"""How many pairs are expected the wrong way round, given what the judge's verdicts are worth, and which margin helps.

The probabilities of single pairs come from `flip_model`; here they are averaged, by margin and above a
margin. Where the calibration says too little, or cannot be that of the judge who gave the verdicts, no figure
is given.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import ceil
from typing import Any

import numpy as np
import polars as pl

from komep_dataset.audit.flip_model import Judge, flip_probabilities
from komep_dataset.errors import KomepError
from komep_dataset.judge.shares import Share, share
from komep_dataset.pairs.generations import units_with
from komep_dataset.schema import Status, Verdict
from komep_dataset.templates import say

MARGIN_EDGES = tuple(tenth / 10 for tenth in range(11))
PURITIES = (0.8, 0.9, 0.95, 0.99)


def judge_of(record: Mapping[str, Any]) -> Judge:
    """The judge of a calibration record (`komep calibrate --output`).

    Raises:
        KomepError: it was not calibrated on true and false statements both, or its calibration does not tell
            it from chance: the 95% interval of `worth` (Newcombe's, from Wilson's of both shares) reaches 0.
    """
    if not (rates := record["rates"]):
        raise KomepError(say("the calibration has no readable verdicts on both true and false statements"))
    if not all(sum(rates[f"{label}_{said}"] for said in ("true", "false")) for label in ("true", "false")):
        raise KomepError(say("the judge gave no readable verdict on true, or on false statements"))
    shares = _readable_shares(record)
    judge = Judge(*(one.share for one in shares))
    lowest = judge.worth - sum((one.share - one.low) ** 2 for one in shares) ** 0.5
    if lowest <= 0:
        raise KomepError(
            say(
                "the judge is {what} (among readable verdicts, sensitivity {first} + specificity {second}; only what "
                "is above 100% together says something): no purity can be estimated and no margin recommended",
                what=say("not told from chance") if judge.worth > 0 else say("no better than chance"),
                first=shares[0],
                second=shares[1],
            )
        )
    return judge


def _readable_shares(record: Mapping[str, Any]) -> tuple[Share, Share]:
    """Sensitivity and specificity among the verdicts that could be read, with their 95% Wilson intervals."""
    sides, rates = record["groups"][0], record["rates"]
    groups = {"true_false": sides["sensitivity"], "false_true": sides["specificity"]}
    wrong = {name: round(rates[name] * group["n"]) for name, group in groups.items()}
    return tuple(share(group["hits"], group["hits"] + wrong[name]) for name, group in groups.items())


def answer_counts(scored: pl.DataFrame | pl.LazyFrame) -> pl.DataFrame:
    """`question_id`, `model`, `units`, `called` (true) of the answers that have a score and units, sorted.

    Takes rows of the config `scored`.
    """
    units, called = pl.col("units").list.len().cast(pl.Int64), units_with(Verdict.TRUE).cast(pl.Int64)
    rows = scored.lazy().filter(pl.col("status") == Status.SCORED.value)
    counted = rows.select("question_id", "model", units=units, called=called)
    return counted.filter(pl.col("units") > 0).sort("question_id", "model").collect()


def release_noise(
    record: Mapping[str, Any] | None,
    counts: pl.DataFrame,
    pairs: pl.DataFrame,
    purities: Sequence[float] = PURITIES,
) -> tuple[dict[str, Any] | None, str | None]:
    """The expected label noise of a release's pairs, or None and the reason.

    Args:
        record: the judge's calibration, or None.
        counts: all scored answers, as of `answer_counts`.
        pairs: the columns of `Pair`.
        purities: those that a margin is recommended for.

    Returns:
        `checker`, `sensitivity`, `specificity` (among readable verdicts); `pairs` that were looked at,
        `without_units`; `flipped`: expected share; `range`: the same if the judge were as bad, or as good, as
        the 95% intervals of its calibration allow (None: no better than chance); `bins`: {low, high, pairs,
        flipped} by margin, low not in it; `recommended`: {purity: see `recommend_min_margin`}.
    """
    if not record:
        reason = (
            "the release holds no calibration of its judge: `komep calibrate`, then `komep build --judge`"
        )
        return None, say(reason)
    try:
        judge = judge_of(record)
    except KomepError as error:
        return None, error.args[0]
    shares = _readable_shares(record)
    if misfit := _misfit(counts, *shares):
        return None, misfit
    flips = flip_probabilities(pairs, counts, judge)
    known = ~np.isnan(flips)
    if not known.any():
        return None, say("no pair has units on both sides: there are no verdicts to doubt")
    margin, flip = pairs["score_margin"].to_numpy()[known], flips[known]
    bounds = [Judge(*(getattr(one, side) for one in shares)) for side in ("high", "low")]
    return {
        "checker": record["checker"],
        "sensitivity": judge.sensitivity,
        "specificity": judge.specificity,
        "statements": record["n"],
        "pairs": int(known.sum()),
        "without_units": int((~known).sum()),
        "flipped": float(flip.mean()),
        "range": [
            float(np.nanmean(flip_probabilities(pairs, counts, bound))) if bound.worth > 0 else None
            for bound in bounds
        ],
        "bins": by_margin(margin, flip),
        "recommended": {str(p): recommend_min_margin(margin, flip, p) for p in purities},
    }, None


def _misfit(counts: pl.DataFrame, sensitivity: Share, specificity: Share) -> str | None:
    """Why these verdicts cannot be the calibrated judge's: a model's share of units called true is out of its reach.

    It calls at least 1 - specificity of any units true, and at most its sensitivity; beyond the intervals of
    both by more than three standard errors is out of reach.
    """
    sums = counts.group_by("model").agg(pl.col("called").sum(), pl.col("units").sum()).sort("model")
    low, high = 1.0 - specificity.high, sensitivity.high
    for model, called, units in sums.iter_rows():
        share = called / units
        slack = 3.0 * (share * (1 - share) / units) ** 0.5
        if not low - slack <= share <= high + slack:
            return say(
                "the calibration does not fit the verdicts: of the units of {model}, {share} were called true, and the "
                "calibrated judge would call from {low} to {high}, whatever is true; another judge gave them",
                model=model,
                share=f"{share:.1%}",
                low=f"{low:.1%}",
                high=f"{high:.1%}",
            )
    return None


def by_margin(margin: np.ndarray, flip: np.ndarray) -> list[dict[str, Any]]:
    """Expected flips by bins of the margin, (low, high]; bins without pairs are left out."""
    found = []
    for low, high in pairwise(MARGIN_EDGES):
        # 0.7 - 0.6 is 0.1, whatever the floats say.
        within = flip[(margin > low + 1e-9) & (margin <= high + 1e-9)]
        if len(within):
            found.append({"low": low, "high": high, "pairs": len(within), "flipped": float(within.mean())})
    return found


def recommend_min_margin(margin: np.ndarray, flip: np.ndarray, purity: float) -> dict[str, Any]:
    """The smallest `--min-margin` at which the expected purity (1 - flipped share) reaches the wanted one.

    Args:
        margin: score margins of the pairs.
        flip: their probabilities to be flipped.
        purity: above 0 to 1.

    Returns:
        {`min_margin` (4 decimals), `pairs` kept, `purity` expected}; or, if no margin reaches it,
        `min_margin` None and `best`: the same at the margin with the highest purity.

    Raises:
        KomepError: a purity that is none (exit code 2).
    """
    if not 0.0 < purity <= 1.0:
        raise KomepError(f"purity {purity}: give a share above 0 to 1", exit_code=2)
    tried = np.unique([0.0, *(ceil(m * 1e4 - 1e-6) / 1e4 for m in np.unique(margin))])
    tried = tried[tried < margin.max()]
    order = np.argsort(margin)
    first = np.searchsorted(margin[order], tried, side="right")  # of the sorted pairs, the first that is kept
    cumulated, kept = np.concatenate([[0.0], np.cumsum(flip[order])]), len(margin) - first
    pure = 1.0 - (cumulated[-1] - cumulated[first]) / kept
    reaching = np.flatnonzero(pure >= purity - 1e-12)
    at = int(reaching[0]) if len(reaching) else int(pure.argmax())
    found = {"min_margin": float(tried[at]), "pairs": int(kept[at]), "purity": float(pure[at])}
    return found if len(reaching) else {"min_margin": None, "best": found}
