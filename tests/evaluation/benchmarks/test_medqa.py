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
