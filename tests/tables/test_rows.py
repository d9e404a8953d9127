"""Any table row by row: the same rows from every format, each with its line, each fault with its place."""

import csv
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from komep_dataset.errors import KomepError
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
