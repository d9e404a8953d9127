"""Any table row by row: the same rows from every format, each with its line, each fault with its place."""

import csv
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from komep_dataset.errors import KomepError
from komep_dataset.pairs.generations import read_scored
from komep_dataset.tables.problems import Problem
from komep_dataset.tables.rows import read_rows, scan_rows

ROWS = [{"질문": "a, b\nc", "answer": "1"}, {"질문": 'd"e', "answer": "2"}]


def test_every_format_gives_the_same_rows(tmp_path):
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, ROWS[0])
    writer.writeheader()
    writer.writerows(ROWS)
    (tmp_path / "a.CSV").write_bytes(text.getvalue().encode("utf-8-sig"))
    lines = "\r\n\r\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS)
    (tmp_path / "a.jsonl").write_bytes(lines.encode("utf-8-sig"))
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "a.parquet")
    assert list(read_rows(tmp_path / "a.CSV")) == [(2, ROWS[0]), (4, ROWS[1])]  # the first has two lines
    assert list(read_rows(tmp_path / "a.jsonl")) == [(1, ROWS[0]), (3, ROWS[1])]
    assert list(read_rows(tmp_path / "a.parquet")) == [(1, ROWS[0]), (2, ROWS[1])]


def test_a_row_of_csv_has_as_many_cells_as_the_header(tmp_path):
    (tmp_path / "a.csv").write_text("a,b\n1\n\n1,2,,\n1,2,3\n")
    found = [
        (line, row if isinstance(row, dict) else row.detail) for line, row in scan_rows(tmp_path / "a.csv")
    ]
    more = "; is the separator in a text or number without quotes?"
    expected = ["1 fields, the header has 2", {"a": "1", "b": "2"}, f"3 fields, the header has 2{more}"]
    assert found == list(zip((2, 4, 5), expected, strict=True))


@pytest.mark.parametrize(
    ("name", "content", "line", "message"),
    [
        ("a.jsonl", b'{"a": 1}\n{\n', 2, r"a\.jsonl:2: not JSON \(Expecting property name"),
        ("a.jsonl", b"\n\xff\n", 2, r"a\.jsonl:2: not UTF-8 \(invalid start byte\)"),
        ("a.jsonl", b"[" * 100_000, 1, r"a\.jsonl:1: not usable JSON \("),
        ("a.csv", b"\xef\xbb\xbfa\n1\n\xff\n", 3, r"a\.csv:3: not UTF-8"),
        ("a.csv", b'a\n"1"2\n', 2, r"a\.csv:2: not CSV \("),
        ("a.parquet", b"PAR1", 0, r"a\.parquet: not a readable Parquet file \("),
    ],
)
def test_a_fault_is_named_by_its_line(tmp_path, name, content, line, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(KomepError, match=message):
        list(read_rows(tmp_path / name))
    if line:
        bad = [row.line for _, row in scan_rows(tmp_path / name) if isinstance(row, Problem)]
        assert bad == [line]


def test_no_object_and_no_file(tmp_path):
    (tmp_path / "a.jsonl").write_text("{}\n[1]\n")
    with pytest.raises(KomepError, match=r"a\.jsonl:2: not a JSON object"):
        list(read_rows(tmp_path / "a.jsonl"))
    with pytest.raises(KomepError, match=r"b\.csv: cannot be read \(No such file"):
        list(read_rows(tmp_path / "b.csv"))


def test_reading_goes_on_behind_a_row_that_is_no_csv(tmp_path):
    (tmp_path / "a.csv").write_text('a;"b\nc"\n"d"e;1\n\nf;g\n')
    [(first, bad), last] = scan_rows(tmp_path / "a.csv")
    assert (first, bad.line, bad.detail[:9]) == (3, 3, "not CSV (") and last == (5, {"a": "f", "b\nc": "g"})


def test_what_a_spreadsheet_leaves_of_an_empty_row_is_none(tmp_path):
    (tmp_path / "a.csv").write_text("a,b,\n1,2,\n,,,\n , \n3,4,\n")
    assert [line for line, _ in scan_rows(tmp_path / "a.csv")] == [2, 5]


def test_half_a_sign_is_named(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"a": "\\ud83d"}\n')
    [(_, problem)] = scan_rows(tmp_path / "a.jsonl")
    assert problem.detail.startswith("\\ud83d is half of a sign")


OBJECTS = [json.dumps(row, ensure_ascii=False) for row in ROWS]


@pytest.mark.parametrize(
    "text",
    [
        "\r".join(OBJECTS) + "\r",
        f"{OBJECTS[0]}\r\n{OBJECTS[1]}\r",
        f"{OBJECTS[0]}\r\ufeff{OBJECTS[1]}\n",
        f"{OBJECTS[0]},\r\n{OBJECTS[1]},\r\n",
        f"{OBJECTS[0]},\n{OBJECTS[1]},",
    ],
    ids=["CR", "mixed", "joined", "commas", "commas to the end"],
)
def test_lines_of_objects_however_they_end(tmp_path, text, capsys):
    (tmp_path / "a.jsonl").write_bytes(text.encode())
    assert list(read_rows(tmp_path / "a.jsonl")) == [(1, ROWS[0]), (2, ROWS[1])]
    told = capsys.readouterr().err
    assert told.count("the commas behind its objects, from line 1 on, are left out") == ("," in text[-3:])


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"a": 1, "a": 2}', "a stands twice, with two values; take one out"),
        ("{'a': 1}", "it is written as Python prints it: write it with json.dumps"),
        ('"{\\"a\\": 1}"', "a JSON object within a text"),
        ("# a comment", "a comment, which JSON has none of"),
        ('{"a": "x', r"Unterminated string starting at column 7\); it ends within the object"),
        ('{"a": 1', "it ends within the object: is the file whole"),
        ("\0\0\0", "NUL bytes, as a crash or a full disk leaves them"),
        ('{"a":\r1}\r5', "not JSON"),
    ],
)
def test_what_is_no_object_is_called_by_its_name(tmp_path, line, said):
    (tmp_path / "a.jsonl").write_bytes(line.encode())
    with pytest.raises(KomepError, match=rf"a\.jsonl:1: .*{said}"):
        list(read_rows(tmp_path / "a.jsonl"))


@pytest.mark.parametrize(
    "text", ['[{"a": 0},\n {"b": {"a": 1, "a": 2}}]', '{\n"a": 0\n}\n{\n"b": {"a": 1, "a": 2}\n}', '{"rows": [{"a": 0}, {"a": 1, "a": 2}]}']
)  # fmt: skip
def test_a_key_that_stands_twice_in_a_document_is_told_of_its_row(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(KomepError, match=r"a\.json:2: .*a stands twice, with two values; take one out"):
        list(read_rows(tmp_path / "a.json"))
    (tmp_path / "a.json").write_text(text.replace('"a": 2', '"a": 1'))
    assert len(list(read_rows(tmp_path / "a.json"))) == 2


def test_a_key_that_stands_twice_with_one_value_loses_nothing(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"a": 1, "a": 1}')
    assert list(read_rows(tmp_path / "a.jsonl")) == [(1, {"a": 1})]


def test_a_header_below_a_title_is_named_by_its_line(tmp_path):
    path = tmp_path / "a.csv"
    for title in (",,설문 결과\n", "설문 결과\n\n"):
        path.write_text(f"{title}문항,답\n1,2\n질문;답변\na;b\n")
        with pytest.raises(
            KomepError, match=r"a\.csv:1: the names of columns stand in line [45], and this is none"
        ):
            list(
                scan_rows(
                    path, needed=["question", "response"], columns={"질문": "question", "답변": "response"}
                )
            )
    path.write_text("문항,답\n1,2\n")
    with pytest.raises(KomepError, match="no column question, response"):
        list(scan_rows(path, needed=["question", "response"], columns={}))
    path.write_text("설문 결과\n말,대답\n1,2\n")
    with pytest.raises(KomepError, match="a title seems to stand above the names of columns: take it out"):
        list(scan_rows(path, needed=["question", "response"], columns={}))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", "질문,답\n패혈증이란,감염\n".encode("johab"), "it may be JOHAB"),
        (
            "a.csv",
            "질문,답\n패혈증이란,감염\n".encode("cp949") + "가슴 통증의 원인은,심근경색\n".encode() * 9,
            "this is CP949",
        ),
        ("a.csv", b"PK\x03\x04" + bytes(99), "a workbook or a zip"),
        ("a.csv", b"", "a.csv: empty; the names of columns stand in the first line"),
        ("a.csv", "올해 설문\n질문,답\na,b\n".encode(), "the names of columns stand in line 2"),
        ("a.parquet", b"PAR1", "not a readable Parquet file"),
        ("a.json", b'[{"question": "a",\n "b": }]\n', "not JSON"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_before_a_name_of_a_map_that_is_not_there(
    tmp_path, name, content, said
):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(KomepError) as error:
        read_scored([tmp_path / name], columns={"질문": "question", "답": "response"})
    assert said in str(error.value) and "there are:" not in str(error.value)


def test_rows_of_which_none_is_an_object_are_told_each(tmp_path):
    (tmp_path / "a.jsonl").write_text("{'질문': 1}\n[]\n")
    with pytest.raises(KomepError, match=r"2 bad rows:\n.*as Python prints it"):
        read_scored([tmp_path / "a.jsonl"], columns={"질문": "question"})


def test_a_text_that_parquet_has_as_bytes_is_one_and_a_picture_stays(tmp_path):
    table = pa.table({"질문": [row["질문"].encode() for row in ROWS], "image": [b"\xff\xd8", None]})
    pq.write_table(table, tmp_path / "a.parquet")
    found = [row for _, row in read_rows(tmp_path / "a.parquet")]
    assert [row["질문"] for row in found] == [row["질문"] for row in ROWS]
    assert [row["image"] for row in found] == [b"\xff\xd8", None]
