"""The reviewer's sheet: the CSV there and back, and the page."""

import csv
import io
import json
import re
from collections import Counter
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from komep_dataset.errors import KomepError
from komep_dataset.review.sheet import COLUMNS, escape, read_pairs, read_sheets, unescape, write_sheets
from tests.review.sheets import HOSTILE, save

CELLS = st.text(st.sampled_from("=+-@'\t\r\n\";,가a "), max_size=8)


@given(CELLS)
def test_no_cell_is_a_formula_and_nothing_is_lost(text):
    assert not re.match(r"[=+\-@\t\r]", escape(text))
    assert unescape(escape(text)) == text


@pytest.fixture
def sheet(release, tmp_path) -> list[dict[str, str]]:
    """The rows of an empty sheet, cells as they stand in the file."""
    [folder] = write_sheets(release, tmp_path / "out", n=99, reviewers=1)
    text = (folder / "review.csv").read_bytes().decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert tuple(rows[0]) == COLUMNS and len(rows) == 20
    return rows


@pytest.mark.parametrize(
    "saved",
    [
        {},
        {"delimiter": ";", "before": "sep=;\r\n"},
        {"delimiter": ";", "encoding": "utf-8", "newline": "\n"},
        {"delimiter": "\t", "encoding": "utf-16"},
        {"delimiter": ",", "encoding": "cp949"},
    ],
    ids=str,
)
def test_a_sheet_comes_back_however_a_spreadsheet_saved_it(release, sheet, tmp_path, saved):
    pairs = {pair.pair_id: pair for pair in read_pairs(release)[0]}
    hostile = next(r for r in sheet if r["prompt_korean"].startswith("'="))
    assert hostile["chosen_korean"].startswith("''+") and hostile["chosen_source"].startswith("'-")
    hostile |= {"translation_ok": " 예 ", "corrected_chosen": "'-고친\n글", "comment": 'a;b,c\td "e"'}
    translated = next(r for r in sheet if r["origin"] == "translated" and r is not hostile)
    translated |= {"translation_ok": "NO", "preference_ok": "아니오"}
    path = save(tmp_path / "kim.csv", sheet, **saved)
    judgements, notes = read_sheets([path], pairs)
    found = {j.pair_id: j for j in judgements}
    assert len(found) == 2
    one, other = found[hostile["pair_id"]], found[translated["pair_id"]]
    assert (one.translation_ok, one.preference_ok, one.corrected_chosen) == (True, None, "-고친\n글")
    assert (one.comment, one.reviewer) == ('a;b,c\td "e"', "1")
    assert (other.translation_ok, other.preference_ok) == (False, False)
    assert ["CP949" in note for note in notes] == [True] * (saved.get("encoding") == "cp949")


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("pair_id", "p123", r"review\.csv:2: pair_id: 'p123' is no pair of the release"),
        ("translation_ok", "maybe", r"review\.csv:2: translation_ok: 'maybe' is none of yes, no, 예, 아니오"),
        ("preference_ok", "1", r"preference_ok: '1' is none of .* 1 and 0 in one sheet"),
        (
            "chosen_korean",
            "고침",
            r"chosen_korean: '고침' is not what the release has; write .*corrected_chosen",
        ),
        *(
            (
                "corrected_chosen",
                cell,
                r"corrected_chosen: .*: not a text that can take the place of this one",
            )
            for cell in (
                "#NAME?",
                "NA",
                "\\N",
                "-",
                "…",
                "없음",
                "수정 없음",
                "동일",
                "OK!",
                "x",
                "see comment",
            )
        ),
        ("category", "brain", r"category: 'brain' is not what the release has; leave it"),
    ],
)
def test_a_bad_cell_is_named(release, sheet, tmp_path, column, value, message):
    pairs = {pair.pair_id: pair for pair in read_pairs(release)[0]}
    first, *rest = sheet
    path = save(tmp_path / "review.csv", [first | {column: value}, *rest])
    with pytest.raises(KomepError, match=message):
        read_sheets([path], pairs)


@pytest.mark.parametrize(
    "yes, no",
    [("O", "X"), ("TRUE", "FALSE"), ("✓", "✗"), ("○", "×"), ("Y", "n"), ("네", "아니요"), ("1", "0")],
)
def test_marks_for_yes_and_no_are_read(release, sheet, tmp_path, yes, no):
    pairs = {pair.pair_id: pair for pair in read_pairs(release)[0]}
    path = save(tmp_path / "review.csv", [sheet[0] | {"translation_ok": yes, "preference_ok": no}])
    [[one], _] = read_sheets([path], pairs)
    assert (one.translation_ok, one.preference_ok) == (True, False)


def test_other_bad_sheets_are_named(release, sheet, tmp_path):
    pairs = {pair.pair_id: pair for pair in read_pairs(release)[0]}
    native = next(r for r in sheet if r["origin"] == "native")
    path = save(tmp_path / "a.csv", [native | {"corrected_prompt": "새 질문"}])
    with pytest.raises(KomepError, match="corrected_prompt: '새 질문': a native text is no translation"):
        read_sheets([path], pairs)
    with pytest.raises(KomepError, match=r"b\.csv:3: reviewer: '1' judged this pair at .*b\.csv:2 too"):
        read_sheets([save(tmp_path / "b.csv", [native | {"preference_ok": "yes"}] * 2)], pairs)
    path = save(tmp_path / "c.csv", sheet, columns=[c for c in COLUMNS if c not in ("comment", "margin")])
    with pytest.raises(KomepError, match=r"c\.csv:1: missing columns margin, comment"):
        read_sheets([path], pairs)
    for data, message in (
        (b"PK\x03\x04", "a workbook"),
        (b"\xff\xff\xff", "neither UTF-8 nor CP949"),
        (b"", "missing"),
    ):
        (tmp_path / "d.csv").write_bytes(data)
        with pytest.raises(KomepError, match=message):
            read_sheets([tmp_path / "d.csv"], pairs)
    with pytest.raises(KomepError, match="cannot be read"):
        read_sheets([tmp_path / "none.csv"], pairs)


class Page(HTMLParser):
    def __init__(self, text: str):
        super().__init__()
        self.tags: Counter = Counter()
        self.scripts: list[str] = []
        self.addresses: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags[tag] += 1
        self.addresses += [value for name, value in attrs if name in ("src", "href")]
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data):
        if self.cdata_elem == "script":
            self.scripts[-1] += data


def test_the_page_stands_alone_and_shows_hostile_text_as_text(release, tmp_path):
    [folder] = write_sheets(release, tmp_path / "out", n=99, reviewers=1)
    text = (folder / "review.html").read_text("utf-8")
    page = Page(text)
    assert page.tags["article"] == 20 and page.tags["script"] == 2 and not page.tags["img"]
    assert not page.addresses and not re.search(r"https?://|@import|url\(", text)
    assert "default-src 'none'" in text and 'lang="ko"' in text
    rows = json.loads(page.scripts[0])
    assert {row["prompt_korean"] for row in rows} == {pair.prompt_korean for pair in read_pairs(release)[0]}
    assert HOSTILE["question_ko"] in {row["prompt_korean"] for row in rows}
    # one fieldset for a native pair, which has no translation, and two for another
    assert page.tags["fieldset"] == 5 * 1 + 15 * 2
