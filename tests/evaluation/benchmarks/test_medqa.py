"""MedQA: bad rows are named in the columns that all questions have."""

import pytest

from komep_dataset.errors import KomepError
from tests.evaluation.benchmarks.english_rows import declared, medqa, pubmedqa


def test_bad_rows_are_named(tmp_path, jsonl):
    rows = [medqa(n) for n in range(3)]
    rows[0]["label"], rows[1]["ending2"] = 4, " "
    del rows[2]["ending3"]
    path = jsonl(tmp_path / "test.jsonl", rows)
    with pytest.raises(KomepError) as error:
        declared("medqa").load(tmp_path, None)
    message = str(error.value)
    assert f"{path}:1: answer is 5, not a whole number from 1 to 4" in message
    assert f"{path}:2: C is empty" in message and f"{path}:3: no column D" in message
    bad = jsonl(tmp_path / "pub" / "test.jsonl", [pubmedqa(1) | {"final_decision": "perhaps"}])
    with pytest.raises(KomepError, match="answer is 'perhaps'") as error:
        declared("pubmedqa").load(bad, None)
    with pytest.raises(KomepError, match="this benchmark has the one subject medqa"):
        declared("medqa").load(tmp_path, ["doctor"])


def test_the_file_of_its_authors_is_read_and_a_fifth_option_is_not_dropped(tmp_path, jsonl):
    """`options` by letter and `answer_idx`, as github.com/jind11/MedQA has them."""
    rows = [
        {
            "question": f"Which one is {n}?",
            "answer": f"text {n} D",
            "options": {letter: f"text {n} {letter}" for letter in "ABCD"},
            "meta_info": "step1",
            "answer_idx": "D",
        }
        for n in range(3)
    ]
    (subject,) = declared("medqa").load(jsonl(tmp_path / "test.jsonl", rows), None)
    assert [(one.question, one.options[3], one.answer) for one in subject.test] == [
        (f"Which one is {n}?", f"text {n} D", "D") for n in range(3)
    ]
    rows[1]["options"]["E"] = "one more"
    rows[2]["options"] = ["no", "letters"]
    path = jsonl(tmp_path / "five.jsonl", rows)
    with pytest.raises(KomepError) as error:
        declared("medqa").load(path, None)
    message = str(error.value)
    assert f"{path}:2: E is an option too many: this benchmark has A to D" in message
    assert f"{path}:3: no column A, B, C, D" in message
