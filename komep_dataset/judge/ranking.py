"""What a checker's errors do to the ranking of answers: how many pairs would come out the other way round.

The verdicts of the pairs that there are stand for the truth; a checker with the given rates judges their units
again, often. These are assumptions: those verdicts came from a checker too, and one that errs; and here it errs
on every unit for itself, where a real one gives a unit that both answers share the same verdict, right or wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl

from komep_dataset.pairs.generations import units_with
from komep_dataset.pairs.rules import select_pairs
from komep_dataset.schema import Verdict

DRAWS = 1000
SEED = 0


@dataclass(frozen=True, slots=True)
class Rates:
    """How a checker errs, as shares: `true_true` of the true statements it calls true, `true_false` of the true
    ones false, `false_true` and `false_false` alike of the false ones; what is left of each is unknown."""

    true_true: float
    true_false: float
    false_true: float
    false_false: float


class Sides(NamedTuple):
    """The units of one pair: true and false ones of the chosen and of the rejected answer."""

    chosen_true: int
    chosen_false: int
    rejected_true: int
    rejected_false: int


@dataclass(frozen=True, slots=True)
class Range:
    """A share over the draws: its mean, and the 2.5 and 97.5 percent points."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.1%} ({self.low:.1%} to {self.high:.1%})"


@dataclass(frozen=True, slots=True)
class Ranking:
    """What happens to the pairs: `flipped` have the rejected answer ahead, `tied` have equal scores, `lost` have
    a unit whose verdict cannot be read; what is left stands. Shares of `pairs`, over `draws` draws."""

    pairs: int
    draws: int
    seed: int
    flipped: Range
    tied: Range
    lost: Range


def simulate(pairs: Sequence[Sides], rates: Rates, *, draws: int = DRAWS, seed: int = SEED) -> Ranking | None:
    """Judge the units of every pair again, `draws` times; None without pairs.

    The same pairs, rates and seed give the same result. Which answers of a question make the pair is not chosen
    anew: this is what becomes of the pairs that there are.
    """
    if not pairs:
        return None
    rng = np.random.default_rng(seed)
    ct, cf, rt, rf = np.array(pairs).T
    flipped, tied, lost = [], [], []
    for _ in range(draws):
        chosen, chosen_unread = _judged(rng, ct, cf, rates)
        rejected, rejected_unread = _judged(rng, rt, rf, rates)
        read = (chosen_unread + rejected_unread) == 0
        # Cross-multiplied: shares compared without rounding.
        ahead = chosen * (rt + rf) - rejected * (ct + cf)
        flipped.append((read & (ahead < 0)).mean())
        tied.append((read & (ahead == 0)).mean())
        lost.append(1 - read.mean())
    return Ranking(len(pairs), draws, seed, *map(_range, (flipped, tied, lost)))


def _judged(rng, true, false, rates: Rates):
    """One draw for answers with so many true and false units: (units called true, units unread)."""
    called, unread = 0, 0
    for units, said_true, said_false in (
        (true, rates.true_true, rates.true_false),
        (false, rates.false_true, rates.false_false),
    ):
        hits = rng.binomial(units, said_true)
        left = 1 - said_true
        said = rng.binomial(units - hits, min(1.0, said_false / left) if left > 0 else 0.0)
        called, unread = called + hits, unread + units - hits - said
    return called, unread


def _range(values: list[float]) -> Range:
    low, high = np.percentile(values, [2.5, 97.5])
    return Range(float(np.mean(values)), float(low), float(high))


def pair_sides(frame: pl.DataFrame) -> list[Sides]:
    """The pairs of a complete frame of scored generations, best against worst, in order of their questions.

    Answers that came with a score and no units are left out: there is nothing to judge again.
    """
    frame = frame.filter(pl.col("units").list.len() > 0)
    pairs, _ = select_pairs(frame)
    verdicts = {verdict.value: units_with(verdict) for verdict in (Verdict.TRUE, Verdict.FALSE)}
    counts = frame.select("question_id", "model", **verdicts)
    for side in ("chosen", "rejected"):
        own = counts.rename({"model": f"{side}_model", "true": f"{side}_true", "false": f"{side}_false"})
        pairs = pairs.join(own, on=["question_id", f"{side}_model"], how="left", maintain_order="left")
    return [Sides(*row) for row in pairs.select(Sides._fields).iter_rows()]
