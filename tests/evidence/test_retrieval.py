"""The passages for a unit, wherever they come from."""

import json

from komep_dataset.config.evidence import Evidence
from komep_dataset.evidence.retrieval import Wanted, passages_for
from komep_dataset.schema import question_id


def test_provided_texts_are_found_by_the_id_or_by_the_question(tmp_path):
    path = tmp_path / "e.jsonl"
    rows = [
        {"question_id": "0123456789abcdef", "evidence": "By its id."},
        {"question": "What is fever?", "evidence": "By its question."},
    ]
    path.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    wanted = [
        Wanted("u", "0123456789abcdef", "Whatever?"),
        Wanted("u", question_id("What is fever?"), "what is Fever?"),
        Wanted("u", "77", "What is fever?"),
        Wanted("u", "78", "Not there?"),
    ]
    found = passages_for(Evidence(provided=path), wanted, tmp_path / "work")
    assert [[one.text for one in passages] for passages in found] == [
        ["By its id."],
        ["By its question."],
        ["By its question."],
        [],
    ]
