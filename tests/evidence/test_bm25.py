"""BM25 against its formula, and the order of what is equal."""

import math

import pytest

from komep_dataset.evidence.bm25 import WordIndex, open_index
from komep_dataset.evidence.words import words_of

TEXTS = ["aspirin aspirin platelet", "aspirin liver", "liver fever cough", "cough"]


def score(words: list[str], text: list[str], texts: list[list[str]]) -> float:
    """The published formula with Lucene's idf."""
    mean = sum(map(len, texts)) / len(texts)
    total = 0.0
    for word in words:
        n = sum(word in one for one in texts)
        idf = math.log(1 + (len(texts) - n + 0.5) / (n + 0.5))
        often = text.count(word)
        total += idf * often * 2.2 / (often + 1.2 * (0.25 + 0.75 * len(text) / mean)) if often else 0
    return total


def test_scores_are_those_of_the_formula():
    index, texts = WordIndex.of(TEXTS), list(words_of(TEXTS))
    for words in (["aspirin"], ["liver", "cough"], ["aspirin", "fever", "nothing"]):
        wanted = {i: score(words, text, texts) for i, text in enumerate(texts)}
        for number, found in index.best(words, 10):
            assert found == pytest.approx(wanted.pop(number), rel=1e-5)
        assert not any(wanted.values())


def test_of_many_equal_texts_the_first_ones_are_found():
    index = WordIndex.of(["a longer text about fever"] * 3 + ["fever chills"] * 200)
    assert [number for number, _ in index.best(["fever"], 4)] == [3, 4, 5, 6]
    assert index.best([], 4) == [] and index.best(["cough"], 4) == []


def test_a_group_is_searched_alone_and_to_its_end():
    index = WordIndex.of(TEXTS, ["x", "y", "y", "y"])
    assert [number for number, _ in index.best(["cough"], 3, group="y")] == [3, 2, 1]
    assert [number for number, _ in index.best([], 9, group="x")] == [0]


def test_an_index_is_built_once_and_what_a_kill_left_is_built_anew(tmp_path):
    (tmp_path / "bm25.building").mkdir()
    (tmp_path / "bm25.building" / "meta.json").write_text("{", "utf-8")
    first = open_index(TEXTS, len(TEXTS), tmp_path).best(["liver"], 4)
    again = open_index(iter(()), 0, tmp_path).best(["liver"], 4)  # no text is read
    assert first == again and [number for number, _ in first] == [1, 2]
