"""What stands beside the answers: their statements without verdicts, and the passages without whom they speak for."""

import json
import re

import pytest

from komep_dataset.release.build import build
from komep_dataset.release.rows import read_rows
from komep_dataset.review.reading import read_sheets
from komep_dataset.review.sheet import COLUMNS, PASSAGES, read_material, write_sheets
from komep_dataset.review.statements import beside_pairs
from tests.release.test_cited import cited, plain
from tests.review.sheets import rows_of, save
from tests.scored_rows import write

ATTACK = {
    "id": "=1+1",
    "title": "<script>alert(1)</script>",
    "url": "javascript:alert(2)",
    "quotation": "</li><img src=x>",
}


@pytest.fixture
def release(tmp_path):
    rows = [r | {"question_ko": "패혈증?", "response_ko": f"{r['model']} 답"} for r in cited()]
    rows[1]["unit_evidence"] = [{"unit": 0, "reason": "", **ATTACK}]
    return build([write(tmp_path / "s.jsonl", rows)], tmp_path / "komep").folder


def test_passages_of_both_answers_stand_together_and_tell_no_verdict(release, tmp_path):
    [folder] = write_sheets(release, tmp_path / "out", reviewers=1)
    [row] = rows_of(folder / "review.csv")
    assert tuple(row) == (*COLUMNS, PASSAGES)
    assert row[PASSAGES].split("\n") == [
        "“</li><img src=x>” (<script>alert(1)</script>, =1+1, javascript:alert(2))",
        "“Sepsis is an infection…” (Harrison, ch. 3, p. 9)",
        "“Sepsis kills.” (Sepsis, who-1, https://WHO.int/a?b)",
    ]
    assert {row["a_units"], row["b_units"]} == {"1. a fact", "1. a fact\n2. another"}
    page = (folder / "review.html").read_text("utf-8")
    data = json.loads(re.search(r'id="data">(.*?)</script>', page)[1])
    assert len(data["pairs"][0]["passages"]) == 3 and data["columns"] == [*COLUMNS, PASSAGES]
    assert "<img src=x>" not in page and "unit_evidence" not in page and "not_addressed" not in page


def test_a_sheet_with_passages_comes_back_with_or_without_them(release, tmp_path):
    [folder] = write_sheets(release, tmp_path / "out", reviewers=1)
    rows = [row | {"better": "same"} for row in rows_of(folder / "review.csv")]
    for columns in ((*COLUMNS, PASSAGES), COLUMNS):
        path = save(tmp_path / "x.csv", rows, columns=columns)
        [judgement], notes = read_sheets([path], read_material(release))
        assert (judgement.preference, judgement.preference_ok, notes) == ("same", None, [])


def test_answers_that_were_judged_without_passages_have_none(tmp_path):
    release = build([write(tmp_path / "s.jsonl", plain())], tmp_path / "plain").folder
    keys = {"p": read_rows(release, "en").select("question_id", "chosen_model", "rejected_model").row(0)}
    beside = beside_pairs(read_rows(release, "scored"), keys)["p"]
    assert beside.passages == () and beside.units["chosen"][0].keys() == {"text", "verdict"}
