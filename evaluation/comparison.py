"""Paired comparison of two evaluations on the same questions, as pure functions and typed results.

Two models that answer the same questions are compared question by question: the difference of accuracy with a
paired bootstrap interval, McNemar's exact test on the questions on which they differ, and how much of the
difference comes from replies that became readable rather than from letters that became right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from evaluation.output import Evaluation, Prediction
from komep_dataset.errors import KomepError

RESAMPLES = 10_000
SEED = 0
READINGS = ("paper", "robust")  # columns of predictions.jsonl that hold a letter
Pairs = Sequence[tuple[Prediction, Prediction]]


@dataclass(frozen=True, slots=True)
class Split:
    """Where a change in accuracy comes from; every part is a number of questions won minus lost.

    `parsing` = `became_readable` - `became_unreadable`: right answers among the replies that only the second
    model's reading has, minus those that only the first's has. `knowledge` = among replies readable in both,
    right ones gained minus lost. Their sum is the whole change.
    """

    became_readable: int
    became_unreadable: int
    parsing: int
    knowledge: int


@dataclass(frozen=True, slots=True)
class Change:
    """The change of accuracy from one model to another under one reading; shares are from 0 to 1."""

    base: float
    tuned: float
    difference: float
    interval: tuple[float, float]  # 95%, paired bootstrap, percentile
    gained: int  # questions wrong before and right after
    lost: int  # questions right before and wrong after
    p_value: float  # McNemar, exact, two-sided
    parse_rate_base: float
    parse_rate_tuned: float
    split: Split


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two evaluations compared; `subjects` holds the same changes for each subject."""

    benchmark: str
    shots: int
    base: str
    tuned: str
    n: int
    paper: Change
    robust: Change
    subjects: dict[str, SubjectComparison]
    cautions: tuple[str, ...]  # settings other than the model in which the two runs differ

    def as_dict(self) -> dict[str, Any]:
        """For JSON; intervals become lists."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class SubjectComparison:
    """The changes within one subject."""

    n: int
    paper: Change
    robust: Change


def mcnemar_p(gained: int, lost: int) -> float:
    """Two-sided p-value of McNemar's exact test: are gains and losses equally likely? 1 where there is neither."""
    from scipy.stats import binomtest

    return float(binomtest(gained, gained + lost, 0.5).pvalue) if gained + lost else 1.0


def bootstrap_interval(n: int, gained: int, lost: int, seed: int = SEED) -> tuple[float, float]:
    """95% percentile interval of the difference of accuracy, by resampling questions with both answers.

    A question's difference is 1 (gained), -1 (lost) or 0, so a resample of n questions is one multinomial draw.
    """
    import numpy as np

    shares = [gained / n, lost / n, (n - gained - lost) / n]
    draws = np.random.default_rng(seed).multinomial(n, shares, size=RESAMPLES)
    low, high = np.percentile((draws[:, 0] - draws[:, 1]) / n, [2.5, 97.5])
    return float(low), float(high)


def split_change(pairs: Pairs, reading: str) -> Split:
    """How much of a change is readability; see `Split`."""
    parts = {"became_readable": 0, "became_unreadable": 0, "knowledge": 0}
    for before, after in pairs:
        old, new = getattr(before, reading), getattr(after, reading)
        was_right, is_right = old == before.answer, new == after.answer
        if old and new:
            parts["knowledge"] += is_right - was_right
        elif new:
            parts["became_readable"] += is_right
        elif old:
            parts["became_unreadable"] += was_right
    return Split(parsing=parts["became_readable"] - parts["became_unreadable"], **parts)


def change(pairs: Pairs, reading: str, seed: int = SEED) -> Change:
    """The change from the first to the second prediction of at least one pair, under `paper` or `robust`."""
    n = len(pairs)
    right = [(getattr(b, reading) == b.answer, getattr(t, reading) == t.answer) for b, t in pairs]
    gained, lost = sum(t and not b for b, t in right), sum(b and not t for b, t in right)
    return Change(
        base=sum(b for b, _ in right) / n,
        tuned=sum(t for _, t in right) / n,
        difference=(gained - lost) / n,
        interval=bootstrap_interval(n, gained, lost, seed),
        gained=gained,
        lost=lost,
        p_value=mcnemar_p(gained, lost),
        parse_rate_base=sum(getattr(b, reading) != "" for b, _ in pairs) / n,
        parse_rate_tuned=sum(getattr(t, reading) != "" for _, t in pairs) / n,
        split=split_change(pairs, reading),
    )


def _pair(base: Evaluation, tuned: Evaluation) -> list[tuple[Prediction, Prediction]]:
    """Predictions on the same question; raises `KomepError` unless both answered the same questions."""
    by_key = [{(p.subject, p.index): p for p in e.predictions} for e in (base, tuned)]
    for evaluation, keys in zip((base, tuned), by_key, strict=True):
        if len(keys) < len(evaluation.predictions):
            raise KomepError(f"{evaluation.folder}: a question occurs twice in its predictions")
    for one, other, where in ((0, 1, tuned), (1, 0, base)):
        missing = sorted(by_key[one].keys() - by_key[other].keys())
        if missing:
            subject, index = missing[0]
            raise KomepError(
                f"different questions: {where.folder} has no answer to {len(missing)} of them, "
                f"the first is {subject}, row {index}; evaluate both on the same questions"
            )
    pairs = [(p, by_key[1][p.subject, p.index]) for p in base.predictions]
    for before, after in pairs:
        if before.answer != after.answer:
            raise KomepError(
                f"different questions: {before.subject}, row {before.index} has the answer {before.answer} "
                f"in {base.folder} and {after.answer} in {tuned.folder}"
            )
    return pairs


def check_comparable(base: Evaluation, tuned: Evaluation) -> None:
    """Raise `KomepError`, naming the difference, unless benchmark, shots and questions are the same."""
    for key in ("benchmark", "shots"):
        one, other = base.results[key], tuned.results[key]
        if one != other:
            raise KomepError(f"different {key}: {one} in {base.folder}, {other} in {tuned.folder}")
    if not base.predictions:
        raise KomepError(f"{base.folder}: no predictions to compare")
    for key, what in (("questions_sha256", "questions"), ("fewshot_sha256", "few-shot examples")):
        one, other = base.results["config"].get(key), tuned.results["config"].get(key)
        if one and other and one != other:
            _pair(base, tuned)  # names the first question that differs, where it can
            raise KomepError(
                f"different {what}: their texts in {base.folder} and {tuned.folder} are not the same"
            )


def _cautions(base: Evaluation, tuned: Evaluation) -> tuple[str, ...]:
    keys = (
        "chat_template",
        "max_new_tokens",
        "dtype",
        "bos",
        "prompts_with_fewer_shots",
        "generation",
        "protocol",
    )
    one, other = base.results["config"], tuned.results["config"]
    found = [f"{k}: {one.get(k)} before, {other.get(k)} after" for k in keys if one.get(k) != other.get(k)]
    return tuple(found)


def compare(base: Evaluation, tuned: Evaluation, seed: int = SEED) -> Comparison:
    """Compare two evaluations of the same questions.

    Args:
        base: the evaluation before, from `evaluation.output.read_evaluation`.
        tuned: the evaluation after.
        seed: of the bootstrap.

    Raises:
        KomepError: benchmark, shots or questions differ; the message names the difference.
    """
    check_comparable(base, tuned)
    pairs = _pair(base, tuned)
    groups: dict[str, list[tuple[Prediction, Prediction]]] = {}
    for pair in pairs:
        groups.setdefault(pair[0].subject, []).append(pair)
    return Comparison(
        benchmark=base.results["benchmark"],
        shots=base.results["shots"],
        base=base.results["model"],
        tuned=tuned.results["model"],
        n=len(pairs),
        paper=change(pairs, "paper", seed),
        robust=change(pairs, "robust", seed),
        subjects={
            name: SubjectComparison(len(group), change(group, "paper", seed), change(group, "robust", seed))
            for name, group in groups.items()
        },
        cautions=_cautions(base, tuned),
    )
