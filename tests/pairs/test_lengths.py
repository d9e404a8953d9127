"""Lengths in tokens: how they are counted, and what is no tokenizer."""

import hashlib

import polars as pl
import pytest

from komep_dataset.errors import KomepError
from komep_dataset.pairs import lengths
from tests.word_tokenizer import word_tokenizer


def test_tokens_are_those_of_the_text_alone_however_the_file_would_cut_it(tmp_path):
    """Many a model's file cuts at its context and adds a first token: counted by that, every long answer is as long."""
    [one] = lengths.read_tokenizer(word_tokenizer(tmp_path / "words", cut=True))
    texts = ["a b c", "", "가 나, 다.", "word " * 500] * 600
    assert one.count(texts) == [3, 0, 5, 500] * 600
    content = (tmp_path / "words" / "tokenizer.json").read_bytes()
    assert one.record() == {"name": "words", "sha256": hashlib.sha256(content).hexdigest()}
    frame = pl.DataFrame({"response": ["one two", "three"]})
    assert lengths.with_tokens(frame, [one])["response_tokens"].to_list() == [2, 1]
    assert lengths.with_tokens(frame, []).columns == ["response"] and lengths.read_tokenizer(None) == []


def test_a_file_is_taken_by_its_own_name_too(tmp_path):
    folder = word_tokenizer(tmp_path / "words")
    (folder / "tokenizer.json").rename(tmp_path / "mine.json")
    [one] = lengths.read_tokenizer(tmp_path / "mine.json")
    assert one.name == "mine.json" and one.count(["a b"]) == [2]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"--length-tokenizer .*/m: no such file or folder; give a tokenizer\.json or a model's folder .*hf download ID"),
        ({}, r"--length-tokenizer .*/m: is no tokenizer\.json and holds none; give"),
        ({"tokenizer.model": "x"}, r"holds none"),
        ({"tokenizer.json": "{}"}, r"/m/tokenizer\.json: cannot be read as a tokenizer \("),
        ({"tokenizer.json": "no JSON"}, r"/m/tokenizer\.json: cannot be read as a tokenizer \("),
    ],
)  # fmt: skip
def test_what_is_none_is_told(tmp_path, content, message):
    pytest.importorskip("tokenizers", reason="comes with the extra [quality]")
    if content is not None:
        (tmp_path / "m").mkdir()
        for name, text in content.items():
            (tmp_path / "m" / name).write_text(text)
    with pytest.raises(KomepError, match=message) as caught:
        lengths.read_tokenizer(tmp_path / "m")
    assert "\n" not in str(caught.value)


def test_an_id_of_the_hub_is_no_path_and_nothing_is_downloaded(monkeypatch):
    with pytest.raises(KomepError, match=r"--length-tokenizer org/model: no such file or folder"):
        lengths.read_tokenizer("org/model")


def test_without_the_library_the_extra_is_named(tmp_path, monkeypatch):
    folder = word_tokenizer(tmp_path / "words")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(KomepError, match=r"extra \[quality\] \(not installed: tokenizers\)"):
        lengths.read_tokenizer(folder)


def test_the_unit_and_another_tokenizer():
    one, other = ([{"name": name, "sha256": name * 64}] for name in "ab")
    assert lengths.unit({"length_tokenizer": one}) == "tokens of a"
    assert lengths.unit({"length_tokenizer": []}) == lengths.unit({}) == "characters"
    assert lengths.conflict(one, [{"name": "elsewhere", "sha256": "a" * 64}]) is None
    assert lengths.conflict([], None) is None
    assert "has lengths in the tokens of a (SHA-256 aaaaaaaaaaaa…)" in lengths.conflict(one, other)
    assert "has lengths in characters" in lengths.conflict([], one)
    assert lengths.is_tokenizer(one) and lengths.is_tokenizer([]) and lengths.is_tokenizer("path")
    assert not any(map(lengths.is_tokenizer, (3, [one, other], [{"name": "a"}], [*one, *other])))
