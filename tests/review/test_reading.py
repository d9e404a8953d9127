"""Filled-in sheets: however a spreadsheet saved them, half filled in, twice, of others; and those of before."""

import unicodedata
from dataclasses import replace

import pytest

from komep_dataset.errors import KomepError
from komep_dataset.release.build import build
from komep_dataset.review.reading import read_sheets
from komep_dataset.review.sheet import COLUMNS, escape, read_material, write_sheets
from komep_dataset.review.words import Mark
from tests.review.sheets import (
    COLUMNS_OF_BEFORE,
    blinded_answers,
    generations,
    of_before,
    pair_of,
    rows_of,
    save,
)
from tests.scored_rows import write
from tests.spreadsheet import WAYS, through_spreadsheet

SAVED = [
    {},
    {"delimiter": ";", "before": "sep=;\r\n"},
    {"delimiter": ";", "encoding": "utf-8", "newline": "\n"},
    {"delimiter": "\t", "encoding": "utf-16"},
    {"delimiter": ",", "encoding": "cp949"},
]


@pytest.fixture(scope="module")
def sheets(release, tmp_path_factory):
    """The rows of two reviewers' empty sheets."""
    folders = write_sheets(release, tmp_path_factory.mktemp("s"), n=99, seed=4)
    return [rows_of(folder / "review.csv") for folder in folders]


def translated(rows, material):
    return [row for row in rows if material.pairs[pair_of(row, material)].origin == "translated"]


@pytest.mark.parametrize("saved", SAVED, ids=str)
def test_a_sheet_comes_back_however_a_spreadsheet_saved_it(material, sheets, tmp_path, saved):
    rows = [dict(row) for row in sheets[0]]
    hostile = next(r for r in rows if r["prompt_korean"].startswith("'="))
    assert "''+" in hostile["a_korean"][:4] and hostile["a_source"].startswith("'-")
    one = {"better": "rejected", "translation_ok": " 예 ", "corrected_chosen": "'-고친\n글", "comment": 'a;b,c\td "e"',
           "chosen_marks": "1:O 2:X", "rejected_marks": "? O X O", "reviewer": "kim"}  # fmt: skip
    hostile |= blinded_answers(hostile, material, one)
    other = next(r for r in translated(rows, material) if r is not hostile)
    other |= blinded_answers(other, material, {"better": "chosen", "translation_ok": "X", "reviewer": ""})
    path = save(tmp_path / "kim.csv", rows[::-1], **saved)  # sorted anew
    judgements, notes = read_sheets([path], material)
    found = {j.pair_id: j for j in judgements}
    assert len(found) == 2
    first, second = found[pair_of(hostile, material)], found[pair_of(other, material)]
    assert (first.preference, first.preference_ok, first.translation_ok) == ("rejected", False, True)
    assert (first.reviewer, first.corrected_chosen, first.comment) == ("kim", "-고친\n글", 'a;b,c\td "e"')
    assert sorted(first.marks, key=str) == sorted(
        [Mark("chosen", 0, True), Mark("chosen", 1, False), Mark("rejected", 0, None), Mark("rejected", 1, True),
         Mark("rejected", 2, False), Mark("rejected", 3, True)], key=str)  # fmt: skip
    assert (second.preference, second.preference_ok, second.reviewer, second.translation_ok) == (
        "chosen",
        True,
        "1",
        False,
    )
    assert ["CP949" in note for note in notes].count(True) == (saved.get("encoding") == "cp949")
    assert any("kim: 1 of 1 pairs" in note for note in notes) is False and any(
        "1: 1 of 19 pairs" in n for n in notes
    )


def test_cp949_loses_signs_and_the_sheet_is_read_all_the_same(tmp_path):
    rows = generations()[:8]
    rows[2] |= {"response_ko": "답 ✓ 1 µg 가나다라 마바사 아자차카"}
    release = build([write(tmp_path / "s.jsonl", rows)], tmp_path / "komep").folder
    material = read_material(release)
    [folder] = write_sheets(release, tmp_path / "out", reviewers=1)
    sheet = [row | {"better": "A"} for row in rows_of(folder / "review.csv")]
    path = save(tmp_path / "x.csv", sheet)
    path.write_bytes(path.read_text("utf-8-sig").encode("cp949", "replace"))
    judgements, notes = read_sheets([path], material)
    assert len(judgements) == len(sheet) and "CP949" in notes[0]


# What LibreOffice and Excel make of a text, in Korean.
REWRITTEN = {
    "3/4": "03월 04일", "1.50": "1.5", "TRUE": "True", "March 5": "03/05/2026", "SEPT9": "09-Sep", "5월 2일": "2026-05-02", "(5)": "-5", "참": "TRUE",
    "12:30": "12:30:00 PM", "1e5": "100000", "007": "7", "₩1,000": "1000", "오후 3:30": "15:30", "1 1/2": "1.5", "가" * 40_000: ("가" * 40_000)[:32_767],
}  # fmt: skip
KEPT = (
    "=1+1",
    "'=1+1",
    "-",
    "+가",
    "@home",
    "=SUM(A1:A2)",
    "1.2.3 mg",
    "끝\n둘째 줄",
)  # or it would be a formula


def sheet_of_texts(folder):
    """A release whose answers are such texts, and its sheet."""
    texts = [*REWRITTEN, *KEPT, "plain"]
    rows = [
        {"question": f"Question {n}?", "category": "5월", "model": m, "response": text, "dahl_score": s}
        for n, pair in enumerate(zip(texts[::2], texts[1::2], strict=True))
        for m, text, s in zip("ab", pair, (1.0, 0.0), strict=True)
    ]
    release = build([write(folder / "s.jsonl", rows)], folder / "komep").folder
    [sheet] = write_sheets(release, folder / "sheet", reviewers=1)
    return read_material(release), sheet / "review.csv"


def test_what_a_spreadsheet_writes_in_its_own_way_or_cuts_is_the_same_text(tmp_path):
    material, path = sheet_of_texts(tmp_path)
    told = {escape(text): of_it for text, of_it in REWRITTEN.items()} | {"5월": "2026-05-01"}
    sheet = [
        {name: told.get(cell, cell) for name, cell in row.items()} | {"better": "B"} for row in rows_of(path)
    ]
    judgements, _ = read_sheets([save(tmp_path / "x.csv", sheet)], material)
    assert len(judgements) == len(sheet) == 12
    changed = [row | {"b_source": f"{row['b_source']} more"} for row in sheet if row["b_source"] in KEPT]
    with pytest.raises(KomepError, match=rf"{len(changed)} cells? cannot be used"):
        read_sheets([save(tmp_path / "y.csv", changed)], material)


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_a_spreadsheet_program_loses_nothing(tmp_path, way):
    material, path = sheet_of_texts(tmp_path)
    typed = {"A": "맞음; 그러나 =1+1", "B": "'-5 mg", "same": "'@home", "unsure": "0123"}
    rows = [
        row | {"better": said, "comment": typed[said]}
        for row, said in zip(rows_of(path), [*typed] * 3, strict=True)
    ]
    before, _ = read_sheets([save(path, rows)], material)
    saved = through_spreadsheet(path, tmp_path, way)
    after, _ = read_sheets([saved], material)
    numbers = {"0123": "123"}  # what a reviewer typed as a number is one
    assert after == [replace(one, comment=numbers.get(one.comment, one.comment)) for one in before]
    text = saved.read_bytes()
    assert b"Err:" not in text and b"#NAME" not in text  # no text became a formula


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("pair_id", "p123", r"review\.csv:2: pair_id: 'p123' is no pair of sheet s4-1-"),
        ("sheet", "s4-2-0-0000000000", r"sheet: 's4-2-0-0000000000' is no sheet of this release; give the --release that was sampled"),
        ("sheet", "", r"sheet: '' is no sheet of this release"),
        ("better", "C", r"better: 'C' is none of A, B, same, unsure"),
        ("translation_ok", "maybe", r"translation_ok: 'maybe' is none of yes, no, 예, 아니오"),
        ("translation_ok", "1", r"translation_ok: '1' is none of .* 1 and 0 in one sheet"),
        ("a_marks", "O X", r"a_marks: 'O X' is 2 marks for 4 statements; write their numbers"),
        ("a_korean", "고침", r"a_korean: '고침' is not what the release has; write corrections into corrected_a; if columns were sorted apart"),
        ("category", "brain", r"category: 'brain' is not what the release has; leave it"),
        *(("corrected_b", cell, r"corrected_b: .*: not a text that can take the place of this one")
          for cell in ("#NAME?", "NA", "\\N", "-", "…", "없음", "수정 없음", "동일", "OK!", "x", "see comment")),
    ],
)  # fmt: skip
def test_a_bad_cell_is_named(material, sheets, tmp_path, column, value, message):
    first, *rest = translated(sheets[0], material)
    path = save(tmp_path / "review.csv", [first | {column: value}, *rest])
    with pytest.raises(KomepError, match=message):
        read_sheets([path], material)


def test_all_faults_of_a_row_are_told_at_once(material, sheets, tmp_path):
    row = translated(sheets[0], material)[0] | {"better": "C", "a_marks": "?!", "translation_ok": "maybe"}
    with pytest.raises(KomepError, match=r"3 cells cannot be used:\n(.*\n)*.*better.*\n.*a_marks"):
        read_sheets([save(tmp_path / "x.csv", [row])], material)


def test_a_cell_that_was_sorted_apart_from_its_row_is_found(material, sheets, tmp_path):
    rows = [dict(row) | {"better": "A"} for row in sheets[0]]
    names = sorted(row["pair_id"] for row in rows)
    for row, name in zip(rows, names, strict=True):
        row["pair_id"] = name
    with pytest.raises(KomepError, match="is not what the release has"):
        read_sheets([save(tmp_path / "x.csv", rows)], material)


def test_a_sheet_of_another_release_and_one_of_another_seed(material, release, sheets, tmp_path):
    rows = generations()
    rows[0]["response"] += "!"
    other = build([write(tmp_path / "s.jsonl", rows)], tmp_path / "komep").folder
    write_sheets(other, tmp_path / "out", reviewers=1)
    foreign = save(
        tmp_path / "f.csv", [row | {"better": "A"} for row in rows_of(tmp_path / "out" / "review.csv")]
    )
    with pytest.raises(
        KomepError, match=r"1 cell cannot be used:\n.*f\.csv:2: sheet: .* is no sheet of this release"
    ):
        read_sheets([foreign], material)
    # of another seed: its code says so, and the names and sides of that draw are those that count
    write_sheets(release, tmp_path / "seed", n=99, seed=9, reviewers=1)
    rows = rows_of(tmp_path / "seed" / "review.csv")
    rows = [row | blinded_answers(row, material, {"better": "chosen", "reviewer": "lee"}) for row in rows]
    judgements, _ = read_sheets([save(tmp_path / "g.csv", rows)], material)
    assert len(judgements) == 20 and {j.preference for j in judgements} == {"chosen"}


def test_a_sheet_that_was_saved_twice_counts_once(material, sheets, tmp_path):
    def filled(n, **more):
        return [row | ({"better": "A"} | more if i < n else {}) for i, row in enumerate(sheets[0])]

    half, whole = (save(tmp_path / f"{n}.csv", filled(n)) for n in (5, 9))
    judgements, notes = read_sheets([half, whole, whole], material)
    assert len(judgements) == 9 and notes == ["1: 9 of 20 pairs have an answer to `better`"]
    later = save(tmp_path / "later.csv", filled(5, comment="so"))
    judgements, _ = read_sheets([half, later], material)
    assert [j.comment for j in judgements] == ["so"] * 5
    renamed = save(tmp_path / "renamed.csv", filled(9, reviewer="kim"))
    judgements, notes = read_sheets([half, renamed], material)
    assert (
        len(judgements) == 14 and "filled in by 1 and kim; if that is one person, give one file" in notes[-1]
    )
    other = save(tmp_path / "other.csv", [row | {"better": "B"} for row in filled(1)])
    with pytest.raises(KomepError, match=r"better: 'B', but '1' has 'A' at .*5\.csv:2: keep one of the two"):
        read_sheets([half, other], material)


def test_two_reviewers_of_one_name(material, sheets, tmp_path):
    rows = [[dict(row) | {"better": "A", "reviewer": "kim"} for row in own] for own in sheets]
    paths = [save(tmp_path / f"{n}.csv", own) for n, own in enumerate(rows)]
    with pytest.raises(
        KomepError, match=r"reviewer: 'kim' judged this pair at .*0\.csv:\d+ too; give each reviewer a name"
    ):
        read_sheets(paths, material)
    apart = [
        save(tmp_path / f"{n}.csv", own)
        for n, own in enumerate(
            (rows[0][:5], [r for r in rows[1] if r["pair_id"] not in {x["pair_id"] for x in rows[0][:5]}][:5])
        )
    ]
    judgements, notes = read_sheets(apart, material)
    assert len(judgements) == 10 and any(
        "kim: one person by the name, with the sheets s4-1-" in note for note in notes
    )
    # two files of one name, the column emptied: the number of the sheet is a name
    for n, own in enumerate(rows):
        (tmp_path / str(n)).mkdir()
        save(tmp_path / str(n) / "review.csv", [row | {"reviewer": ""} for row in own])
    judgements, _ = read_sheets(sorted(tmp_path.glob("?/review.csv")), material)
    assert {j.reviewer for j in judgements} == {"1", "2"} and len(judgements) == 40


def test_a_name_is_the_same_however_it_is_spelled(material, sheets, tmp_path):
    rows = [row | {"better": "A"} for row in sheets[0]]
    names = ("김 의사", unicodedata.normalize("NFD", "김 의사"), "김\n의사 ")
    paths = [
        save(tmp_path / f"{n}.csv", [r | {"reviewer": name} for r in rows]) for n, name in enumerate(names)
    ]
    judgements, _ = read_sheets(paths, material)
    assert {one.reviewer for one in judgements} == {"김 의사"} and len(judgements) == len(rows)


def test_columns_that_are_missing(material, sheets, tmp_path):
    rows = [row | {"better": "A"} for row in sheets[0]]
    for gone in ("pair_id", "sheet", "better"):
        path = save(tmp_path / "c.csv", rows, columns=[c for c in COLUMNS if c != gone])
        with pytest.raises(KomepError, match=rf"c\.csv:1: missing columns {gone} \(header: .*\); take"):
            read_sheets([path], material)
    path = save(tmp_path / "d.csv", rows, columns=["pair_id", "sheet", "better", "reviewer"])
    judgements, [note] = read_sheets([path], material)
    assert len(judgements) == 20 and "without the columns translation_ok, a_marks" in note


@pytest.mark.parametrize(
    "yes, no",
    [("O", "X"), ("TRUE", "FALSE"), ("✓", "✗"), ("○", "×"), ("Y", "n"), ("네", "아니요"), ("1", "0")],
)
def test_sheets_of_before_are_read_with_their_marks(material, tmp_path, yes, no):
    rows = of_before(material)
    rows[1] |= {"translation_ok": yes, "preference_ok": no, "corrected_chosen": "새 답이다"}
    path = save(tmp_path / "review.csv", rows, columns=COLUMNS_OF_BEFORE, delimiter=";")
    [[one], notes] = read_sheets([path], material)
    assert (one.translation_ok, one.preference_ok, one.preference, one.marks) == (True, False, None, ())
    assert (one.reviewer, one.corrected_chosen, notes) == ("1", "새 답이다", [])


def test_bad_sheets_of_before_are_named(material, tmp_path):
    rows = of_before(material)
    native = next(r for r in rows if r["origin"] == "native")

    def saved(name, rows, columns=COLUMNS_OF_BEFORE):
        return [save(tmp_path / name, rows, columns=columns)]

    with pytest.raises(KomepError, match="corrected_prompt: '새 질문': a native text is no translation"):
        read_sheets(saved("a.csv", [native | {"corrected_prompt": "새 질문"}]), material)
    with pytest.raises(KomepError, match=r"b\.csv:3: reviewer: '1' judged this pair at .*b\.csv:2 too"):
        read_sheets(saved("b.csv", [native | {"preference_ok": "yes"}] * 2), material)
    with pytest.raises(KomepError, match=r"c\.csv:1: missing columns margin, comment"):
        columns = [c for c in COLUMNS_OF_BEFORE if c not in ("comment", "margin")]
        read_sheets(saved("c.csv", rows, columns), material)
    with pytest.raises(KomepError, match=r"e\.csv:2: chosen_korean: '고침' is not what .*corrected_chosen"):
        read_sheets(saved("e.csv", [native | {"chosen_korean": "고침"}]), material)


def test_files_that_are_no_sheets(material, tmp_path):
    for data, message in (
        (b"PK\x03\x04", "a workbook"),
        (b"\xff\xff\xff", "neither UTF-8 nor CP949"),
        (b"", "missing"),
    ):
        (tmp_path / "d.csv").write_bytes(data)
        with pytest.raises(KomepError, match=message):
            read_sheets([tmp_path / "d.csv"], material)
    with pytest.raises(KomepError, match="cannot be read"):
        read_sheets([tmp_path / "none.csv"], material)


def test_a_header_that_was_renamed_is_mapped(material, sheets, tmp_path):
    rows = [{**row, "better": "A"} for row in sheets[0]]
    path = save(tmp_path / "c.csv", rows)
    path.write_text(path.read_text("utf-8-sig").replace("better", "더 나은 답", 1), "utf-8")
    with pytest.raises(KomepError, match=r"missing columns better \(header: .*더 나은 답.*--map NEW=better"):
        read_sheets([path], material)
    judgements, _ = read_sheets([path], material, {"더 나은 답": "better"})
    assert len(judgements) == len(rows)
    rows = [{name: cell for name, cell in row.items() if name != "reviewer"} for row in rows]
    named = save(tmp_path / "d.csv", rows, columns=[name for name in COLUMNS if name != "reviewer"])
    judgements, _ = read_sheets([named], material, {"reviewer": "=김 의사"})
    assert {one.reviewer for one in judgements} == {"김 의사"}
    other = save(tmp_path / "e.csv", [{**row, "better": "B"} for row in sheets[1]])
    other.write_text(other.read_text("utf-8-sig").replace("better", "판정", 1), "utf-8")
    both, _ = read_sheets(
        [path, other], material, {"더 나은 답": "better", "판정": "better"}
    )  # each has one of the two
    assert len(both) == len(rows) + len(sheets[1])
    with pytest.raises(KomepError, match="--map 낫다=comment: there is no column '낫다'"):
        read_sheets([path], material, {"더 나은 답": "better", "낫다": "comment"})


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("a,a\n1,2\n", "no sheet of a review; a sheet is a CSV with the columns pair_id, sheet, better, as `komep review"),
        ('{"question": "a"}\n{"question": "b"}\n', "no sheet of a review; "),
        ("<!DOCTYPE html><title>pair_id sheet better</title>", "a page, to be read in a browser, which saves a CSV to import"),
        ("PK\x03\x04", "a workbook or a zip"),  # what `read_csv` knows of
    ],
)  # fmt: skip
def test_a_file_that_is_no_sheet_is_told_what_one_is(content, what, release, tmp_path):
    (tmp_path / "x.csv").write_text(content)
    with pytest.raises(KomepError) as error:
        read_sheets([tmp_path / "x.csv"], read_material(release))
    assert what in str(error.value), error.value
