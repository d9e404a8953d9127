"""What stands beside an accuracy: the letters given, what chance reaches, and the smallest difference that n can show."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from evaluation.harness.output import Prediction
from evaluation.harness.questions import LETTERS, Question, Subject
from evaluation.statistics.significance import at_most, binomial

ALPHA, POWER = 0.05, 0.8
CHANGED = (
    0.1,
    0.2,
    0.4,
)  # shares of answers that turn right or wrong, for which a difference is given beforehand
ONE_LETTER, FEWEST = 0.8, 10  # a letter in so much of at least so many replies is told (ours)


def letters(predictions: Sequence[Prediction]) -> dict[str, dict[str, int]]:
    """How often each letter is right (`answer`), and was read (`paper`, `robust`); "" counts replies without one."""
    found = {
        column: Counter(getattr(p, column) for p in predictions) for column in ("answer", "paper", "robust")
    }
    return {
        column: {letter: counts[letter] for letter in (*LETTERS, "") if letter or column != "answer"}
        for column, counts in found.items()
    }


def baselines(questions: Sequence[Question]) -> dict[str, Any]:
    """What the letter that is right most often scores (`majority`), and what a guess does (`random`)."""
    right = Counter(question.answer for question in questions)
    letter = max(LETTERS, key=lambda one: right[one])
    return {
        "majority": {"letter": letter, "accuracy": right[letter] / len(questions)},
        "random": float(np.mean([1 / len(question.options) for question in questions])),
    }


def detectable_difference(n: int, changed: float) -> float | None:
    """The smallest difference of accuracy that McNemar's exact test shows at 5% in 4 of 5 comparisons on n questions.

    Args:
        n: questions that both models answer.
        changed: share of them that only one of the two answers right.

    Returns:
        the difference, from 0 to `changed`; None where not even all changes in one direction would be seen so often.
        Exact, over all numbers of changed questions (the unconditional power; Connor, Biometrics 43, 1987, has the
        approximation for large n).
    """
    many = np.arange(n + 1)
    chances = binomial(many, n, changed)
    many, chances = many[chances > 1e-12], chances[chances > 1e-12]
    # So few changes in one direction, or fewer, are significant: about where the normal distribution has it.
    fewest = np.floor(many / 2 - 0.98 * np.sqrt(many))
    while (over := at_most(fewest, many, 0.5) > ALPHA / 2).any():
        fewest -= over
    while (more := at_most(fewest + 1, many, 0.5) <= ALPHA / 2).any():
        fewest += more

    def missing(difference: float) -> float:
        gains = (1 + difference / changed) / 2
        seen = at_most(fewest, many, gains) + at_most(fewest, many, 1 - gains)
        return float(chances @ seen) - POWER

    if missing(changed) <= 0:
        return None
    low, high = 0.0, changed
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (low, middle) if missing(middle) > 0 else (middle, high)
    return high


def detectable(n: int) -> dict[str, float | None]:
    """`detectable_difference` for each share of `CHANGED`."""
    return {str(changed): detectable_difference(n, changed) for changed in CHANGED}


def beside(subjects: Sequence[Subject], predictions: Sequence[Prediction] | None = None) -> dict[str, Any]:
    """What `results.json` has beside the scores, of all questions and `by_subject`; without predictions, what is known before."""
    named = {
        s.name: _of(s.test, predictions and [p for p in predictions if p.subject == s.name]) for s in subjects
    }
    return {**_of([q for s in subjects for q in s.test], predictions), "by_subject": named}


def _of(questions: Sequence[Question], predictions: Sequence[Prediction] | None) -> dict[str, Any]:
    known = {"baselines": baselines(questions), "detectable_difference": detectable(len(questions))}
    return ({"letters": letters(predictions)} if predictions else {}) | known


def sentences(results: dict[str, Any]) -> Iterator[str]:
    """What people are told of it, of the content of `results.json` or of what is known before a run."""
    always = results["baselines"]["majority"]
    yield (
        f"By chance: always {always['letter']} is right in {always['accuracy']:.1%}, a guess in "
        f"{results['baselines']['random']:.1%}."
    )
    shown = (
        f"{'none' if points is None else f'{100 * points:.1f} points'} where {float(changed):.0%} of the answers differ"
        for changed, points in results["detectable_difference"].items()
    )
    yield (
        f"Smallest difference between two models that {results['n']:,} questions show (paired, 5%, in 4 of 5 cases): "
        f"{'; '.join(shown)}."
    )


def warnings(results: dict[str, Any]) -> Iterator[str]:
    """That one letter takes nearly all replies, or that an accuracy is not above chance."""
    always = results["baselines"]["majority"]["accuracy"]
    best = max(always, results["baselines"]["random"])
    parts = [
        (f"{name}: ", one) for name, one in results["by_subject"].items() if len(results["by_subject"]) > 1
    ]
    for where, one in [("", results)] if most_given(results["letters"])[0] else parts:
        letter, share = most_given(one["letters"])
        if letter:
            right = one["letters"]["answer"][letter] / sum(one["letters"]["answer"].values())
            yield (
                f"{where}{letter} is the letter of {share:.1%} of the replies that give one, and right in {right:.1%} of "
                "the questions: the accuracy is that letter's, not knowledge"
            )
    if results["interval"][0] <= best:
        yield f"accuracy {results['accuracy']:.1%} is not above chance ({best:.1%}): its interval begins at {results['interval'][0]:.1%}"


def most_given(counts: dict[str, dict[str, int]]) -> tuple[str, float]:
    """(letter, its share of the replies that give one) where one takes nearly all and is not right as often; else ("", 0)."""
    for column in ("robust", "paper"):
        given = {letter: count for letter, count in counts[column].items() if letter}
        letter, total = max(given, key=given.__getitem__), sum(given.values())
        right = counts["answer"][letter] / max(sum(counts["answer"].values()), 1)
        if total >= FEWEST and given[letter] / total >= ONE_LETTER > right:
            return letter, given[letter] / total
    return "", 0.0
