"""Paired comparison of models on the same questions, as pure functions and typed results.

Models that answer the same questions are compared question by question: the difference of accuracy with a
bootstrap interval, an exact test, Holm's correction where several models are compared with one, and how much of
the difference comes from replies that became readable rather than from letters that became right.

A model may have been evaluated several times, once a training seed. Its runs pool into one difference, the mean
over seeds, whose interval counts both questions and seeds (`significance.pooled_interval`); rows of different seeds
on one question are no independent answers, so McNemar's test gives way to the sign-flip test on the questions'
mean differences (`significance.sign_flip_p`), which is the same test where there is one seed.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from evaluation.harness.output import Evaluation, Prediction
from evaluation.statistics.comparable import cautions, check_comparable, in_order_of
from evaluation.statistics.significance import (
    SEED,
    bootstrap_interval,
    holm,
    mcnemar_p,
    pooled_interval,
    question_differences,
    sign_flip_p,
)

# Columns of predictions.jsonl that hold a letter, and how it was read.
READINGS = {"paper": "letters read as in the paper", "robust": "letters read by the robust rules"}
Runs = Sequence[Sequence[Prediction]]  # one entry a seed, each with the same questions in the same order
Arm = Evaluation | Sequence[Evaluation]  # a model's evaluation, or one a seed


@dataclass(frozen=True, slots=True)
class Split:
    """Where a change in accuracy comes from; every part is a number of questions won minus lost.

    `parsing` = `became_readable` - `became_unreadable`: right answers among the replies that only the second
    model's reading has, minus those that only the first's has. `knowledge` = among replies readable in both,
    right ones gained minus lost. Their sum is the whole change. With several seeds: means over all pairs of one
    seed of each model.
    """

    became_readable: float
    became_unreadable: float
    parsing: float
    knowledge: float


@dataclass(frozen=True, slots=True)
class Change:
    """The change of accuracy from one model to another under one reading; shares are from 0 to 1."""

    base: float
    tuned: float
    difference: float
    interval: tuple[float, float]  # 95%, paired bootstrap, percentile
    gained: float  # questions wrong before and right after; a mean over pairs of seeds
    lost: float  # questions right before and wrong after
    p_value: float  # exact, two-sided
    p_holm: (
        float  # corrected over the models compared with the same base, for this reading and these questions
    )
    test: str  # `mcnemar`, or `sign-flip` where a model has several seeds
    parse_rate_base: float
    parse_rate_tuned: float
    split: Split


@dataclass(frozen=True, slots=True)
class SubjectComparison:
    """The changes within one subject."""

    n: int
    paper: Change
    robust: Change


@dataclass(frozen=True, slots=True)
class Cut:
    """Of so many replies of a model's runs: how many hit the limit of tokens, and how many were cut while thinking."""

    replies: int
    limit: int
    thinking: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two models compared; `subjects` holds the same changes for each subject."""

    benchmark: str
    shots: int
    base: str
    tuned: str
    seeds_base: int
    seeds_tuned: int
    n: int
    paper: Change
    robust: Change
    subjects: dict[str, SubjectComparison]
    cautions: tuple[str, ...]  # settings other than the model in which the runs differ
    cut_base: Cut | None  # None where a run does not say it
    cut_tuned: Cut | None

    def as_dict(self) -> dict[str, Any]:
        """For JSON; intervals become lists."""
        return asdict(self)


def _right(runs: Runs, reading: str) -> np.ndarray:
    """1 where the letter is right, (seeds, questions)."""
    return np.array([[getattr(p, reading) == p.answer for p in run] for run in runs], dtype=np.int64)


def _parse_rate(runs: Runs, reading: str) -> float:
    return sum(getattr(p, reading) != "" for run in runs for p in run) / (len(runs) * len(runs[0]))


def split_change(base: Runs, tuned: Runs, reading: str) -> Split:
    """How much of a change is readability; see `Split`."""
    readable = unreadable = knowledge = 0
    for old_run, new_run in product(base, tuned):
        for before, after in zip(old_run, new_run, strict=True):
            old, new = getattr(before, reading), getattr(after, reading)
            if old and new:
                knowledge += (new == after.answer) - (old == before.answer)
            elif new:
                readable += new == after.answer
            elif old:
                unreadable += old == before.answer
    counts = (readable, unreadable, readable - unreadable, knowledge)
    pairs = len(base) * len(tuned)
    return Split(*(count if pairs == 1 else count / pairs for count in counts))


def change(base: Runs, tuned: Runs, reading: str, seed: int = SEED) -> Change:
    """The change from one model's runs to another's on at least one question, under `paper` or `robust`."""
    before, after = _right(base, reading), _right(tuned, reading)
    n, pairs = before.shape[1], len(base) * len(tuned)
    differences = question_differences(before, after)
    # Of a question right in b of B runs and then in t of T: (B - b) t of the B T pairs of runs gain it.
    gained = int(((len(base) - before.sum(axis=0)) * after.sum(axis=0)).sum())
    lost = int((before.sum(axis=0) * (len(tuned) - after.sum(axis=0))).sum())
    if pairs == 1:
        interval, p, test = bootstrap_interval(n, gained, lost, seed), mcnemar_p(gained, lost), "mcnemar"
    else:
        interval, p, test = pooled_interval(before, after, seed), sign_flip_p(differences), "sign-flip"
        gained, lost = gained / pairs, lost / pairs
    return Change(
        base=float(before.mean()),
        tuned=float(after.mean()),
        difference=int(differences.sum()) / (n * pairs),
        interval=interval,
        gained=gained,
        lost=lost,
        p_value=p,
        p_holm=p,
        test=test,
        parse_rate_base=_parse_rate(base, reading),
        parse_rate_tuned=_parse_rate(tuned, reading),
        split=split_change(base, tuned, reading),
    )


def _changes(base: Runs, tuned: Runs, seed: int) -> dict[str, Change]:
    return {reading: change(base, tuned, reading, seed) for reading in READINGS}


def _subjects(base: Runs, tuned: Runs, seed: int) -> dict[str, SubjectComparison]:
    rows: dict[str, list[int]] = {}
    for row, prediction in enumerate(base[0]):
        rows.setdefault(prediction.subject, []).append(row)
    return {
        name: SubjectComparison(
            len(chosen),
            **_changes(*([[run[r] for r in chosen] for run in arm] for arm in (base, tuned)), seed),
        )
        for name, chosen in rows.items()
    }


def _runs(arm: Arm) -> tuple[Evaluation, ...]:
    return (arm,) if isinstance(arm, Evaluation) else tuple(arm)


def _names(arms: Sequence[Sequence[Evaluation]]) -> list[str]:
    """A name each: the model of a single run, the folder that holds the runs of several; folders where names repeat."""
    names = [runs[0].results["model"] if len(runs) == 1 else str(runs[0].folder.parent) for runs in arms]
    return [
        f"{name} ({runs[0].folder})" if names.count(name) > 1 and len(runs) == 1 else name
        for name, runs in zip(names, arms, strict=True)
    ]


def _compare(
    base: Sequence[Evaluation], tuned: Sequence[Evaluation], names: tuple[str, str], seed: int
) -> Comparison:
    first = base[0]
    before, after = ([in_order_of(first, run) for run in arm] for arm in (base, tuned))
    return Comparison(
        benchmark=first.results["benchmark"],
        shots=first.results["shots"],
        base=names[0],
        tuned=names[1],
        seeds_base=len(base),
        seeds_tuned=len(tuned),
        n=len(first.predictions),
        **_changes(before, after, seed),
        subjects=_subjects(before, after, seed),
        cautions=cautions(base, tuned),
        cut_base=_cut(base),
        cut_tuned=_cut(tuned),
    )


def _cut(runs: Sequence[Evaluation]) -> Cut | None:
    found = [(run.results.get("cut_limit"), run.results.get("cut_thinking")) for run in runs]
    if any(count is None for counts in found for count in counts):
        return None
    return Cut(sum(len(run.predictions) for run in runs), *map(sum, zip(*found, strict=True)))


def _with_holm(parts: Sequence[Any]) -> list[Any]:
    """The same parts (comparisons, or their subjects) with `p_holm` corrected over them, reading by reading."""
    corrected = {r: holm([getattr(part, r).p_value for part in parts]) for r in READINGS}
    return [
        replace(part, **{r: replace(getattr(part, r), p_holm=corrected[r][i]) for r in READINGS})
        for i, part in enumerate(parts)
    ]


def compare_all(base: Arm, others: Sequence[Arm], seed: int = SEED) -> list[Comparison]:
    """Compare each of several models with one.

    Args:
        base: the evaluation before, from `evaluation.harness.output.read_evaluation`, or several, one a seed.
        others: the evaluations after, at least one; each alone or several, one a seed.
        seed: of the bootstrap.

    Returns:
        a comparison for each of `others`. p-values are corrected by Holm's procedure over the models: once for
        all questions and once for every subject, each reading for itself.

    Raises:
        KomepError: benchmark, shots, protocol or questions differ between any two; the message names the difference.
    """
    arms = [_runs(base), *(_runs(other) for other in others)]
    for run in [run for arm in arms for run in arm][1:]:
        check_comparable(arms[0][0], run)
    names = _names(arms)
    found = [
        _compare(arms[0], arm, (names[0], name), seed) for arm, name in zip(arms[1:], names[1:], strict=True)
    ]
    subjects = {name: _with_holm([c.subjects[name] for c in found]) for name in found[0].subjects}
    return [
        replace(c, subjects={name: parts[i] for name, parts in subjects.items()})
        for i, c in enumerate(_with_holm(found))
    ]


def compare(base: Arm, tuned: Arm, seed: int = SEED) -> Comparison:
    """Compare two models; see `compare_all`."""
    return compare_all(base, [tuned], seed)[0]


def shown_p(p: float) -> str:
    """A p-value in three decimals, or as a power of ten below 0.0005."""
    return f"{p:.3f}" if p >= 0.0005 else f"{p:.0e}"


def with_seeds(name: str, seeds: int) -> str:
    """A model's name, with its number of seeds where there are several."""
    return name if seeds == 1 else f"{name} ({seeds} seeds)"
