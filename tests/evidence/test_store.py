"""The passages of a corpus are read once for each state of it, and whole or not at all."""

import pytest

from komep_dataset.errors import KomepError
from komep_dataset.evidence import store as module
from komep_dataset.evidence.store import PASSAGES, open_store
from tests.evidence.texts import TEXTS, corpus


def test_passages_are_read_once_and_kept_by_number(tmp_path, monkeypatch):
    path = corpus(tmp_path / "c.jsonl")
    store = open_store(path, tmp_path / "work")
    assert len(store) == len(TEXTS) and [one.id for one in store] == list(TEXTS)
    monkeypatch.setattr(module, "read_corpus", None)  # not called again
    again = open_store(path, tmp_path / "work")
    assert again.folder == store.folder and again[4].text == TEXTS["열"][1]


def test_a_corpus_that_changed_is_read_anew_and_that_is_told(tmp_path, capsys):
    path = corpus(tmp_path / "c.jsonl")
    first = open_store(path, tmp_path / "work")
    assert capsys.readouterr().err == ""
    corpus(path, [{"id": "new", "text": "Another text."}])
    second = open_store(path, tmp_path / "work")
    assert second.folder != first.folder and second[0].id == "new"
    said = capsys.readouterr().err
    assert "has changed since it was read" in said and said.rstrip().endswith(str(first.folder))
    corpus(path)
    assert open_store(path, tmp_path / "work").folder == first.folder and not capsys.readouterr().err
    corpus(path, [{"id": "new", "text": "A third text."}])
    open_store(path, tmp_path / "work")
    said = capsys.readouterr().err
    assert str(first.folder) in said and str(second.folder) in said


def test_files_that_change_while_they_are_read_are_no_corpus(tmp_path, monkeypatch):
    path = corpus(tmp_path / "c.jsonl")
    read = module.read_corpus

    def meanwhile(corpus_path, columns):
        yield from read(corpus_path)
        corpus(path, [{"id": "new", "text": "Another text."}])

    monkeypatch.setattr(module, "read_corpus", meanwhile)
    with pytest.raises(KomepError, match="changed while they were read"):
        open_store(path, tmp_path / "work")


def test_what_a_kill_left_is_read_anew(tmp_path):
    path = corpus(tmp_path / "c.jsonl")
    place = open_store(path, tmp_path / "work").folder
    (place / "corpus.json").unlink()
    (place / PASSAGES).write_bytes(b"ARROW1")
    assert len(open_store(path, tmp_path / "work")) == len(TEXTS)


def test_an_id_for_several_texts_is_refused_and_a_repeated_text_is_one(tmp_path):
    rows = [{"id": "a", "text": "One."}, {"id": "b", "text": "Two."}, {"id": "a", "text": "One."}]
    assert len(open_store(corpus(tmp_path / "c.jsonl", rows), tmp_path / "work")) == 2
    rows += [{"id": "b", "text": "Three."}]
    with pytest.raises(KomepError) as caught:
        open_store(corpus(tmp_path / "c.jsonl", rows), tmp_path / "work")
    assert "ids that stand for several texts (1)" in str(caught.value)
    assert "c.jsonl:4: 'b' is the id of c.jsonl:2 too: 'Three.', 'Two.'" in str(caught.value)


def test_a_corpus_of_blank_texts_is_empty(tmp_path):
    with pytest.raises(KomepError, match="an empty corpus: no text in it"):
        open_store(corpus(tmp_path / "c.jsonl", [{"id": "a", "text": " "}]), tmp_path / "work")


def test_a_corpus_that_holds_the_work_folder_is_refused_before_anything_is_written(tmp_path):
    corpus(tmp_path / "c.jsonl")
    with pytest.raises(KomepError, match=r"the work folder lies in it .*; give a folder of the texts alone"):
        open_store(tmp_path, tmp_path / "work" / "evidence")
    assert not (tmp_path / "work").exists()
