"""What physicians' judgements say of a release, and how far they agree. Pure functions."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

from komep_dataset.judge.shares import share, wilson
from komep_dataset.review.better import SAME, UNSURE, A, B
from komep_dataset.review.blinding import ANSWERS
from komep_dataset.review.drawing import ReviewPair
from komep_dataset.review.reliability import reliability
from komep_dataset.review.words import Mark

QUESTIONS = ("translation_ok", "preference_ok")  # what a reviewer answers with yes or no
WITH, WITHOUT = "with", "without"  # a warning of the checks of a translation
Answers = dict[tuple[str, str], bool]  # (pair_id, reviewer) -> yes or no


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one reviewer said of one pair; None = not judged, an empty text = nothing to correct.

    `preference` is `chosen`, `rejected`, `same` or `unsure`, `letter` where the better answer stood; a sheet of before has
    `preference_ok` alone, which a blind one has where an answer was better.
    """

    pair_id: str
    reviewer: str
    translation_ok: bool | None
    preference_ok: bool | None
    corrected_prompt: str
    corrected_chosen: str
    corrected_rejected: str
    comment: str
    preference: str | None = None
    letter: str | None = None
    marks: tuple[Mark, ...] = ()


def kappa(pairs: Iterable[tuple[bool, bool]]) -> float | None:
    """Cohen's kappa of two reviewers' answers; None without answers, or where chance alone would agree always."""
    pairs = list(pairs)
    if not pairs:
        return None
    first, second = (sum(one) / len(pairs) for one in zip(*pairs, strict=True))
    chance = first * second + (1 - first) * (1 - second)
    agreed = sum(a == b for a, b in pairs) / len(pairs)
    return None if chance == 1 else (agreed - chance) / (1 - chance)


def summarise(
    judgements: Sequence[Judgement], pairs: Mapping[str, ReviewPair], warned: Collection[str] = ()
) -> dict[str, Any]:
    """What the judgements of any number of reviewers say, as `review.json` has it.

    A pair that is no translation has none: an answer to `translation_ok` about one is not counted.

    Args:
        judgements: of the sheets.
        pairs: every pair of the release by its `pair_id`.
        warned: those with a warning, of which a sample has more than its share: with any, answers are also counted
            apart (`by_warning`), and `weighted` is the share of yes if every pair of the release counted the same.
    """
    reviewers = sorted({judgement.reviewer for judgement in judgements})
    questions: dict[str, Answers] = {
        question: {
            (j.pair_id, j.reviewer): answer
            for j in judgements
            if (answer := getattr(j, question)) is not None and _asked(question, pairs[j.pair_id])
        }
        for question in QUESTIONS
    }
    return {
        "pairs": len({judgement.pair_id for judgement in judgements}),
        "reviewers": {name: sum(j.reviewer == name for j in judgements) for name in reviewers},
        **{
            q: _summary(answers, {id: p for id, p in pairs.items() if _asked(q, p)}, warned)
            for q, answers in questions.items()
        },
        "agreement": [
            {"question": q, "reviewers": [a, b]} | _agreement(questions[q], a, b)
            for q in QUESTIONS
            for a, b in combinations(reviewers, 2)
        ],
        "preference": _preference(judgements),
        "alpha": {
            "preference": _reliability(
                ((j.pair_id, j.pair_id, j.preference) for j in judgements if j.preference != UNSURE),
                dict(zip(ANSWERS, ANSWERS[::-1], strict=True)),
            ),
            "translation_ok": _reliability(
                (pair, pair, answer) for (pair, _), answer in questions["translation_ok"].items()
            ),
            "statements": _reliability(
                (j.pair_id, (j.pair_id, *mark[:2]), mark.label) for j in judgements for mark in j.marks
            ),
        },
        "comments": [
            {name: getattr(j, name) for name in ("pair_id", "reviewer", "comment")}
            for j in judgements
            if j.comment
        ],
    }


def _asked(question: str, pair: ReviewPair) -> bool:
    return question != "translation_ok" or pair.origin == "translated"


def _preference(judgements: Sequence[Judgement]) -> dict[str, Any]:
    """What blind judgements say: how often each answer was given, and how often the chosen one was the better of the two.

    `agreement` is over pairs, each with the mean of its answers, so that two answers of one pair do not count as two; its Wilson
    interval is wider than it need be where reviewers contradict each other. `place`: how often the better one was A.
    """
    said = [j.preference for j in judgements if j.preference]
    decided = [j for j in judgements if j.preference in ANSWERS]
    by_pair: dict[str, list[bool]] = defaultdict(list)
    for one in decided:
        by_pair[one.pair_id].append(one.preference == ANSWERS[0])
    hits, n = sum(sum(answers) / len(answers) for answers in by_pair.values()), len(by_pair)
    low, high = wilson(hits, n) if n else (None, None)

    def by(what: str, values: Iterable[str]) -> dict[str, Any]:
        """The share of the chosen answer among judgements of each of some values."""
        own = {one: [j.preference for j in decided if getattr(j, what) == one] for one in values}
        return {one: _share([said == ANSWERS[0] for said in of]) for one, of in own.items()}

    return {
        **{name: said.count(name) for name in (*ANSWERS, SAME, UNSURE)},
        "agreement": {"pairs": n, "share": hits / n if n else None, "low": low, "high": high},
        "by_reviewer": by("reviewer", sorted({j.reviewer for j in decided})),
        "by_letter": by("letter", (A, B)),
        "place": _share([j.letter == A for j in decided]),
    }


def _reliability(
    said: Iterable[tuple[str, Any, Any]], mirrored: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Krippendorff's alpha of (cluster, item, value or None) as `review.json` has it."""
    items: dict[Any, tuple[str, list[Any]]] = {}
    for cluster, item, value in said:
        if value is not None:
            items.setdefault(item, (cluster, []))[1].append(value)
    return asdict(reliability(list(items.values()), mirrored))


def _summary(answers: Answers, pairs: Mapping[str, ReviewPair], warned: Collection[str]) -> dict[str, Any]:
    """Share of yes among all answers, among those of each reviewer, and in each stratum and its parts."""
    groups: dict[str, dict[str, list[bool]]] = {}
    for (pair, reviewer), answer in answers.items():
        category, origin, margin = pairs[pair].stratum
        parts = {"reviewer": reviewer, "category": category, "origin": origin, "margin": margin}
        if warned:
            parts["warning"] = WITH if pair in warned else WITHOUT
        for kind, name in {**parts, "stratum": f"{category} / {origin} / {margin}"}.items():
            groups.setdefault(kind, {}).setdefault(name, []).append(answer)
    found = {kind: {name: _share(group[name]) for name in sorted(group)} for kind, group in groups.items()}
    weighted, of_warning = {}, found.get("warning", {})
    if of_warning.keys() == {WITH, WITHOUT}:
        doubtful = sum(id in warned for id in pairs) / len(pairs)
        shares = (of_warning[group]["share"] for group in (WITH, WITHOUT))
        weighted = {"weighted": sum(a * b for a, b in zip((doubtful, 1 - doubtful), shares, strict=True))}
    of_all = {"all": _share(list(answers.values())), **weighted}
    return of_all | {f"by_{kind}": found[kind] for kind in sorted(found)}


def _share(answers: Sequence[bool]) -> dict[str, Any]:
    """Yes and all answers, the share and its 95% Wilson interval."""
    found = asdict(share(sum(answers), len(answers)))
    return {"yes": found.pop("hits"), **found}


def _agreement(answers: Answers, first: str, second: str) -> dict[str, Any]:
    """On how many pairs two reviewers both answered, how often the same, and kappa."""
    pairs = [pair for pair, reviewer in answers if reviewer == first and (pair, second) in answers]
    both = [(answers[pair, first], answers[pair, second]) for pair in pairs]
    return {"n": len(both), "same": sum(a == b for a, b in both), "kappa": kappa(both)}
