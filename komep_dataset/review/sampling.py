"""A physician's review of a release: which pairs to look at, what the judgements say, how far reviewers agree.

Pure functions. The sheet itself is in `review_sheet.py`, what becomes of corrected texts in `corrections.py`.
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heapreplace
from itertools import combinations
from typing import TYPE_CHECKING, Any

from komep_dataset.schema import Pair, column

if TYPE_CHECKING:
    import polars as pl

TERCILES = ("low", "middle", "high")
SIDES = ("prompt", "chosen", "rejected")
QUESTIONS = ("translation_ok", "preference_ok")  # what a reviewer answers with yes or no

Stratum = tuple[str, str, str]  # category, origin, tercile of the score margin


@dataclass(frozen=True, slots=True)
class ReviewPair:
    """A pair as a reviewer sees it; the models' names are left out, so that they cannot sway anyone."""

    pair_id: str = column("`p` and 16 hex digits of the SHA-256 of the pair's key")
    category: str = column("subject area")
    origin: str = column("`translated` or `native`")
    margin: str = column("tercile of the score margin in the release: `low`, `middle`, `high`")
    prompt_source: str = column("the question in English; empty for a native pair")
    prompt_korean: str = column("the question in Korean")
    chosen_source: str = column("the chosen answer in English; empty for a native pair")
    chosen_korean: str = column("the chosen answer in Korean")
    rejected_source: str = column("the rejected answer in English; empty for a native pair")
    rejected_korean: str = column("the rejected answer in Korean")

    @property
    def stratum(self) -> Stratum:
        return self.category, self.origin, self.margin


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one reviewer said of one pair; None = not judged, an empty text = nothing to correct."""

    pair_id: str
    reviewer: str
    translation_ok: bool | None
    preference_ok: bool | None
    corrected_prompt: str
    corrected_chosen: str
    corrected_rejected: str
    comment: str


def pair_id(key: Sequence[str]) -> str:
    """A name for a pair that a spreadsheet takes for text: a bare hex number may look like 12E34 to it."""
    return "p" + hashlib.sha256("\x1f".join(key).encode()).hexdigest()[:16]


def review_pairs(pairs: pl.DataFrame, scored: pl.DataFrame) -> list[ReviewPair]:
    """Every pair of the config `ko` with its sources, sorted by key.

    Args:
        pairs: rows of `ko`; one without the column `origin` (schema 1) is all `translated`.
        scored: rows of `scored`, which hold the English texts.
    """
    terciles = margin_terciles([float(m) for m in pairs["score_margin"]])
    texts = {(q, m): (question, response) for q, m, question, response in scored.select(
        "question_id", "model", "question", "response").iter_rows()}  # fmt: skip
    rows = zip(pairs.iter_rows(named=True), terciles, strict=True)
    found = [_review_pair(row, tercile, texts) for row, tercile in rows]
    return [pair for _, pair in sorted(found, key=lambda one: one[0])]


def _review_pair(row: Mapping[str, Any], tercile: str, texts: Mapping) -> tuple[tuple, ReviewPair]:
    key = tuple(row[name] for name in Pair.KEY)
    origin = row.get("origin", "translated")
    question, chosen = texts[key[0], key[1]]
    sources = ("", "", "") if origin == "native" else (question, chosen, texts[key[0], key[2]][1])
    shown = (row[side][0]["content"] for side in SIDES)
    both = (text for pair in zip(sources, shown, strict=True) for text in pair)
    return key, ReviewPair(pair_id(key), row["category"], origin, tercile, *both)


def margin_terciles(margins: Sequence[float]) -> list[str]:
    """`low`, `middle` or `high` for each margin: a margin is in the tercile of the share of pairs at or below it.

    Equal margins stay together, so where many are equal a tercile may be empty.
    """
    counts, below, shares = Counter(margins), 0, {}
    for margin in sorted(counts):
        below += counts[margin]
        shares[margin] = 3 * below / len(margins)
    return [TERCILES[(shares[m] > 1) + (shares[m] > 2)] for m in margins]


def allocate(sizes: Mapping[Stratum, int], n: int) -> dict[Stratum, int]:
    """How many of `n` places each stratum gets.

    Every stratum has one place first if there are enough. Each further place goes to the stratum that is
    furthest below its proportional share (ties: the first by name); without the first places, that is the
    method of largest remainders. No stratum gets more than it has.
    """
    total = sum(sizes.values())
    n = min(n, total)
    first = 1 if n >= len(sizes) else 0
    places = dict.fromkeys(sorted(sizes), first)
    # Counted in whole numbers, `total` times the share: so that no rounding decides a tie.
    waiting = [(first * total - n * sizes[name], name) for name in places]
    heapify(waiting)
    for _ in range(n - first * len(sizes)):
        behind, name = waiting[0]
        places[name] += 1
        heapreplace(waiting, (behind + total, name))
    return places


def draw(pairs: Sequence[ReviewPair], n: int, seed: int) -> list[ReviewPair]:
    """A stratified sample without replacement, in the order of `pairs`; same pairs and seed, same sample."""
    strata: dict[Stratum, list[ReviewPair]] = {}
    for pair in pairs:
        strata.setdefault(pair.stratum, []).append(pair)
    places = allocate({name: len(members) for name, members in strata.items()}, n)
    drawn = set()
    for name, members in strata.items():
        chance = random.Random(f"{seed}/{'/'.join(name)}")
        drawn |= {pair.pair_id for pair in chance.sample(members, places[name])}
    return [pair for pair in pairs if pair.pair_id in drawn]


def shuffled(pairs: Sequence[ReviewPair], seed: int, reviewer: str) -> list[ReviewPair]:
    """The sample in an order of this reviewer's own: who tires at the end tires on other pairs."""
    chance = random.Random(f"{seed}/reviewer {reviewer}")
    return chance.sample(list(pairs), len(pairs))


def kappa(pairs: Iterable[tuple[bool, bool]]) -> float | None:
    """Cohen's kappa of two reviewers' answers; None without answers, or where chance alone would agree always."""
    pairs = list(pairs)
    if not pairs:
        return None
    first, second = (sum(one) / len(pairs) for one in zip(*pairs, strict=True))
    chance = first * second + (1 - first) * (1 - second)
    agreed = sum(a == b for a, b in pairs) / len(pairs)
    return None if chance == 1 else (agreed - chance) / (1 - chance)


def summarise(judgements: Sequence[Judgement], pairs: Mapping[str, ReviewPair]) -> dict[str, Any]:
    """What the judgements of any number of reviewers say, as `review.json` has it.

    A native pair has no translation: an answer to `translation_ok` about one is not counted.
    """
    reviewers = sorted({judgement.reviewer for judgement in judgements})
    questions = {question: _answers(question, judgements, pairs) for question in QUESTIONS}
    return {
        "pairs": len({judgement.pair_id for judgement in judgements}),
        "reviewers": {name: sum(j.reviewer == name for j in judgements) for name in reviewers},
        **{q: _summary(answers, pairs) for q, answers in questions.items()},
        "agreement": [
            {"question": q, "reviewers": [a, b]} | _agreement(questions[q], a, b)
            for q in QUESTIONS
            for a, b in combinations(reviewers, 2)
        ],
        "comments": [
            {"pair_id": j.pair_id, "reviewer": j.reviewer, "comment": j.comment}
            for j in judgements
            if j.comment
        ],
    }


Answers = dict[tuple[str, str], bool]  # (pair_id, reviewer) -> yes or no


def _answers(question: str, judgements: Iterable[Judgement], pairs: Mapping[str, ReviewPair]) -> Answers:
    return {
        (j.pair_id, j.reviewer): answer
        for j in judgements
        if (answer := getattr(j, question)) is not None
        and not (question == "translation_ok" and pairs[j.pair_id].origin == "native")
    }


def _summary(answers: Answers, pairs: Mapping[str, ReviewPair]) -> dict[str, Any]:
    """Share of yes among all answers, among those of each reviewer, and in each stratum and its parts."""
    groups: dict[str, dict[str, list[bool]]] = {}
    for (pair, reviewer), answer in answers.items():
        category, origin, margin = pairs[pair].stratum
        parts = {"reviewer": reviewer, "category": category, "origin": origin, "margin": margin}
        for kind, name in {**parts, "stratum": f"{category} / {origin} / {margin}"}.items():
            groups.setdefault(kind, {}).setdefault(name, []).append(answer)
    found = {kind: {name: _share(group[name]) for name in sorted(group)} for kind, group in groups.items()}
    return {"all": _share(list(answers.values())), **{f"by_{kind}": found[kind] for kind in sorted(found)}}


def _share(answers: Sequence[bool]) -> dict[str, Any]:
    """Yes and all answers, the share and its 95% Wilson interval."""
    from komep_dataset.judge.calibration import share

    found = share(sum(answers), len(answers))
    return {
        "yes": sum(answers),
        "n": len(answers),
        "share": found.share,
        "low": found.low,
        "high": found.high,
    }


def _agreement(answers: Answers, first: str, second: str) -> dict[str, Any]:
    """On how many pairs two reviewers both answered, how often the same, and kappa."""
    both = [(yes, answers[pair, second]) for (pair, reviewer), yes in answers.items()
            if reviewer == first and (pair, second) in answers]  # fmt: skip
    return {"n": len(both), "same": sum(a == b for a, b in both), "kappa": kappa(both)}
