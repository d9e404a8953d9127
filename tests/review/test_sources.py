"""What the judge's passages say of each statement stands in the sheet, to be read; it comes back as any other sheet."""

import csv
import io

import pytest

from komep_dataset.release.build import build
from komep_dataset.release.rows import read_rows
from komep_dataset.review.sheet import COLUMNS, read_pairs, read_sheets, write_sheets
from komep_dataset.review.sources import judged_answers, of_pairs
from tests.release.test_cited import cited, plain
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


def test_statements_and_sources_are_read_beside_each_answer(release, tmp_path):
    [folder] = write_sheets(release, tmp_path / "out", reviewers=1)
    [row] = csv.DictReader(io.StringIO((folder / "review.csv").read_bytes().decode("utf-8-sig"), newline=""))
    assert tuple(row)[: len(COLUMNS)] == COLUMNS
    assert row["rejected_sources"].split("\n") == [
        "✓ a fact", "  “Sepsis kills.” (Sepsis, who-1, https://WHO.int/a?b)", "  “Sepsis is an infection…” (Harrison, ch. 3, p. 9)",
        "✗ another", "  “Sepsis kills.” (Sepsis, who-1, https://WHO.int/a?b)",
    ]  # fmt: skip
    assert row["chosen_sources"].startswith("✓ a fact\n  “</li><img src=x>”")
    page = (folder / "review.html").read_text("utf-8")
    assert page.count('<details class="sources">') == 2 and "Sepsis is an infection…" in page
    assert (
        'href="https://WHO.int/a?b"' in page and "<img src=x>" not in page and 'href="javascript' not in page
    )


def test_a_sheet_with_sources_comes_back_with_or_without_them(release, tmp_path):
    [folder] = write_sheets(release, tmp_path / "out", reviewers=1)
    pairs = {pair.pair_id: pair for pair in read_pairs(release)[0]}
    rows = list(
        csv.DictReader(io.StringIO((folder / "review.csv").read_bytes().decode("utf-8-sig"), newline=""))
    )
    rows[0]["preference_ok"] = "yes"
    for name, columns in (("whole", list(rows[0])), ("without", list(COLUMNS))):
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\r\n")
        writer.writeheader()
        writer.writerows(rows)
        path = tmp_path / f"{name}.csv"
        path.write_bytes(text.getvalue().encode("utf-8-sig"))
        [judgement], notes = read_sheets([path], pairs)
        assert judgement.preference_ok is True and not notes


def test_answers_that_were_judged_without_passages_have_none(tmp_path):
    release = build([write(tmp_path / "s.jsonl", plain())], tmp_path / "plain").folder
    table = read_rows(release, "scored")
    assert judged_answers(table) == {} and of_pairs(table, {"p": ("q", "a", "b")}) == {}
    mixed = build([write(tmp_path / "m.jsonl", cited())], tmp_path / "mixed").folder
    answers = judged_answers(read_rows(mixed, "scored"))
    assert {model for _, model in answers} == {"m1", "m2", "m3"}
    m3 = next(said for (_, model), said in answers.items() if model == "m3")
    assert ["판단할 수 없음" in one.why for one in m3] == [True, False] and m3[1].sources[0].id == "who-1"
