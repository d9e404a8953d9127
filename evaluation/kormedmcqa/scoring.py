"""Scores of KorMedMCQA generations as plain functions; no dependencies.

`accuracy` is that of lm-evaluation-harness (task `kormedmcqa` 3.0): the paper's cascade reads the letter.
Parse rates stand beside it because a change in accuracy may be a change in readability alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import NamedTuple

from .extraction import exact_match, extract_paper, gold_letter
from .robust import extract_robust

Z_95 = 1.959963984540054  # 97.5% quantile of the standard normal distribution


class Reading(NamedTuple):
    """What was read out of one generation: letters or "", and whether it is the bare gold letter."""

    answer: str
    paper: str
    robust: str
    exact: bool


def read(generation: str, reference: object, options: Sequence[str] = ()) -> Reading:
    """Read one generation by the paper's cascade and by the robust rules.

    Args:
        generation: raw text, or a letter.
        reference: gold answer, 1 to 5 or A to E.
        options: texts of A to E, for replies that state an option's text (robust rules only).
    """
    answer = gold_letter(reference)
    return Reading(
        answer,
        extract_paper(generation),
        extract_robust(generation, options),
        exact_match(generation, answer),
    )


def wilson_interval(right: int, n: int) -> list[float]:
    """95% Wilson score interval of a share `right / n`, n above 0, as [low, high] within 0 to 1."""
    share, z2 = right / n, Z_95**2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z_95 * sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    # Exact at the ends, where rounding would leave a bound a hair inside or outside of 0 and 1.
    return [0.0 if right == 0 else max(0.0, centre - half), 1.0 if right == n else min(1.0, centre + half)]


def summary(readings: Sequence[Reading]) -> dict[str, object]:
    """Scores of at least one reading, every share from 0 to 1.

    Returns:
        `n`, `accuracy`, `accuracy_robust`, `exact_match_raw`, `parse_rate`, `parse_rate_robust` and
        `interval` (95% Wilson, of `accuracy`).
    """
    n = len(readings)
    right = sum(r.paper == r.answer for r in readings)
    return {
        "n": n,
        "accuracy": right / n,
        "accuracy_robust": sum(r.robust == r.answer for r in readings) / n,
        "exact_match_raw": sum(r.exact for r in readings) / n,
        "parse_rate": sum(r.paper != "" for r in readings) / n,
        "parse_rate_robust": sum(r.robust != "" for r in readings) / n,
        "interval": wilson_interval(right, n),
    }


def summarize(readings: Sequence[Reading], subjects: Sequence[str] | None = None) -> dict[str, object]:
    """`summary` of all readings, and under `subjects` the same per subject, in order of first appearance.

    The total weights every question equally, so it is the mean of the subjects weighted by their size.
    """
    per_subject: dict[str, list[Reading]] = {}
    for subject, reading in zip(subjects or (), readings, strict=bool(subjects)):
        per_subject.setdefault(subject, []).append(reading)
    return {**summary(readings), "subjects": {name: summary(group) for name, group in per_subject.items()}}


def score(
    predictions: Sequence[str],
    references: Sequence[object],
    subjects: Sequence[str] | None = None,
    options: Sequence[Sequence[str]] | None = None,
) -> dict[str, object]:
    """Score raw generations against gold answers.

    Args:
        predictions: raw generations, or letters.
        references: gold answers, 1 to 5 or A to E.
        subjects: subject of each question, for the scores per subject.
        options: the five option texts of each question, for the robust reading.

    Returns:
        what `summarize` returns.

    Raises:
        ValueError: nothing to score, sequences of different length, or a reference that is no answer.
    """
    lengths = {"predictions": len(predictions), "references": len(references)}
    lengths |= {"subjects": len(subjects)} if subjects is not None else {}
    lengths |= {"options": len(options)} if options is not None else {}
    if len(set(lengths.values())) > 1:
        raise ValueError(
            "one entry a question is needed, but got " + ", ".join(f"{n} {k}" for k, n in lengths.items())
        )
    if not predictions:
        raise ValueError("there is nothing to score: predictions are empty")
    rows = zip(predictions, references, options or [()] * len(predictions), strict=True)
    return summarize([read(*row) for row in rows], subjects)
