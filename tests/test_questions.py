"""`komep questions`."""

import json
import os

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from komep_dataset.errors import KomepError
from komep_dataset.questions import make_questions
from komep_dataset.schema import Question, polars_schema, question_id
from komep_dataset.tables.rows import scan_rows

CSV = 'question,category\n"What is\nsepsis?",medicine\nWhat is pain? ,ent\nWHAT IS PAIN?,surgery\n'


def rejects(folder):
    return [json.loads(line) for line in (folder / "rejects.jsonl").read_text("utf-8").splitlines()]


def test_csv(tmp_path):
    (tmp_path / "q.csv").write_text(CSV, "utf-8")
    result = make_questions(tmp_path / "q.csv", tmp_path / "out.parquet")
    table = pl.read_parquet(tmp_path / "out.parquet")
    assert (result.questions, table.height) == (2, 2)
    assert dict(table.schema) == dict(polars_schema(Question))
    assert table["question_id"].to_list() == sorted(table["question_id"])
    row = table.row(by_predicate=pl.col("category") == "ent", named=True)
    assert row == {
        "question_id": question_id("What is pain?"), "question": "What is pain? ", "category": "ent", "language": "en",
        "source": "q",
    }  # fmt: skip
    [reject] = rejects(tmp_path)
    assert (reject["stage"], reject["reason"], reject["key"]) == (
        "questions", "duplicate_question", question_id("what is pain?"),
    )  # fmt: skip
    assert reject["detail"] == "q.csv:5 repeats line 4 under another category, 'surgery'"


def test_jsonl_parquet_and_a_folder_as_output(tmp_path):
    rows = [{"question": "패혈증이란?", "category": "medicine", "language": "ko", "source": "mine"}]
    (tmp_path / "q.jsonl").write_text(json.dumps(rows[0]) + "\n")
    pl.DataFrame(rows).write_parquet(tmp_path / "q.parquet")
    (tmp_path / "out").mkdir()
    for name in ("q.jsonl", "q.parquet"):
        result = make_questions(tmp_path / name, tmp_path / "out")
        assert result.path == tmp_path / "out" / "questions.parquet"
        assert pl.read_parquet(result.path).row(0)[1:] == ("패혈증이란?", "medicine", "ko", "mine")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("q.csv", b"", "no column question, category"),
        ("q.csv", b"question,topic\na,b\n", "q.csv:1: no column category"),
        ("q.csv", b'"question"x,category\na,b\n', "q.csv:1: not CSV"),
        ("q.csv", b"question,category\n ,x\n", "q.csv:2: question: bad_value: empty"),
        ("q.csv", b"question,category\na,b\nonly one\n", "q.csv:3: malformed: 1 fields, the header has 2"),
        ("q.csv", b"question,category\na,b\n\xff\xfe,b\n", "q.csv:3: malformed: not UTF-8"),
        ("q.csv", b'question,category\n"a"b,c\n', "q.csv:2: malformed: not CSV"),
        ("q.jsonl", b'{"question": "a"}\n', "q.jsonl:1: category: missing_field"),
        ("q.jsonl", b'{"question": 1, "category": "b"}\n', "q.jsonl:1: question: wrong_type"),
        ("q.jsonl", b"{\n", "q.jsonl:1: malformed"),
        (
            "q.jsonl",
            b'{"question": "a", "category": "b", "language": "fr"}\n',
            "q.jsonl:1: language: bad_value",
        ),
        ("q.csv", b"question,category\n", "no usable question"),
        ("q.csv", b'"question,category\na,b\n', "q.csv:1: not CSV (unexpected end of data); is a quote open"),
        ("q.csv", b"q" * 200_000 + b",category\na,b\n", "q.csv:1: no column question (header: qqq"),
        ("q.csv", b"question,category,question\na,b,c\n", "q.csv:1: the column question stands twice"),
        (
            "q.csv",
            b'question,category\n"a,b\nc,d\n',
            "q.csv:2: malformed: not CSV (unexpected end of data; lines 2 to 3)",
        ),
        ("q.csv", b"PK\x03\x04", "q.csv: a workbook"),
        (
            "q.jsonl",
            b'{"prompt": "a", "chosen": "b", "rejected": "c"}\n',
            "q.jsonl: preference pairs (columns chosen, rej",
        ),
        ("q.txt", b"a", "questions come as .jsonl"),
    ],
)
def test_bad_input(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(KomepError) as caught:
        make_questions(tmp_path / name, tmp_path / "out.parquet")
    assert message in str(caught.value)
    assert not (tmp_path / "out.parquet").exists()


def test_bad_rows_can_be_rejected(tmp_path):
    (tmp_path / "q.csv").write_bytes(b"question,category\n ,x\nWhat?,x\n\xff,x\n")
    assert make_questions(tmp_path / "q.csv", tmp_path / "o.parquet", on_error="reject").questions == 1
    assert [(r["reason"], r["key"]) for r in rejects(tmp_path)] == [
        ("bad_value", f"{tmp_path}/q.csv:2"),
        ("malformed", f"{tmp_path}/q.csv:4"),
    ]


def test_a_pipe_standard_input_and_a_folder_without_a_table_are_no_questions(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "empty").mkdir()
    for path, what in (
        (tmp_path / "pipe", "no regular file; save"),
        ("-", "no regular file"),
        (tmp_path / "empty", "no .* file in this folder"),
    ):
        with pytest.raises(KomepError, match=what):
            make_questions(path, tmp_path / "out.parquet")


def test_no_such_file_and_wrong_language(tmp_path):
    with pytest.raises(KomepError, match="no such file"):
        make_questions(tmp_path / "q.csv", tmp_path / "o.parquet")
    with pytest.raises(KomepError, match="--language"):
        make_questions(tmp_path / "q.csv", tmp_path / "o.parquet", language="fr")


CELLS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00\r"), max_size=20)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(CELLS, CELLS), max_size=10))
def test_csv_reader_gives_back_what_csv_wrote(tmp_path_factory, cells):
    import csv

    path = tmp_path_factory.mktemp("csv") / "q.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["question", "category"])
        writer.writerows(cells)
    assert [(row["question"], row["category"]) for _, row in scan_rows(path, ("question", "category"))] == [
        row for row in cells if any(cell.strip() for cell in row)
    ]  # what is left of an empty row is none


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("q.csv", CSV.encode("utf-16")),
        ("q.CSV", CSV.replace(",", ";").encode()),
        ("q.tsv", CSV.replace(",", "\t").encode("utf-8-sig")),
        ("q.csv", b"sep=|\n" + CSV.replace(",", "|").encode()),
        ("q.csv", b"\r\n\r\n" + CSV.encode()),
        ("q.TSV", CSV.replace(",", "\t").encode()),
        ("q.csv", b'"sep=;"\r\n' + CSV.replace(",", ";").encode()),
        ("q.csv", CSV.replace("\n", "\r").encode()),
        ("q.csv", CSV.replace("question,category", "Question , CATEGORY").encode()),
        ("q.csv", (CSV + "x" * 200_000 + ",y\n").encode()),
        (
            "q.csv",
            "".join(f"{line},\n" for line in CSV.replace("What is\n", "What is ").splitlines()).encode(),
        ),
    ],
)
def test_spreadsheets_save_csv_in_many_ways(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    made = make_questions(tmp_path / name, tmp_path / "out.parquet")
    assert made.questions == 2 + (b"xxxx" in content)
    assert [reject.reason for reject in made.rejects] == ["duplicate_question"]


def test_korean_csv_of_excel(tmp_path, capsys):
    (tmp_path / "q.csv").write_bytes("question,category\n통풍이란?,내과\n".encode("cp949"))
    make_questions(tmp_path / "q.csv", tmp_path / "out.parquet", language="ko")
    assert pl.read_parquet(tmp_path / "out.parquet")["question"].to_list() == ["통풍이란?"]
    assert "q.csv: not UTF-8, read as CP949" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "content", "named"),
    [
        ("q.csv", "question,category,A,B\nWhat?,c,one,two\nWhat?,c,three,four\n", "A, B"),
        ("q.jsonl", json.dumps({"question": "What?", "category": "c", "choices": ["one", "two"]}), "choices"),
        (
            "q.json",
            json.dumps([{"question": "What?", "category": "c", "opa": "one", "opb": "two"}]),
            "opa, opb",
        ),
    ],
)
def test_options_are_not_dropped(tmp_path, name, content, named):
    (tmp_path / name).write_text(content)
    with pytest.raises(KomepError, match=f"the columns {named} hold options of a multiple-choice question"):
        make_questions(tmp_path / name, tmp_path / "out.parquet")


def test_rows_that_share_a_question_and_differ_are_no_repeat(tmp_path):
    lines = [
        {"question": "Which is right?", "category": "c", "id": n, "case": f"case {x}"}
        for n, x in enumerate("aba")
    ]
    (tmp_path / "q.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(KomepError, match=r"q\.jsonl:2: case: conflicting_duplicate: the question of line 1"):
        make_questions(tmp_path / "q.jsonl", tmp_path / "o.parquet")
    made = make_questions(tmp_path / "q.jsonl", tmp_path / "o.parquet", on_error="reject")
    assert [reject.reason for reject in made.rejects] == ["conflicting_duplicate", "duplicate_question"]


def test_the_questions_of_a_table_of_answers_are_taken_once(tmp_path):
    lines = [
        {"question": "What?", "category": "c", "model": m, "response": f"Says {m}.", "units": []}
        for m in "ab"
    ]
    (tmp_path / "q.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert make_questions(tmp_path / "q.jsonl", tmp_path / "o.parquet").questions == 1


def test_quotes_behind_backslashes_are_named(tmp_path):
    (tmp_path / "q.csv").write_text('question,category\n"What is \\"acute\\" gout, as of now?",c\nWhat?,c\n')
    with pytest.raises(
        KomepError, match=r"q\.csv:2: malformed: not CSV .* as Spark and MySQL do: write it doubled"
    ):
        make_questions(tmp_path / "q.csv", tmp_path / "o.parquet")


def test_a_folder_is_read_and_the_names_of_its_folders_are_columns(tmp_path):
    """As Hive, Spark and DuckDB write a table that is parted by a column."""
    for folder, text in {
        "category=Rheumatology/language=en": '{"question": "What is gout?"}\n',
        "category=%EB%82%B4%EA%B3%BC": '{"question": "통풍이란?", "language": "ko"}\n{"question": "What is gout?"}\n',
    }.items():
        (tmp_path / "q" / folder).mkdir(parents=True)
        (tmp_path / "q" / folder / "part-0.jsonl").write_text(text, "utf-8")
    (tmp_path / "q" / "more.csv").write_text("question,category\nWhat is flu?,c\n")
    made = make_questions(tmp_path / "q", tmp_path / "o.jsonl")
    rows = [json.loads(line) for line in made.path.read_text("utf-8").splitlines()]
    assert {(r["question"], r["category"], r["language"], r["source"]) for r in rows} == {
        ("What is gout?", "내과", "en", "q"),
        ("통풍이란?", "내과", "ko", "q"),
        ("What is flu?", "c", "en", "q"),
    }
    assert [r.detail for r in made.rejects] == [
        "part-0.jsonl:1 repeats part-0.jsonl:2 under another category, 'Rheumatology'"
    ]
    csv = tmp_path / "category=c" / "q.csv"  # a file alone, too
    csv.parent.mkdir()
    csv.write_text("question\nWhat is flu?\n")
    assert make_questions(csv, tmp_path / "p.jsonl").questions == 1
    part = tmp_path / "q" / "category=Rheumatology" / "language=en" / "part-0.jsonl"
    with pytest.raises(KomepError, match="is the input, or a part of it"):
        make_questions(tmp_path / "q", part)


@pytest.mark.parametrize("name", ["q.parquet", "q.jsonl", "q.csv"])
def test_columns_in_capitals_are_found_in_every_format(tmp_path, name):
    frame = pl.DataFrame({"QUESTION": ["What is gout?"], "Category": ["Rheumatology"], "LANGUAGE": ["en"]})
    write = {"q.parquet": frame.write_parquet, "q.jsonl": frame.write_ndjson, "q.csv": frame.write_csv}[name]
    write(tmp_path / name)
    done = make_questions(tmp_path / name, tmp_path / "out.jsonl")
    row = json.loads(done.path.read_text())
    assert (row["question"], row["category"], row["language"]) == ("What is gout?", "Rheumatology", "en")


def test_what_stands_for_none_in_a_text_table_is_no_question(tmp_path):
    (tmp_path / "q.csv").write_text(
        '"","question","category","source"\n"1","What is gout?","c",NA\n"2",NA,NA,NA\n'
    )
    with pytest.raises(KomepError, match=r"1 bad row:\n.*q\.csv:3: question: .*'NA' stands for none"):
        make_questions(tmp_path / "q.csv", tmp_path / "o.jsonl")
    make_questions(tmp_path / "q.csv", tmp_path / "o.jsonl", on_error="reject")
    assert json.loads((tmp_path / "o.jsonl").read_text())["source"] == "q"


def test_a_column_of_evidence_is_no_options_and_makes_no_second_question(tmp_path):
    texts = ["Sepsis is organ dysfunction by infection.", "It is treated with antibiotics."]
    rows = [{"question": "What is sepsis?", "category": "c", "evidence": own} for own in (texts, texts[:1])]
    (tmp_path / "q.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert make_questions(tmp_path / "q.jsonl", tmp_path / "out.parquet").questions == 1
