"""The passages that a unit is judged by."""

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from komep_dataset.config.evidence import Evidence
from komep_dataset.evidence.bm25 import WordIndex, open_index
from komep_dataset.evidence.passages import Passage
from komep_dataset.evidence.provided import passages_of_questions
from komep_dataset.evidence.store import Store, open_store
from komep_dataset.evidence.vectors import Vectors
from komep_dataset.evidence.words import words_of
from komep_dataset.schema import question_id

POOL = 50  # texts of each retriever whose ranks `both` fuses (ours)
FUSION = 60  # of reciprocal rank fusion (Cormack, Clarke and Büttcher 2009)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What passages are wanted for: a unit of an answer, and its question."""

    unit: str
    question_id: str
    question: str


def passages_for(evidence: Evidence, wanted: Sequence[Wanted], folder: Path) -> list[tuple[Passage, ...]]:
    """The passages for each unit, best first, the same ones for the same inputs; () where there is none. Equal units are looked up
    once. An index and vectors are kept in the folder, for this corpus and other ones, unless `evidence` says where.

    Raises:
        KomepError: bad rows of a file, a corpus without a text, a missing extra, or an endpoint that answers nobody.
    """
    if not wanted:
        return []
    if evidence.provided:
        return _provided(evidence, wanted)
    folder = evidence.kept or folder
    store = open_store(evidence.corpus, folder, evidence.columns)
    pairs = list(dict.fromkeys((one.unit, one.question) for one in wanted))
    found = dict(zip(pairs, _found(evidence, pairs, store, folder), strict=True))
    return [found[one.unit, one.question] for one in wanted]


def _found(
    evidence: Evidence, pairs: Sequence[tuple[str, str]], store: Store, folder: Path
) -> list[tuple[Passage, ...]]:
    """The best passages of a corpus for each unit and its question."""
    rankings: list[list[list[int]]] = []
    count = max(POOL, evidence.passages) if evidence.retriever == "both" else evidence.passages
    if evidence.retriever != "dense":
        index = open_index(map(indexed, store), len(store), store.folder)
        rankings.append(_by_words(index, pairs, count))
    if evidence.retriever != "bm25":
        vectors, units = Vectors(evidence.embeddings, folder), [unit for unit, _ in pairs]
        vectors.make(map(indexed, store), False)
        vectors.make(units, True)
        places = vectors.places(map(indexed, store), False)
        rankings.append(vectors.nearest(places, vectors.places(units, True), count).tolist())
    best = [fused(ranks)[: evidence.passages] for ranks in zip(*rankings, strict=True)]
    passages = {n: store[n] for n in {n for own in best for n in own}}  # each once in memory
    return [tuple(passages[n] for n in own) for own in best]


def indexed(passage: Passage) -> str:
    """What a passage is found by."""
    return f"{passage.title}\n{passage.text}" if passage.title else passage.text


def _by_words(index: WordIndex, pairs: Sequence[tuple[str, str]], count: int) -> list[list[int]]:
    """Numbers of the texts that share words with each unit, or fewer of them and some with its question, best first."""
    questions = dict.fromkeys(question for _, question in pairs)
    contexts = dict(zip(questions, words_of(questions), strict=True))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        words = zip(words_of(unit for unit, _ in pairs), (contexts[q] for _, q in pairs), strict=True)
        found = pool.map(lambda one: index.best(one[0], count, one[1]), words)
        return [[number for number, _ in one] for one in found]


def fused(rankings: Iterable[Sequence[int]]) -> list[int]:
    """Several rankings as one: by the sum of 1 / (60 + rank), then by number."""
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, number in enumerate(ranking, 1):
            scores[number] = scores.get(number, 0.0) + 1 / (FUSION + rank)
    return sorted(scores, key=lambda number: (-scores[number], number))


def _provided(evidence: Evidence, wanted: Sequence[Wanted]) -> list[tuple[Passage, ...]]:
    """The texts of each question: all of them, or, where there are more than are wanted, those with most of a unit."""
    known = passages_of_questions(evidence.provided, evidence.columns)
    keys = [one.question_id if known.get(one.question_id) else question_id(one.question) for one in wanted]
    own = [known.get(key, ()) for key in keys]
    many = {key: texts for key, texts in zip(keys, own, strict=True) if len(texts) > evidence.passages}
    if not many:
        return own
    texts = [(key, passage) for key, passages in many.items() for passage in passages]
    index = WordIndex.of((indexed(one) for _, one in texts), (key for key, _ in texts))
    words = list(words_of(one.unit for one in wanted))
    return [
        tuple(texts[number][1] for number, _ in index.best(words[i], evidence.passages, group=key))
        if key in many
        else own[i]
        for i, key in enumerate(keys)
    ]
