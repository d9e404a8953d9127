"""What evidence is found to lack before a run, and what it adds to one."""

import json

import pytest

from komep_dataset.config.evidence import Embeddings, Evidence
from komep_dataset.errors import KomepError
from komep_dataset.evidence.readiness import embedding_bodies, faults_of, shown_with_a_unit
from komep_dataset.evidence.vectors import Vectors
from tests.evidence.loopback_encoder import encoder
from tests.evidence.texts import TEXTS, corpus
from tests.loopback import loopback


def evidence(folder, **given):
    return Evidence(
        corpus=given.pop("corpus", None) or corpus(folder / "c.jsonl"), kept=folder / "kept", **given
    )


def test_a_corpus_that_is_not_there_empty_or_bad_is_told_and_a_good_one_is_kept(tmp_path):
    (tmp_path / "empty").mkdir()
    for path, said in (
        (tmp_path / "none", "no such file"),
        (tmp_path / "empty", "an empty corpus"),
        (corpus(tmp_path / "bad.jsonl", [{"id": "a"}]), "bad.jsonl:1"),
    ):
        (fault,) = faults_of(evidence(tmp_path, corpus=path))
        assert fault.startswith("evidence: ") and said in fault
    assert list(faults_of(evidence(tmp_path))) == []
    assert len(list((tmp_path / "kept").glob("*/corpus.json"))) == 1


def test_a_folder_of_no_model_and_provided_texts_that_are_none_are_told(tmp_path):
    model = Embeddings(server="transformers", model=str(tmp_path))
    given = evidence(tmp_path, retriever="dense", embeddings=model)
    assert [fault for fault in faults_of(given) if "config.json" in fault or "[serve]" in fault]
    (tmp_path / "e.jsonl").write_text(json.dumps({"question": "Q?", "evidence": 7}), "utf-8")
    assert "e.jsonl:1" in next(faults_of(Evidence(provided=tmp_path / "e.jsonl")))


def test_passages_that_have_a_vector_are_not_counted_again(tmp_path):
    with loopback(encoder()) as (state, url):
        model = Embeddings(endpoint=url, model="m", batch=4)
        given = evidence(tmp_path, retriever="dense", embeddings=model)
        assert [len(body["input"]) for body in embedding_bodies(given)] == [4, 2] and not state.calls
        Vectors(model, tmp_path / "kept").make(["\n".join(TEXTS["asa"])], False)
        assert [len(body["input"]) for body in embedding_bodies(given)] == [4, 1]
    assert list(embedding_bodies(evidence(tmp_path))) == []


def test_what_a_unit_is_shown_is_as_many_passages_as_are_wanted(tmp_path):
    assert [len(own) for own in shown_with_a_unit(evidence(tmp_path, passages=4))] == [4]
    assert [len(own) for own in shown_with_a_unit(evidence(tmp_path, passages=9))] == [6]
    with pytest.raises(KomepError, match="an empty corpus"):
        shown_with_a_unit(evidence(tmp_path, corpus=corpus(tmp_path / "blank.jsonl", [{"text": " "}])))
    path = tmp_path / "e.jsonl"
    rows = [
        {"question": "A?", "evidence": ["One."] * 1},
        {"question": "B?", "evidence": ["One.", "Two.", "3."]},
    ]
    path.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    assert [len(own) for own in shown_with_a_unit(Evidence(provided=path, passages=2))] == [1, 2]
