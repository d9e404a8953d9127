"""What a checker may be told of evidence, and what is said where it cannot be."""

from pathlib import Path

import pytest
import yaml

from komep_dataset.config.config import Config
from tests.config.pipeline_files import fail, load

JUDGE = {"endpoint": "https://host/v1", "model": "c"}


def file(evidence, **other) -> str:
    return yaml.safe_dump({"checker": JUDGE | {"evidence": evidence}} | other)


def read(folder: Path, *given, **other) -> Config:
    return load(folder, file(*given, **other))


def test_provided_means_the_file_of_the_questions_or_one_that_is_named(tmp_path):
    config = read(tmp_path, "provided", questions={"input": "q.csv"})
    assert config.checker.evidence.provided == tmp_path / "q.csv"
    assert read(tmp_path, {"provided": "e.jsonl"}).checker.evidence.provided == tmp_path / "e.jsonl"
    assert "questions.input" in fail(tmp_path, file("provided"))


def test_a_corpus_and_a_model_in_a_folder_lie_beside_the_file(tmp_path):
    (tmp_path / "e5").mkdir()
    embeddings = {"server": "transformers", "model": "e5"}
    config = read(tmp_path, {"corpus": "texts", "retriever": "both", "embeddings": embeddings})
    judge = config.judge("checker")
    assert judge.evidence.corpus == tmp_path / "texts"
    assert judge.evidence.embeddings.model == str(tmp_path / "e5")
    assert judge.evidence.embeddings.policy == judge.policy == config.policy()


@pytest.mark.parametrize(
    ("evidence", "fragments"),
    [
        ({}, ["checker.evidence.corpus", "either"]),
        ({"passages": 3}, ["checker.evidence.corpus", "either"]),
        ({"corpus": "a", "provided": "b"}, ["either"]),
        ("provide", ["checker.evidence", "expected keys and values"]),
        ({"corpus": "a", "passages": 0}, ["checker.evidence.passages", "0 is below 1"]),
        ({"corpus": "a", "retriever": "bm52"}, ["checker.evidence.retriever", "'bm25'"]),
        ({"corpus": "a", "retriever": "dense"}, ["checker.evidence.embeddings", "needs them"]),
        ({"corpus": "a", "embeddings": JUDGE}, ["checker.evidence.embeddings", "asks no model"]),
        (
            {"corpus": "a", "retriever": "both", "embeddings": {"server": "vllm", "model": "m"}},
            ["checker.evidence.embeddings.server", "endpoint"],
        ),
        (
            {"corpus": "a", "retriever": "dense", "embeddings": JUDGE | {"batch": 0}},
            ["checker.evidence.embeddings.batch", "0 is below 1"],
        ),
        (
            {"corpus": "a", "retriever": "dense", "embeddings": JUDGE | {"batch_api": True}},
            ["checker.evidence.embeddings.batch_api", "leave it out"],
        ),
        ({"corpus": "s3://b/c"}, ["corpus", "an address"]),
    ],
)
def test_a_mistake_is_named_by_its_key(tmp_path, evidence, fragments):
    message = fail(tmp_path, file(evidence))
    for fragment in fragments:
        assert fragment in message


def test_evidence_is_an_option_of_the_checker_and_goes_with_no_batch(tmp_path):
    assert read(tmp_path, {"corpus": "a"}).checker.options == ("evidence",)
    text = yaml.safe_dump({"checker": JUDGE | {"batch": 4, "evidence": {"corpus": "a"}}})
    assert "checker.batch" in fail(tmp_path, text)


def test_the_names_of_columns_reach_the_texts_that_may_have_them(tmp_path):
    columns = {"질문": "question", "근거": "evidence", "본문": "text", "category": "=내과"}
    more = {"questions": {"input": "q.csv"}, "columns": columns}
    given = read(tmp_path, "provided", **more)
    assert given.checker.evidence.columns == {"질문": "question", "근거": "evidence"}
    assert read(tmp_path, {"corpus": "texts"}, **more).checker.evidence.columns == {"본문": "text"}
    assert "columns.본문: no column 'txet' is known" in fail(
        tmp_path, file("provided", columns={"본문": "txet"})
    )
