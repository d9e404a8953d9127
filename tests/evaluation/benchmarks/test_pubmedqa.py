"""PubMedQA: a question is needed beside the abstract."""

import pytest

from komep_dataset.errors import KomepError
from tests.evaluation.benchmarks.english_rows import declared, pubmedqa


@pytest.mark.parametrize(
    ("change", "message"),
    [({"question": None}, "question is empty"), ({"question": " "}, "question is empty")],
)
def test_pubmedqa_needs_a_question(tmp_path, jsonl, change, message):
    bad = jsonl(tmp_path / "test.jsonl", [pubmedqa(1) | change])
    with pytest.raises(KomepError, match=message):
        declared("pubmedqa").load(bad, None)
