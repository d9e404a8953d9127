"""Scores of KorMedMCQA generations as plain functions; of other packages only komep, which knows what is thought.

`accuracy` is that of lm-evaluation-harness (task `kormedmcqa` 3.0): the paper's cascade reads the letter.
Parse rates stand beside it because a change in accuracy may be a change in readability alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import fsum, sqrt
from typing import NamedTuple

try:
    from komep_dataset.replies.thoughts import answer_of, opened_in_prompt
except ModuleNotFoundError as error:
    raise ImportError(
        "the KorMedMCQA metric finds thoughts in replies by the package komep: pip install komep, or run from its clone"
    ) from error

from .extraction import LETTERS, exact_match, extract_paper, gold_letter
from .robust import extract_robust

Z_95 = 1.959963984540054  # 97.5% quantile of the standard normal distribution


# Whether thoughts are apart from a reply, or a part of it for the cascade, as lm-evaluation-harness has it.
APART, HARNESS = "apart", "harness"


class Reading(NamedTuple):
    """What was read out of one generation: letters or "", and whether it is the bare gold letter."""

    answer: str
    paper: str
    robust: str
    exact: bool


def read(generation: str, reference: object, options: Sequence[str] = ()) -> Reading:
    """Read one generation by the paper's cascade and by the robust rules, of which the cascade reads thoughts, too.

    Args:
        generation: raw text, or a letter; `read_reply` reads it without its thoughts.
        reference: gold answer, 1 to 5 or A to E.
        options: the texts of A, B, …, 2 to 5 of them: the robust rules then read a reply that states an option's
            text, and neither reading gives a letter beyond them. Without them, A to E are letters.
    """
    answer, paper = gold_letter(reference), extract_paper(generation)
    return Reading(
        answer,
        paper if paper in LETTERS[: len(options) or len(LETTERS)] else "",
        extract_robust(said(generation) or "", options),
        exact_match(generation, answer),
    )


def said(generation: str, opened: bool = False, end: str = "") -> str | None:
    """What a generation says behind its thoughts, all of it where there are none; None where its thoughts never end.

    `opened` says that the prompt opens thoughts, as other generations of the model show (`opened_in_prompt`). `end` is a
    text that ends thoughts, in place of the marks that komep knows; all before it is thought.
    """
    if end:
        _, mark, answer = generation.rpartition(end)
        return answer.lstrip() if mark else None
    answer = answer_of(generation)
    if answer.unfinished or (opened and not answer.thoughts):
        return None
    return answer.text if answer.thoughts else generation


def read_reply(
    reader: Callable[[str, str, Sequence[str]], Reading],
    generation: str,
    answer: str,
    options: Sequence[str] = (),
    *,
    opened: bool = False,
    thoughts: str = APART,
    end: str = "",
) -> Reading:
    """A generation as `reader` reads it behind its thoughts; with `thoughts` as in `score`, `opened`, `end` as in `said`."""
    reading = reader(said(generation, opened, end) or "", answer, options)
    if thoughts == APART:
        return reading
    return reader(generation, answer, options)._replace(robust=reading.robust)


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
        `n`, `accuracy`, `accuracy_robust`, `exact_match_raw`, `parse_rate`, `parse_rate_robust`, `interval` and
        `interval_robust` (95% Wilson, of `accuracy` and `accuracy_robust`), and `accuracy_macro` and
        `accuracy_robust_macro`, which are the plain accuracies as this is one group.
    """
    n = len(readings)
    right = sum(r.paper == r.answer for r in readings)
    right_robust = sum(r.robust == r.answer for r in readings)
    return {
        "n": n,
        "accuracy": right / n,
        "accuracy_robust": right_robust / n,
        "accuracy_macro": right / n,
        "accuracy_robust_macro": right_robust / n,
        "exact_match_raw": sum(r.exact for r in readings) / n,
        "parse_rate": sum(r.paper != "" for r in readings) / n,
        "parse_rate_robust": sum(r.robust != "" for r in readings) / n,
        "interval": wilson_interval(right, n),
        "interval_robust": wilson_interval(right_robust, n),
    }


def _macro(groups: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """The means over subjects, each subject weighing the same whatever its size; nothing without subjects."""
    names = ("accuracy", "accuracy_robust") if groups else ()
    return {f"{name}_macro": fsum(group[name] for group in groups.values()) / len(groups) for name in names}


def summarize(readings: Sequence[Reading], subjects: Sequence[str] | None = None) -> dict[str, object]:
    """`summary` of all readings, and under `subjects` the same per subject, in order of first appearance.

    The total weights every question equally (micro); the two `_macro` values weight every subject equally.
    """
    per_subject: dict[str, list[Reading]] = {}
    for subject, reading in zip(subjects or (), readings, strict=bool(subjects)):
        per_subject.setdefault(subject, []).append(reading)
    groups = {name: summary(group) for name, group in per_subject.items()}
    return {**summary(readings), **_macro(groups), "subjects": groups}


def with_counts(
    scores: dict[str, object], name: str, flags: Sequence[bool], subjects: Sequence[str] | None
) -> dict[str, object]:
    """What `summarize` returned, and under a name how many of all replies, and of each subject's, have a flag."""
    groups = {
        subject: {
            **group,
            name: sum(flag and of == subject for flag, of in zip(flags, subjects, strict=True)),
        }
        for subject, group in scores["subjects"].items()
    }
    return {**scores, name: sum(flags), "subjects": groups}


def check_lengths(columns: Mapping[str, Sequence[object]]) -> None:
    """Raise `ValueError`, with the first index that lacks an entry, unless all columns have the same length."""
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        counts = ", ".join(f"{n} {name}" for name, n in lengths.items())
        short = min(lengths, key=lengths.__getitem__)
        raise ValueError(
            f"one entry a question is needed, but got {counts}: {short}[{lengths[short]}] is missing"
        )


def check_predictions(predictions: Sequence[object]) -> None:
    """Raise `ValueError`, with index and value, for a prediction that is no string."""
    for index, prediction in enumerate(predictions):
        if not isinstance(prediction, str):
            raise ValueError(
                f"predictions[{index}]: a prediction is a string (an empty one for no reply), not {prediction!r}"
            )


def gold_letters(references: Sequence[object]) -> list[str]:
    """The references as letters; `ValueError`, with index and value, for one that is no answer."""
    letters = []
    for index, reference in enumerate(references):
        try:
            letters.append(gold_letter(reference))
        except ValueError as error:
            raise ValueError(f"references[{index}]: {error}") from None
    return letters


def check_subjects(subjects: Sequence[object]) -> None:
    """Raise `ValueError`, with index and value, for a subject that is no string or an empty one."""
    for index, subject in enumerate(subjects):
        if not isinstance(subject, str) or not subject:
            raise ValueError(f"subjects[{index}]: a subject is a string that is not empty, not {subject!r}")


def check_options(options: Sequence[object], answers: Sequence[str]) -> None:
    """Raise `ValueError`, with index and value, for options that are not 2 to 5 strings or lack the answer."""
    for index, (texts, answer) in enumerate(zip(options, answers, strict=True)):
        listed = not isinstance(texts, (str, bytes)) and hasattr(texts, "__len__")
        if not listed or not 2 <= len(texts) <= len(LETTERS) or not all(isinstance(t, str) for t in texts):
            raise ValueError(
                f"options[{index}]: a question has a list of 2 to {len(LETTERS)} option texts, not {texts!r}"
            )
        if answer not in LETTERS[: len(texts)]:
            raise ValueError(f"references[{index}]: {answer!r} is none of the {len(texts)} options {texts!r}")


def score(
    predictions: Sequence[str],
    references: Sequence[object],
    subjects: Sequence[str] | None = None,
    options: Sequence[Sequence[str]] | None = None,
    thoughts: str = APART,
    think_end_token: str = "",
) -> dict[str, object]:
    """Score raw generations against gold answers.

    Args:
        predictions: raw generations, or letters.
        references: gold answers, 1 to 5 or A to E.
        subjects: subject of each question, for the scores per subject and the macro averages.
        options: the 2 to 5 option texts of each question, in the order of their letters.
        thoughts: `apart`, then nothing reads what a generation thinks; or `harness`, then the cascade and the exact
            match read all of it, as lm-evaluation-harness does without `think_end_token`.
        think_end_token: a text that ends thoughts, in place of the marks that komep knows; all before it is thought, and
            a generation without it holds no answer.

    Returns:
        what `summarize` returns, and as `cut_thinking` the number of generations whose thoughts never end.

    Raises:
        ValueError: nothing to score, columns of different length, an entry that is none (names its index and
            value), or thoughts that are neither.
    """
    columns = {"predictions": predictions, "references": references, "subjects": subjects, "options": options}
    check_lengths({name: column for name, column in columns.items() if column is not None})
    if len(predictions) == 0:
        raise ValueError("there is nothing to score: predictions are empty")
    check_predictions(predictions)
    if thoughts not in (APART, HARNESS):
        raise ValueError(f"thoughts is {APART!r} or {HARNESS!r}, not {thoughts!r}")
    answers = gold_letters(references)
    if subjects is not None:
        check_subjects(subjects)
    if options is not None:
        check_options(options, answers)
    rows = zip(predictions, answers, options if options is not None else [()] * len(answers), strict=True)
    opened = any(map(opened_in_prompt, predictions))
    how = {"opened": opened, "end": think_end_token or ""}
    readings = [read_reply(read, *row, thoughts=thoughts, **how) for row in rows]
    scores = summarize(readings, None if subjects is None else list(subjects))
    within = [said(text, **how) is None for text in predictions]
    return with_counts(scores, "cut_thinking", within, subjects)
