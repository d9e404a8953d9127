"""Texts that a user has for each question, in every form in which they may be written."""

import json

import polars as pl
import pytest

from komep_dataset.errors import KomepError
from komep_dataset.evidence.passages import Passage
from komep_dataset.evidence.provided import passages_of_questions
from komep_dataset.schema import question_id

FEVER = "Fever is a rise of the body's temperature."  # written for this project


def lines(path, *rows):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path


@pytest.mark.parametrize("name", ["e.jsonl", "e.parquet", "e.csv"])
def test_a_text_a_list_and_objects_are_found_by_id_and_by_question(tmp_path, name):
    whole = {"id": "p", "title": "T", "text": FEVER, "url": "https://host/p"}
    rows = [
        {"question_id": "7", "question": "What is fever?", "evidence": FEVER},
        {"question_id": "8", "question": None, "evidence": json.dumps([FEVER, "열은 체온이 오르는 것이다."])},
        {"question_id": None, "question": "What is  FEVER, then?", "evidence": json.dumps([whole])},
        {"question_id": "9", "question": "Nothing for it", "evidence": None},
    ]
    path = tmp_path / name
    frame = pl.DataFrame(rows)
    {".jsonl": lambda: lines(path, *rows), ".csv": lambda: frame.write_csv(path)}.get(
        path.suffix, lambda: frame.write_parquet(path)
    )()
    found = passages_of_questions(path)
    assert found["7"] == found[question_id("what is fever?")] == (Passage("e1", "", FEVER, "", "en"),)
    assert [(one.id, one.language) for one in found["8"]] == [("e1", "en"), ("e2", "ko")]
    assert found[question_id("what is fever, then?")] == (Passage("p", "T", FEVER, "https://host/p", "en"),)
    assert found["9"] == ()


def test_rows_of_one_question_add_up_and_an_id_that_is_taken_gets_a_number(tmp_path):
    row = {"question": "What is fever?"}
    path = lines(
        tmp_path / "e.jsonl",
        row | {"evidence": {"id": "p", "text": FEVER}},
        row | {"evidence": [{"id": "p", "text": "Another text."}, FEVER, " "]},
    )
    assert [(one.id, one.text) for one in passages_of_questions(path)[question_id("What is fever?")]] == [
        ("p", FEVER),
        ("p-2", "Another text."),
    ]


def test_every_bad_row_is_named_at_once(tmp_path):
    path = lines(
        tmp_path / "e.jsonl",
        {"evidence": FEVER},
        {"question_id": "1", "evidence": 7},
        {"question_id": "2", "evidence": [{"title": "no text"}]},
        {"question_id": "3", "evidence": FEVER},
    )
    with pytest.raises(KomepError) as caught:
        passages_of_questions(path)
    message = str(caught.value)
    assert all(f"e.jsonl:{line}:" in message for line in (1, 2, 3)) and "e.jsonl:4" not in message
    assert "neither question_id nor question" in message and "got '7'" in message


@pytest.mark.parametrize("evidence", [None, "", "NA", []])
def test_a_file_without_any_evidence_is_refused(tmp_path, evidence):
    path = lines(tmp_path / "e.jsonl", {"question": "What is fever?", "evidence": evidence})
    with pytest.raises(KomepError, match="no row has a text in a column `evidence`"):
        passages_of_questions(path)


def test_columns_of_other_names_are_mapped(tmp_path):
    path = lines(tmp_path / "e.jsonl", {"질문": "What is fever?", "근거": FEVER})
    with pytest.raises(KomepError, match="neither question_id nor question"):
        passages_of_questions(path)
    found = passages_of_questions(path, {"질문": "question", "근거": "evidence"})
    assert [one.text for one in found[question_id("What is fever?")]] == [FEVER]
