"""Vectors are paid for once, survive a kill, and are searched as a whole."""

import hashlib

import numpy as np
import pytest

from komep_dataset.config.evidence import Embeddings
from komep_dataset.errors import KomepError
from komep_dataset.evidence import vectors as module
from komep_dataset.evidence.vectors import Vectors

MODEL = Embeddings(endpoint="http://127.0.0.1:1/v1", model="m", batch=2)


@pytest.fixture
def asked(monkeypatch):
    """Vectors by a hash of each text; the texts that were asked for."""
    texts = []

    def encode(some, embeddings, folder, query):
        texts.extend(some)
        rows = [np.frombuffer(hashlib.sha256(one.encode()).digest(), "u1").astype("f4") - 128 for one in some]
        return np.array([row / np.linalg.norm(row) for row in rows])

    monkeypatch.setattr(module, "encode", encode)
    return texts


def test_a_text_is_asked_once_across_states_of_a_corpus_and_runs(tmp_path, asked):
    texts = [f"text {n}" for n in range(600)]
    vectors = Vectors(MODEL, tmp_path)
    vectors.make([*texts, *texts], False)
    assert asked == texts
    Vectors(MODEL, tmp_path).make(["new", *texts[::-1]], False)
    assert asked == [*texts, "new"]
    vectors.make(texts[:3], True)  # what is looked for is asked with other words, perhaps
    assert len(asked) == 601 and not list(vectors.missing(texts, True))
    places = vectors.places(["text 599", "new", "text 0"], False)
    assert places.tolist() == [599, 600, 0]


def test_a_prefix_or_a_parameter_makes_another_vector(tmp_path, asked):
    for given in ({}, {"query_prefix": "query: "}, {"query_body": {"input_type": "query"}}):
        Vectors(Embeddings(endpoint="http://h/v1", model="m", **given), tmp_path).make(["a"], True)
    assert asked == ["a"] * 3


@pytest.mark.parametrize("left", [0, 1, 40, 79])
def test_what_a_kill_cut_short_is_asked_again(tmp_path, asked, left):
    vectors = Vectors(MODEL, tmp_path)
    vectors.make(["a"], False)
    whole = vectors.path.stat().st_size
    vectors.make(["b"], False)
    with vectors.path.open("r+b") as file:
        file.truncate(whole + left)
    assert list(vectors.missing(["a", "b"], False)) == ["b"]
    vectors.make(["a", "b"], False)
    assert asked == ["a", "b", "b"] and vectors.places(["b"], False).tolist() == [1]


def test_a_file_of_which_a_kill_left_the_beginning_is_begun_anew(tmp_path, asked):
    vectors = Vectors(MODEL, tmp_path)
    vectors.make(["a"], False)
    with vectors.path.open("r+b") as file:
        file.truncate(15)
    vectors.make(["a"], False)
    assert asked == ["a", "a"] and vectors.places(["a"], False).tolist() == [0]


def test_a_model_that_gives_other_lengths_is_another_model(tmp_path, asked, monkeypatch):
    vectors = Vectors(MODEL, tmp_path)
    vectors.make(["a"], False)
    monkeypatch.setattr(module, "encode", lambda some, *_: np.ones((len(some), 3)))
    with pytest.raises(KomepError, match="another model goes by its name"):
        vectors.make(["b"], False)


def test_a_file_of_somebody_else_is_left_alone(tmp_path, asked):
    vectors = Vectors(MODEL, tmp_path)
    vectors.path.write_bytes(b"something else of a user's")
    with pytest.raises(KomepError, match="move it away"):
        vectors.make(["a"], False)


@pytest.mark.parametrize("block", [3, 7, 10_000])
def test_the_nearest_are_those_of_a_full_comparison_in_any_blocks(tmp_path, asked, block, monkeypatch):
    monkeypatch.setattr(module, "BLOCK", block)
    monkeypatch.setattr(module, "QUERIES", 2)
    texts = [f"text {n % 40}" for n in range(50)]  # ten stand twice: of equal ones the first
    vectors = Vectors(MODEL, tmp_path)
    vectors.make(texts, False)
    vectors.make(["q1", "q2", "q3"], True)
    rows = np.asarray(vectors._records()["vector"], np.float32)
    places, wanted = vectors.places(texts, False), vectors.places(["q1", "q2", "q3"], True)
    found = vectors.nearest(places, wanted, 12)
    for row, place in zip(found, wanted, strict=True):
        similar = np.rint(rows[places] @ rows[place] * 10_000)
        assert row.tolist() == sorted(range(50), key=lambda i: (-similar[i], i))[:12]
    assert vectors.nearest(places[:5], wanted, 12).shape == (3, 5)
