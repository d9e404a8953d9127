"""Which pairs of a release physicians look at: a sample by category, origin and score margin. Pure functions."""

import hashlib
import random
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heapreplace

import polars as pl

from komep_dataset.schema import Pair, column

TERCILES = ("low", "middle", "high")
SIDES = ("prompt", "chosen", "rejected")

Stratum = tuple[str, str, str]  # category, origin, tercile of the score margin


@dataclass(frozen=True, slots=True)
class ReviewPair:
    """A pair whose texts a reviewer sees, in the columns of the sheets of before, which told what was chosen."""

    pair_id: str = column("`p` and 16 hex digits of the SHA-256 of the pair's key")
    category: str = column("subject area")
    origin: str = column(
        "`translated`, `native` (Korean from the start) or `english` (of a release without Korean)"
    )
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


def pair_id(key: Sequence[str]) -> str:
    """A name for a pair that a spreadsheet takes for text: a bare hex number may look like 12E34 to it."""
    return "p" + hashlib.sha256("\x1f".join(key).encode()).hexdigest()[:16]


def review_pairs(pairs: pl.DataFrame, scored: pl.DataFrame, language: str = "ko") -> list[ReviewPair]:
    """Every pair of a config with its sources, which `scored` holds, sorted by key. Rows of `ko` without the column `origin`
    (schema 1) are all `translated`."""
    terciles = margin_terciles(pairs["score_margin"].to_list())
    columns = ("question_id", "model", "question", "response")
    texts = {(id, model): text for id, model, *text in scored.select(columns).iter_rows()}
    found = {}
    for row, tercile in zip(pairs.iter_rows(named=True), terciles, strict=True):
        id, *models = key = tuple(row[name] for name in Pair.KEY)
        origin = row.get("origin", "translated") if language == "ko" else "english"
        (question, chosen), (_, rejected) = (texts[id, model] for model in models)
        shown, none = [row[side][0]["content"] for side in SIDES], ("", "", "")
        sources = {"translated": (question, chosen, rejected), "english": shown}.get(origin, none)
        korean = none if origin == "english" else shown
        both = (text for pair in zip(sources, korean, strict=True) for text in pair)
        found[key] = ReviewPair(pair_id(key), row["category"], origin, tercile, *both)
    return [found[key] for key in sorted(found)]


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


def draw(
    pairs: Sequence[ReviewPair], n: int, seed: int | str, first: Collection[str] = ()
) -> list[ReviewPair]:
    """A stratified sample without replacement, in the order of `pairs`; same arguments, same sample.

    `first` are `pair_id`s that fill the sample up to a half, stratified too; what is left of them is drawn with the others.
    """
    drawn = _drawn([pair for pair in pairs if pair.pair_id in first], (n + 1) // 2, f"{seed}/first")
    drawn |= _drawn([pair for pair in pairs if pair.pair_id not in drawn], n - len(drawn), str(seed))
    return [pair for pair in pairs if pair.pair_id in drawn]


def _drawn(pairs: Sequence[ReviewPair], n: int, seed: str) -> set[str]:
    strata: dict[Stratum, list[ReviewPair]] = defaultdict(list)
    for pair in pairs:
        strata[pair.stratum].append(pair)
    places = allocate({name: len(members) for name, members in strata.items()}, n)
    chances = {name: random.Random(f"{seed}/{'/'.join(name)}") for name in strata}
    return {pair.pair_id for name, all in strata.items() for pair in chances[name].sample(all, places[name])}


def shuffled(pairs: Sequence[ReviewPair], seed: int, reviewer: str) -> list[ReviewPair]:
    """The sample in an order of this reviewer's own: who tires at the end tires on other pairs."""
    return random.Random(f"{seed}/reviewer {reviewer}").sample(list(pairs), len(pairs))


def deal(sample: Sequence[ReviewPair], seed: int, reviewers: int, shared: int) -> list[list[ReviewPair]]:
    """The pairs of each reviewer: `shared` ones, drawn by stratum, for all; the others dealt out, stratum by stratum."""
    common = {pair.pair_id for pair in draw(sample, shared, f"{seed}/shared")}
    own = shuffled([pair for pair in sample if pair.pair_id not in common], seed, "none yet")
    own.sort(key=lambda pair: pair.stratum)
    for_all = [pair for pair in sample if pair.pair_id in common]
    return [shuffled(for_all + own[i::reviewers], seed, str(i + 1)) for i in range(reviewers)]
