"""Tables out, and rejects: what others wrote stays."""

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import polars as pl
import pytest

from komep_dataset.errors import KomepError
from komep_dataset.files.outputs import check_tables
from komep_dataset.schema import Question, Reject
from komep_dataset.tables import writing
from komep_dataset.tables.reading import read_table
from komep_dataset.tables.writing import output_path, write_in_order, write_rejects, write_rows, write_table

ROOT = Path(__file__).parents[2]
QUESTIONS = pl.DataFrame([asdict(Question("0" * 16, "What?", "c", "en", "s"))])


def test_rejects_of_somebody_else_stay_and_those_of_other_stages_and_models_too(tmp_path):
    one = {stage: Reject(stage, f"q/{stage}", "tie", "") for stage in ("a", "b")}
    write_rejects(tmp_path, "a", [one["a"]])
    write_rejects(tmp_path, "b", [one["b"], Reject("b", "q/other", "tie", "")])
    write_rejects(tmp_path, "b", [], own=lambda key: key.endswith("/b"))
    keys = [json.loads(line)["key"] for line in (tmp_path / "rejects.jsonl").read_text().splitlines()]
    assert keys == ["q/a", "q/other"]
    for theirs in (b"my notes\n", b'{"stage": 1}\n', b"\xff\xfe"):
        (tmp_path / "rejects.jsonl").write_bytes(theirs)
        with pytest.raises(KomepError, match=r"rejects\.jsonl"):
            write_rejects(tmp_path, "a", [])
        assert (tmp_path / "rejects.jsonl").read_bytes() == theirs


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_rejects_that_windows_saved_as_utf_16_are_named_set_aside_and_rebuilt(tmp_path, capsys, encoding):
    write_rejects(tmp_path, "a", [Reject("a", "q/통풍", "tie", "x\u2028y")])
    path = tmp_path / "rejects.jsonl"
    saved = path.read_text("utf-8").replace("\n", "\r\n").encode(encoding)
    path.write_bytes(saved)
    check_tables({tmp_path / "q.jsonl": Question})
    write_rejects(tmp_path, "b", [Reject("b", "q/b", "tie", "")])
    rows = [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]
    assert [(row["key"], row["detail"]) for row in rows] == [("q/통풍", "x\u2028y"), ("q/b", "")]
    assert (tmp_path / "rejects.jsonl.edited").read_bytes() == saved
    assert (
        "saved as UTF-16; its lines are taken over, the file is kept as rejects.jsonl.edited"
        in capsys.readouterr().err
    )


@pytest.mark.slow
def test_rejects_that_many_write_at_once_are_all_there(tmp_path):
    code = (
        "import sys; from pathlib import Path; from komep_dataset.schema import Reject;"
        "from komep_dataset.tables.writing import write_rejects; n = sys.argv[2];"
        "[write_rejects(Path(sys.argv[1]), 's', [Reject('s', f'q/{n}', 'tie', '')], own=lambda k: k == f'q/{n}') for _ in range(30)]"
    )
    both = [subprocess.Popen([sys.executable, "-c", code, tmp_path, str(n)], cwd=ROOT) for n in range(4)]
    assert [process.wait() for process in both] == [0] * 4
    keys = {json.loads(line)["key"] for line in (tmp_path / "rejects.jsonl").read_text().splitlines()}
    assert keys == {f"q/{n}" for n in range(4)}
    assert [p.name for p in tmp_path.iterdir()] == ["rejects.jsonl"]


def test_a_table_that_somebody_wrote_into_is_none_of_ours(tmp_path):
    path = tmp_path / "q.jsonl"
    write_table(QUESTIONS, path, Question)
    for more in (
        '{"question_id": "x", "question": "Q?", "category": "c"}',
        '{"my_note": "years of work"}',
        "a line",
    ):
        path.write_text(path.read_text() + more + "\n")
        with pytest.raises(KomepError, match="left as it is"):
            write_table(QUESTIONS, path, Question)
        path.unlink()
        write_table(QUESTIONS, path, Question)


SEPARATORS = "\u2028\u2029\x85\x0b\x0c\x1c\x1d\x1e\r"


@pytest.mark.parametrize("sign", SEPARATORS, ids=[f"{ord(s):04x}" for s in SEPARATORS])
def test_no_sign_in_a_text_ends_a_line_of_rejects(tmp_path, sign):
    one = Reject("a", f"k{sign}1", "tie", f"x{sign}y")
    for _ in range(2):
        write_rejects(tmp_path, "a", [one])
        write_rejects(tmp_path, "b", [Reject("b", f"k{sign}2", "tie", sign)])
    lines = (tmp_path / "rejects.jsonl").read_bytes().split(b"\n")[:-1]
    assert [json.loads(line) for line in lines] == [
        asdict(one),
        asdict(Reject("b", f"k{sign}2", "tie", sign)),
    ]


@pytest.mark.parametrize(
    ("damage", "line"),
    [
        (lambda data: data[:-20], 2),
        (lambda data: data + b'{"stage": "b', 3),
        (lambda data: data + b"\0" * 40, 3),
        (lambda data: b"\xff\n" + data, 1),
        (lambda data: data + b"my notes\n", 3),
        (lambda data: data.replace(b"\n", b"\xe2\x80\xa8\n", 1).replace(b"tie", b"t\n\ni\xffe", 1), 1),
        (lambda data: data + b"null\n[]\n", 3),
        (lambda data: data[:25], 1),
        (lambda data: b"\0" * len(data), 1),
    ],
    ids=[
        "cut",
        "half a line",
        "zeros",
        "no text",
        "notes",
        "torn",
        "no objects",
        "cut in line 1",
        "all zeros",
    ],
)
def test_damaged_rejects_are_named_kept_and_rebuilt(tmp_path, capsys, damage, line):
    path = tmp_path / "rejects.jsonl"
    write_rejects(tmp_path, "a", [Reject("a", "k1", "tie", "")])
    write_rejects(tmp_path, "b", [Reject("b", "k2", "tie", "")])
    whole = [row for row in path.read_bytes().splitlines()]
    path.write_bytes(damaged := damage(path.read_bytes()))
    survivors = [row for row in whole if row in damaged.split(b"\n") and b'"a"' not in row]
    write_rejects(tmp_path, "a", [Reject("a", "k3", "tie", "")])
    said = capsys.readouterr().err
    assert f"{path}:{line}: damaged" in said and "kept as rejects.jsonl.edited" in said
    assert (tmp_path / "rejects.jsonl.edited").read_bytes() == damaged
    assert path.read_bytes().splitlines()[:-1] == survivors
    assert json.loads(path.read_bytes().splitlines()[-1])["key"] == "k3"


@pytest.mark.parametrize(
    "name",
    ["q.csv", "q.tsv", "q.json", "q.jsonl.gz", "q.csv.gz", "q.parquet.gz", "q.txt", "q.xlsx", "q.v1", "q.arrow", "q.gz"],
)  # fmt: skip
def test_an_ending_that_no_stage_writes_is_refused(tmp_path, name):
    with pytest.raises(KomepError, match=r"written as \.jsonl .* or \.parquet") as raised:
        output_path(tmp_path / name, "questions.parquet")
    assert raised.value.exit_code == 2


@pytest.mark.parametrize("name", ["q.jsonl", "q.JSONL", "q.ndjson", "q.jsonlines", "q.parquet", "q.PARQUET"])
def test_a_written_table_is_read_by_its_name(tmp_path, name):
    path = output_path(tmp_path / name, "questions.parquet")
    write_table(QUESTIONS, path, Question)
    assert read_table(path, Question).equals(QUESTIONS)


def test_a_folder_gets_the_default_name_and_a_name_without_ending_is_parquet(tmp_path):
    (tmp_path / "v1.5").mkdir()
    assert output_path(tmp_path / "v1.5", "q.parquet") == tmp_path / "v1.5" / "q.parquet"
    write_table(QUESTIONS, output_path(tmp_path / "q", "q.parquet"), Question)
    assert (tmp_path / "q").read_bytes()[:4] == b"PAR1"


def test_rows_in_order_are_written_some_at_a_time_as_all_at_once(tmp_path, monkeypatch):
    rows = [Question(f"{n:016x}", f"What is {n}?", "c", "en", "s") for n in range(25)]
    write_rows(rows, tmp_path / "whole.parquet", Question)
    monkeypatch.setattr(writing, "WIDE_ROWS", 10)
    for some in (rows, []):
        write_in_order(iter(some), tmp_path / "parts.parquet", Question)
        table = read_table(tmp_path / "parts.parquet", Question)
        assert table.height == len(some)
        assert not some or table.equals(read_table(tmp_path / "whole.parquet", Question))
    (tmp_path / "notes.parquet").write_text("mine")
    with pytest.raises(KomepError, match="left as it is"):
        write_in_order(iter(rows), tmp_path / "notes.parquet", Question)
