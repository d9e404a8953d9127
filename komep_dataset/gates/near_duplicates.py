"""Questions that are asked twice in almost the same words, and answers that are almost the same text.

Texts are sets of shingles (two words in English, three characters in Korean; case, punctuation and blanks do not
count, numbers do). MinHash signatures (the package `rensa`: 125 slots, 25 bands of 5) give candidates, of which those
stand whose exact Jaccard similarity is at least `SIMILAR`; clusters are what hangs together by them. At the threshold
a candidate is missed in 1 case of 20,000 (1 - 0.8^5, to the power of 25).

For every text the hashes of its bands are held in memory (200 bytes); the shingles lie in a file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from komep_dataset.errors import KomepError
from komep_dataset.gates.trial.gate import EXAMPLES, PairGate, Watch, switch_option
from komep_dataset.gates.trial.ngrams import grams, normal
from komep_dataset.languages import language_of
from komep_dataset.system import late

np, pl = late("numpy"), late("polars")

SIMILAR = 0.8
BANDS, ROWS = 25, 5
SHINGLE = {"en": 2, "ko": 3}
AT_ONCE = 10_000  # texts whose signatures are made at once
SEED = 1

ANSWERS_ALIKE = "the two answers are near-duplicates of each other (Jaccard {similar})"
QUESTIONS_ALIKE = "question nearly that of {id} (Jaccard {similar}), which is kept"


@dataclass(frozen=True, slots=True)
class Cluster:
    """Texts that are near-duplicates: ids in ascending order, the first one is kept."""

    ids: tuple[str, ...]
    similarity: tuple[float, ...]  # of each to the text of the cluster that is most like it


@dataclass
class Shingled:
    """Texts under their ids, as band hashes in memory and shingles in a file."""

    path: Path
    ids: list[str] = field(default_factory=list)
    bands: list[np.ndarray] = field(default_factory=list)
    ends: list[int] = field(default_factory=lambda: [0])

    def add(self, texts: dict[str, str]) -> None:
        """Take in texts by their ids, none of which was there before."""
        for language, n in SHINGLE.items():
            own = [(name, text) for name, text in texts.items() if language_of(text) == language]
            for first in range(0, len(own), AT_ONCE):
                self._add(own[first : first + AT_ONCE], language, n)

    def _add(self, texts: list[tuple[str, str]], language: str, n: int) -> None:
        made = grams([normal(text) for _, text in texts], language, n)
        with self.path.open("ab") as file:
            for index, (name, _) in enumerate(texts):
                shingles = np.unique(made.of(index))
                if len(shingles):
                    self.ids.append(name)
                    self.ends.append(self.ends[-1] + len(shingles))
                    shingles.tofile(file)
        kept = np.flatnonzero(np.diff(made.offsets))
        offsets = np.append(made.offsets[kept], made.offsets[-1])
        if len(kept):
            self.bands.append(_bands(made.hashes, offsets))

    def clusters(self) -> list[Cluster]:
        """Clusters of two or more, by their first id."""
        if len(self.ids) < 2:
            return []
        shingles = np.memmap(self.path, np.uint64, "r")
        by_id = sorted(range(len(self.ids)), key=self.ids.__getitem__)  # not as they came
        links = []
        for one, other in _candidates(np.concatenate(self.bands)[by_id]):
            left, right = by_id[one], by_id[other]
            similar = jaccard(*(shingles[self.ends[i] : self.ends[i + 1]] for i in (left, right)))
            if similar >= SIMILAR:
                links.append((left, right, similar))
        return _clusters(self.ids, links)


def available() -> None:
    """Raise `KomepError` where MinHash is not installed."""
    try:
        import rensa  # noqa: F401
    except ImportError as error:
        raise KomepError("--near-duplicates needs MinHash: pip install 'komep[quality]'") from error


def jaccard(a: np.ndarray, b: np.ndarray) -> float:
    """Exact Jaccard similarity of two sets, each an array without repeats."""
    shared = len(np.intersect1d(a, b, assume_unique=True))
    return shared / max(len(a) + len(b) - shared, 1)


def same_answers(pairs: pl.DataFrame) -> Iterator[tuple[int, float]]:
    """(row, similarity) of the pairs whose two answers are near-duplicates of each other, exactly."""
    for language, n in SHINGLE.items():
        sides = [pairs[side].to_list() for side in ("chosen", "rejected")]
        rows = [row for row, text in enumerate(sides[0]) if language_of(text) == language]
        made = [grams([normal(side[row]) for row in rows], language, n) for side in sides]
        for place, row in enumerate(rows):
            similar = jaccard(*(np.unique(some.of(place)) for some in made))
            if similar >= SIMILAR:
                yield row, similar


def _bands(hashes: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """One hash a band, for each text; bands of different numbers never agree."""
    from rensa import RMinHash

    matrix = RMinHash.digest_matrix_from_flat_token_hashes(
        hashes, offsets.astype(np.uint64), BANDS * ROWS, SEED
    )
    slots = np.array(matrix.to_rows(), np.uint64).reshape(-1, BANDS, ROWS)
    banded = np.zeros(slots.shape[:2], np.uint64)
    for place in range(ROWS):
        banded = (banded ^ slots[:, :, place]) * np.uint64(0x9E3779B97F4A7C15)
        banded ^= banded >> np.uint64(29)
    return banded


def _candidates(bands: np.ndarray) -> list[list[int]]:
    """Pairs of texts that agree in a band: each with the first of its bucket and with the one before it."""
    found = []
    for band in bands.T:
        order = np.argsort(band, kind="stable")
        same = band[order[1:]] == band[order[:-1]]
        places = np.flatnonzero(same) + 1
        starts = np.maximum.accumulate(np.where(np.append(False, same), 0, np.arange(len(order))))
        for before in (starts[places], places - 1):
            found.append(np.stack([order[before], order[places]], 1))
    pairs = np.unique(np.concatenate(found), axis=0) if found else np.zeros((0, 2), int)
    return pairs.tolist()


def _clusters(ids: list[str], links: list[tuple[int, int, float]]) -> list[Cluster]:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not links:
        return []
    left, right, _ = zip(*links, strict=True)
    graph = coo_array(([1] * len(links), (left, right)), shape=(len(ids), len(ids)))
    _, labels = connected_components(graph, directed=False)
    nearest: dict[int, float] = {}
    for a, b, similar in links:
        for text in (a, b):
            nearest[text] = max(nearest.get(text, 0.0), similar)
    members: dict[int, list[tuple[str, float]]] = {}
    for text, similar in nearest.items():
        members.setdefault(labels[text], []).append((ids[text], similar))
    clusters = [Cluster(*zip(*sorted(some), strict=True)) for some in members.values()]
    return sorted(clusters, key=lambda cluster: cluster.ids)


class Repeats(Watch):
    """The questions and answers of a build, each against all."""

    def __init__(self, scratch: Path, near_duplicates: str):
        available()
        self.texts = {n: Shingled(scratch / f"{n}.shingles") for n in ("questions", "responses")}
        self.facts: dict[str, Any] = {}

    def look(self, pairs: pl.DataFrame) -> Iterator[tuple[int, str, tuple[str, ...]]]:
        for row, similar in same_answers(pairs):
            detail = ANSWERS_ALIKE.format(similar=f"{similar:.2f}")
            yield row, detail, ("answers of one pair",)
        ids = pairs["question_id"]
        self.texts["questions"].add(dict(zip(ids, pairs["question"], strict=True)))
        responses = {}
        for side in ("chosen", "rejected"):
            names = (f"{q}/{m}" for q, m in zip(ids, pairs[f"{side}_model"], strict=True))
            responses |= dict(zip(names, pairs[side], strict=True))
        self.texts["responses"].add(responses)

    def settle(self) -> dict[str, str]:
        found = {name: texts.clusters() for name, texts in self.texts.items()}
        self.facts |= {"similarity": SIMILAR} | {name: _cluster_facts(some) for name, some in found.items()}
        return {
            name: QUESTIONS_ALIKE.format(id=cluster.ids[0], similar=f"{similar:.2f}")
            for cluster in found["questions"]
            for name, similar in list(zip(cluster.ids, cluster.similarity, strict=True))[1:]
        }


def _cluster_facts(clusters: Sequence[Cluster]) -> dict[str, Any]:
    return {
        "clusters": len(clusters),
        "texts": sum(len(cluster.ids) for cluster in clusters),
        "largest": max((len(cluster.ids) for cluster in clusters), default=0),
        "examples": [
            {"ids": list(c.ids[:10]), "similarity": [round(s, 4) for s in c.similarity[:10]]}
            for c in clusters[:EXAMPLES]
        ],
    }


def _note(record: Mapping[str, Any]) -> str:
    if record["switch"] == "off":
        return ""
    return (
        f"Near-duplicates (Jaccard similarity of at least {record['similarity']}): {record['questions']['clusters']} "
        f"clusters of {record['questions']['texts']} questions, {record['responses']['clusters']} of "
        f"{record['responses']['texts']} answers."
    )


GATE = PairGate(
    name="near_duplicates",
    reason="near_duplicate",
    order=40,
    options=(
        switch_option(
            "near_duplicates",
            "off",
            "Look for questions and answers in almost the same words (200 bytes of memory for each).",
        ),
    ),
    watch=Repeats,
    at_once=True,
    note=_note,
)
