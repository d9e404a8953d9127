"""Statements about an experiment, decided by rules: confirmed, refuted or undecided. Numbers in, verdicts out.

An effect is one model's change of accuracy with its 95% interval over questions and seeds (`evaluation.statistics.comparison`).
Of an effect the rules ask three things, all in shares (0.01 = a point):
- *improves*: its interval lies above 0.
- *no gain*: its widened interval lies below `GAIN`, so that a gain worth the name is excluded.
- *harms*: its widened interval lies below 0.
Where a rule needs all models, each is asked at 95%, which keeps the whole at 95% (an intersection-union test); where
one model out of m suffices, its interval is widened to 1 - 0.05/m (Bonferroni, by the normal distribution). Every
interval is widened by 3/n as well: what none of n questions showed may still hold for 3 in n of all (95%).
`benchmarks/verdict_rules.py` measures how often each rule is right where the truth is known.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

from komep_dataset.templates import Said, say

GAIN = 0.01  # a point of accuracy: a smaller gain is none. Ours, from no paper.
LEVEL = 0.05
CONFIRMED, REFUTED, UNDECIDED = "confirmed", "refuted", "undecided"


@dataclass(frozen=True, slots=True)
class Effect:
    """One model's change from base to tuned: mean over seeds, its 95% interval, numbers of questions and seeds."""

    model: str
    difference: float
    low: float
    high: float
    n: int
    seeds: int = 1


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule says of a statement, and the figures that made it say so."""

    outcome: str
    because: Said


def bounds(effect: Effect, among: int = 1) -> tuple[float, float]:
    """Ends of an effect's interval, at 95% for one, widened for one out of `among`, and by what n cannot show."""
    normal = NormalDist()
    factor = normal.inv_cdf(1 - LEVEL / 2 / among) / normal.inv_cdf(1 - LEVEL / 2)
    slack = 3 / effect.n
    low = effect.difference - factor * (effect.difference - effect.low) - slack
    return low, effect.difference + factor * (effect.high - effect.difference) + slack


def improves(effect: Effect, among: int = 1) -> bool:
    """Whether the effect is shown to be above 0."""
    return bounds(effect, among)[0] > 0


def no_gain(effect: Effect, among: int = 1) -> bool:
    """Whether a gain of `GAIN` or more is excluded, and no smaller one is shown."""
    low, high = bounds(effect, among)
    return high < GAIN and low <= 0


def harms(effect: Effect, among: int = 1) -> bool:
    """Whether the effect is shown to be below 0."""
    return bounds(effect, among)[1] < 0


def mean_effect(effects: Sequence[Effect]) -> tuple[float, float, float]:
    """Mean over models (these, not models in general) with its 95% interval, ends counted apart."""
    m = len(effects)
    mean = sum(e.difference for e in effects) / m
    ends = [bounds(e) for e in effects]
    below = sqrt(sum((e.difference - low) ** 2 for e, (low, _) in zip(effects, ends, strict=True))) / m
    above = sqrt(sum((high - e.difference) ** 2 for e, (_, high) in zip(effects, ends, strict=True))) / m
    return mean, mean - below, mean + above


def _names(effects: Sequence[Effect], test: Callable[[Effect, int], bool], among: int) -> list[str]:
    return [e.model for e in effects if test(e, among)]


def _list(names: Sequence[str]) -> str:
    return ", ".join(names) or say("none")


def improves_all(effects: Sequence[Effect], missing: Sequence[str] = ()) -> Verdict:
    """Confirmed: every model improves. Refuted: one is shown to have no gain (or harm), at 1 - 0.05/m."""
    m = len(effects) + len(missing)
    without = _names(effects, no_gain, m)
    better = _names(effects, improves, 1)
    if without:
        return Verdict(REFUTED, say("no gain of a point: {models}", models=_list(without)))
    if len(better) == m and m:
        return Verdict(CONFIRMED, say("every interval lies above 0: {models}", models=_list(better)))
    return Verdict(UNDECIDED, _open(effects, missing, say("improves: {models}", models=_list(better))))


def differs(effects: Sequence[Effect], missing: Sequence[str] = ()) -> Verdict:
    """Confirmed: one model improves and another has no gain, each at 1 - 0.05/m. Refuted: all improve, or all have no gain."""
    m = len(effects) + len(missing)
    better, without = _names(effects, improves, m), _names(effects, no_gain, m)
    if better and without:
        both = {"better": _list(better), "without": _list(without)}
        return Verdict(CONFIRMED, say("improves: {better}; no gain of a point: {without}", **both))
    for names, what in (
        (_names(effects, improves, 1), say("all improve")),
        (_names(effects, no_gain, 1), say("none gains")),
    ):
        if len(names) == m and m > 1:
            return Verdict(REFUTED, say("{what}: {models}", what=what, models=_list(names)))
    found = say("improves: {better}; no gain: {without}", better=_list(better), without=_list(without))
    return Verdict(UNDECIDED, _open(effects, missing, found))


def works(effects: Sequence[Effect], missing: Sequence[str] = ()) -> Verdict:
    """Confirmed: the mean over models lies above 0, and no model is shown to be harmed. Refuted: it lies below a point."""
    if missing or not effects:
        return Verdict(UNDECIDED, _open(effects, missing, ""))
    mean, low, high = mean_effect(effects)
    harmed = _names(effects, harms, len(effects))
    shown = say("{mean}; harmed: {models}", mean=_mean(mean, low, high), models=_list(harmed))
    if low > 0:
        return Verdict(UNDECIDED if harmed else CONFIRMED, shown)
    return Verdict(REFUTED if high < GAIN else UNDECIDED, shown)


def hardly_works(effects: Sequence[Effect], missing: Sequence[str] = ()) -> Verdict:
    """Confirmed: the mean over models lies below a point. Refuted: it lies above a point. Else undecided."""
    if missing or not effects:
        return Verdict(UNDECIDED, _open(effects, missing, ""))
    mean, low, high = mean_effect(effects)
    shown = _mean(mean, low, high)
    if high < GAIN:
        return Verdict(CONFIRMED, shown)
    return Verdict(REFUTED if low > GAIN else UNDECIDED, shown)


def _mean(mean: float, low: float, high: float) -> Said:
    mean, low, high = (f"{100 * share:+.1f}" for share in (mean, low, high))
    return say("mean {mean} points ({low} to {high})", mean=mean, low=low, high=high)


def _open(effects: Sequence[Effect], missing: Sequence[str], found: str) -> Said:
    if missing:
        why = say("not measured: {models}", models=_list(missing))
    else:
        why = say("the other intervals allow both") if effects else say("nothing measured")
    return say("{found}; {why}", found=found, why=why) if found else why


@dataclass(frozen=True, slots=True)
class Statement:
    """A claim of the paper's abstract, the effects that it is about, and the rule that decides."""

    text: str
    method: str
    trained: str  # language of the training
    tested: str  # language of the benchmark
    rule: Callable[..., Verdict]


STATEMENTS = (
    Statement("DPO improves every model", "dpo", "ko", "ko", improves_all),
    Statement("ORPO is inconsistent", "orpo", "ko", "ko", differs),
    Statement("English-to-Korean transfer works (DPO)", "dpo", "en", "ko", works),
    Statement("Korean-to-English transfer hardly works (DPO)", "dpo", "ko", "en", hardly_works),
    Statement("Instruction tuning is mixed", "sft", "ko", "ko", differs),
)
