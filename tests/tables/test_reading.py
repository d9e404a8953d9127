"""Typed tables in: any JSONL and Parquet of the right values, each bad row by its line and reason."""

import json
import re
from dataclasses import fields

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from komep_dataset.errors import KomepError
from komep_dataset.release.build import build
from komep_dataset.release.rows import read_rows
from komep_dataset.schema import Response, ScoredGeneration, column_types
from komep_dataset.tables import reading as tables
from komep_dataset.tables.checking import plain_text
from komep_dataset.tables.rows import read_rows as rows_of_any
from tests.generated_rows import SETTINGS, rows, write_jsonl
from tests.scored_rows import GOOD, UNITS, row, write
from tests.spreadsheet import IDS


def test_parquet_problems(tmp_path):
    frame = pl.DataFrame([row("m1", response=1), row("m2", response=2)])
    frame.write_parquet(tmp_path / "typed.parquet")
    with pytest.raises(
        KomepError, match=r"2 bad rows:\n  \S+typed.parquet:1: response: wrong_type: expected a string, got 1"
    ):
        build([tmp_path / "typed.parquet"], tmp_path / "komep")
    frame.drop("model").write_parquet(tmp_path / "lacks.parquet")
    with pytest.raises(KomepError, match=r"lacks\.parquet:2: model: missing_field"):
        build([tmp_path / "lacks.parquet"], tmp_path / "komep")
    frame.select(QUESTION="question", prompt="response").write_parquet(tmp_path / "other.parquet")
    with pytest.raises(KomepError, match=r"other\.parquet: none of the columns .*found: QUESTION, prompt"):
        build([tmp_path / "other.parquet"], tmp_path / "komep")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 and nothing more")
    with pytest.raises(KomepError, match=r"broken.parquet: not a readable Parquet file"):
        build([tmp_path / "broken.parquet"], tmp_path / "komep")


def test_other_arrow_types_of_the_same_values_are_welcome(tmp_path):
    write(tmp_path / "s.jsonl", GOOD)
    build([tmp_path / "s.jsonl"], tmp_path / "expected")
    frame = pl.DataFrame(GOOD).with_columns(
        pl.col("model").cast(pl.Categorical),
        pl.lit(None).alias("response_ko"),
        pl.col("units").list.eval(
            pl.struct(pl.element().struct.field("verdict"), pl.element().struct.field("text"))
        ),
    )
    frame.write_parquet(tmp_path / "s.parquet")
    build([tmp_path / "s.parquet"], tmp_path / "komep")
    assert read_rows(tmp_path / "komep", "en").equals(read_rows(tmp_path / "expected", "en"))


def test_bom_blank_lines_and_carriage_returns_are_no_fault(tmp_path):
    body = b"\r\n\r\n".join(json.dumps(r).encode() for r in GOOD)
    (tmp_path / "s.jsonl").write_bytes(b"\xef\xbb\xbf" + body)
    assert build([tmp_path / "s.jsonl"], tmp_path / "komep").facts["pairs"] == 1


def test_line_separators_inside_a_text_do_not_break_lines(tmp_path):
    rows = [row("m1", response="a\u2028b\u0085c"), GOOD[1]]
    lines = "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows)
    (tmp_path / "s.jsonl").write_text(lines, "utf-8")
    assert build([tmp_path / "s.jsonl"], tmp_path / "komep").facts["pairs"] == 1


@SETTINGS
@given(st.lists(rows(), min_size=1, max_size=8))
def test_jsonl_block_and_line_readers_agree(tmp_path_factory, some):
    """Arrow's fast reader and the reader of single lines must accept the same rows, with the same reasons."""
    folder = tmp_path_factory.mktemp("read")
    source = write_jsonl(folder / "in.jsonl", some)
    optional = ("question_id", "dahl_score", "status", "units")

    def read(block):
        with pytest.MonkeyPatch.context() as patch:
            if not block:
                patch.setattr(tables, "_parse_block", lambda *_: None)
            batches = list(tables.read_batches(source, ScoredGeneration, optional))
        problems = sorted((p.line, p.column, p.reason) for _, bad in batches for p in bad)
        return pl.concat([frame for frame, _ in batches]).sort("_line").to_dicts(), problems

    assert read(block=True) == read(block=False)


def test_lists_of_null_and_of_a_fixed_size(tmp_path):
    """Arrow gives a list that is always empty the type list<null>."""
    units = pa.struct([("text", pa.string()), ("verdict", pa.string())])
    empty = [row(model, response="", units=[], status="empty") for model in ("m1", "m2")]
    pq.write_table(pa.Table.from_pylist(empty), tmp_path / "null.parquet")
    assert pq.read_schema(tmp_path / "null.parquet").field("units").type == pa.list_(pa.null())
    assert build([tmp_path / "null.parquet"], tmp_path / "a").facts["generations"] == 2
    rows = [row(model, response=model) for model in ("m1", "m2")]
    table = pa.Table.from_pylist(rows)
    fixed = pa.array([one["units"] for one in rows], pa.list_(units, len(rows[0]["units"])))
    place = table.schema.get_field_index("units")
    pq.write_table(table.set_column(place, "units", fixed), tmp_path / "fixed.parquet")
    build([tmp_path / "fixed.parquet"], tmp_path / "b")
    assert read_rows(tmp_path / "b", "scored")["units"].to_list() == [one["units"] for one in rows]


def test_a_null_in_a_list_of_nulls_is_one_bad_row(tmp_path):
    rows = [row(m, response="", units=u, status="empty") for m, u in (("m1", []), ("m2", [None]), ("m3", []))]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "s.parquet")
    with pytest.raises(KomepError, match=r"1 bad row:\n  \S+s.parquet:2: units: missing_field"):
        build([tmp_path / "s.parquet"], tmp_path / "komep")
    assert build([tmp_path / "s.parquet"], tmp_path / "komep", on_error="reject").facts["generations"] == 2


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_content_in_parts_is_its_text(tmp_path, suffix):
    parts = [
        one
        | {
            "response": [
                {"type": "text", "text": one["response"][:3]},
                {"type": "text", "text": one["response"][3:]},
            ]
        }
        for one in GOOD
    ]
    path = tmp_path / f"s.{suffix}"
    write(path, parts) if suffix == "jsonl" else pq.write_table(pa.Table.from_pylist(parts), path)
    build([path], tmp_path / "komep")
    responses = {r["response"] for r in read_rows(tmp_path / "komep", "scored").to_dicts()}
    assert responses == {one["response"] for one in GOOD}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([{"type": "text", "text": "a"}, {"type": "output_text", "text": "b"}], "ab"),
        ([{"text": "b"}], "b"),
        (["a", "b"], ["a", "b"]),
        ("a", "a"),
        ([], []),
        ([{"type": "image_url", "image_url": {}}], [{"type": "image_url", "image_url": {}}]),
        ([{"type": "thinking", "text": "a"}], [{"type": "thinking", "text": "a"}]),
        ([1], [1]),
        ([{"type": "text"}], [{"type": "text"}]),
    ],
)
def test_plain_text(value, text):
    assert plain_text(value) == text


def test_scores_from_csv_are_typed(tmp_path):
    head = "question,category,model,response,dahl_score,units"
    lines = [
        'What is h?,c,m1,One.,,"[{""text"": ""One."", ""verdict"": ""true""}]"',
        "What is h?,c,m2,Two.,0.25,",
    ]
    (tmp_path / "s.csv").write_text("\n".join([head, *lines, "What is i?,c,m1,One.,high,\n"]))
    with pytest.raises(KomepError, match=r's.csv:4: dahl_score: wrong_type: expected a number, got "high"'):
        build([tmp_path / "s.csv"], tmp_path / "komep")
    (tmp_path / "s.csv").write_text("\n".join([head, *lines]))
    build([tmp_path / "s.csv"], tmp_path / "komep")
    assert sorted(read_rows(tmp_path / "komep", "scored")["dahl_score"]) == [0.25, 1.0]


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ({"prompt": "p", "chosen": "c", "rejected": "r"}, "preference pairs (columns chosen, rejected)"),
        ({"conversations": []}, "conversations (columns conversations)"),
        ({"messages": []}, "conversations (columns messages)"),
        ({"instruction": "i", "output": "o"}, "instructions (columns instruction, output)"),
    ],
)
@pytest.mark.parametrize("suffix", ["jsonl", "json", "parquet"])
def test_files_of_other_projects_are_recognised(tmp_path, row, what, suffix):
    path = tmp_path / f"a.{suffix}"
    pq.write_table(pa.Table.from_pylist([row]), path) if suffix == "parquet" else path.write_text(
        json.dumps(row)
    )
    with pytest.raises(KomepError, match=re.escape(f"{path}: {what}, no ") + ".*give it to a recipe"):
        build([path], tmp_path / "komep")


def test_what_is_no_table_of_answers_is_told_with_the_command_that_wants_it(tmp_path):
    (tmp_path / "pipeline.yaml").write_text("seed: 0\n")
    (tmp_path / "gen.py").write_text('"""Text, with a comma."""\n')
    (tmp_path / "q.csv").write_text("Question,category\nWhat?,c\n")
    (tmp_path / "q.jsonl").write_text('{"question": "What?"}\n')
    for name, said in (
        ("pipeline.yaml", r"pipeline\.yaml: is YAML, no table .*`komep run .*pipeline\.yaml`"),
        ("gen.py", r"gen\.py: a table is Parquet, or has an ending that says what it is: .* or \.arrow$"),
        (
            "q.jsonl",
            r"q\.jsonl: questions without answers \(columns question\); `komep respond .*q\.jsonl --config",
        ),
        ("q.csv", r"q\.csv: questions without answers \(columns Question, category\); `komep respond"),
    ):
        with pytest.raises(KomepError, match=said):
            build([tmp_path / name], tmp_path / "komep")


def test_newer_and_larger_arrow_types(tmp_path):
    """A list view is a list; half of the unsigned whole numbers are too large, and those rows alone go."""
    units = pa.struct([("text", pa.string()), ("verdict", pa.string())])
    table = pa.Table.from_pylist([row("m1"), row("m2", response="Other.")])
    place = table.schema.get_field_index("units")
    pq.write_table(
        table.set_column(place, "units", pa.array([UNITS] * 2, pa.list_view(units))), tmp_path / "s.parquet"
    )
    build([tmp_path / "s.parquet"], tmp_path / "komep")
    assert read_rows(tmp_path / "komep", "scored")["units"].to_list() == [UNITS] * 2
    some = {"question": ["a", "b", "c"], "model": ["m"] * 3, "response": ["r"] * 3}
    seeds = pa.array([2**64 - 1, 7, None], pa.uint64())
    pq.write_table(pa.table(some | {"seed": seeds}), tmp_path / "r.parquet")
    optional = column_types(Response).keys() - some.keys()
    [(frame, [problem])] = tables.read_batches(tmp_path / "r.parquet", Response, optional)
    assert frame["seed"].to_list() == [7, None] and (problem.line, problem.column) == (1, "seed")


def test_a_column_that_stands_twice_is_refused(tmp_path):
    path = tmp_path / "s.parquet"
    pq.write_table(pa.table([pa.array(["a"]), pa.array(["b"])], names=["question", "question"]), path)
    with pytest.raises(KomepError, match="the column question stands twice"):
        build([path], tmp_path / "komep")
    with pytest.raises(KomepError, match="the column question stands twice"):
        list(rows_of_any(path))


def test_arrow_and_zip_are_named_with_what_to_do(tmp_path):
    (tmp_path / "a.arrow").write_bytes(b"ARROW1\0\0")
    (tmp_path / "a.zip").write_bytes(b"PK\x03\x04")
    for name, said in (("a.arrow", "not a readable Arrow file"), ("a.zip", "or unpack it")):
        with pytest.raises(KomepError, match=said):
            list(tables.read_batches(tmp_path / name, ScoredGeneration))


def test_a_row_that_lacks_a_column_says_what_else_it_has(tmp_path):
    write(
        tmp_path / "s.jsonl",
        [row("m1"), {"catagory" if k == "category" else k: v for k, v in row("m2").items()}],
    )
    with pytest.raises(
        KomepError, match=r's\.jsonl:2: category: missing_field: no value; the row has "catagory", too'
    ):
        build([tmp_path / "s.jsonl"], tmp_path / "komep")


def test_a_cell_of_csv_that_stands_for_none_is_none_and_a_text_of_jsonl_is_a_text(tmp_path):
    head = "question,category,model,response,dahl_score,question_ko\n"
    (tmp_path / "s.csv").write_text(head + "What is h?,c,m1,NA,0.5,\n#REF!,c,m1,One.,0.5,\n")
    with pytest.raises(KomepError) as error:
        build([tmp_path / "s.csv"], tmp_path / "komep")
    assert "s.csv:2: response: missing_field: no value ('NA' stands for none)" in str(error.value)
    assert "s.csv:3: question: missing_field: no value ('#REF!' stands for none)" in str(error.value)
    head = head.replace("\n", ",status\n")
    (tmp_path / "s.csv").write_text(
        head + "What is h?,c,m1,One.,0.5,\\N,\nWhat is i?,c,m1,One.,NaN,nan,empty\n"
    )
    build([tmp_path / "s.csv"], tmp_path / "komep")
    made = read_rows(tmp_path / "komep", "scored")
    assert set(made["dahl_score"]) == {0.5, None} and made["question_ko"].null_count() == 2
    write(tmp_path / "s.jsonl", [row("m1", response="None"), row("m2", response="NA")])
    build([tmp_path / "s.jsonl"], tmp_path / "komep")
    assert sorted(read_rows(tmp_path / "komep", "scored")["response"]) == ["NA", "None"]


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_columns_in_the_names_of_folders_are_read(tmp_path, suffix):
    frame = pl.DataFrame([row("m1"), row("m2", response="Other.")]).drop("model", "category", "units")
    frame = frame.with_columns(dahl_score=0.5)
    for folder in (
        "model=a b%2Fc/category=x=y",
        "model=m/category=z/status=failed",
        "model=__HIVE_DEFAULT_PARTITION__",
    ):
        path = tmp_path / "in" / folder / f"p.{suffix}"
        path.parent.mkdir(parents=True)
        {"jsonl": frame.write_ndjson, "csv": frame.write_csv, "parquet": frame.write_parquet}[suffix](path)
    optional = ("question_id", "dahl_score", "status", "units")
    for folder, found in (("model=a b%2Fc", ("a b/c", "x=y", None)), ("model=m", ("m", "z", "failed"))):
        [file] = (tmp_path / "in" / folder).rglob("p.*")
        [(read, [])] = tables.read_batches(file, ScoredGeneration, optional)
        assert set(read.select("model", "category", "status").rows()) == {found}
    with pytest.raises(KomepError, match=r"model: missing_field|no column model, category"):
        build([tmp_path / "in"], tmp_path / "komep")
    path = tmp_path / "dahl_score=high" / "a.jsonl"
    with pytest.raises(KomepError, match="its folder dahl_score=high gives no number"):
        next(tables.read_batches(path, ScoredGeneration, optional))


def test_units_as_pandas_prints_them_are_read_and_others_named(tmp_path):
    head = "question,category,model,response,units\n"
    (tmp_path / "s.csv").write_text(head + f'What is h?,c,m1,One.,"{UNITS}"\n')
    build([tmp_path / "s.csv"], tmp_path / "komep")
    assert read_rows(tmp_path / "komep", "scored")["units"].to_list() == [UNITS]
    (tmp_path / "s.csv").write_text(head + "What is h?,c,m1,One.,\"[{'text': One., 'verdict': true}]\"\n")
    with pytest.raises(KomepError, match=r"expected a list, got .*; write each cell with json.dumps"):
        build([tmp_path / "s.csv"], tmp_path / "komep")
    for verdict, said in (
        (1, "got 1 \\(true, false, unknown"),
        ("Yes", 'unknown verdict "Yes"; give one of true, false, unknown, or 참, 거짓 .nearest: true'),
    ):
        write(tmp_path / "s.jsonl", [row("m1", units=[{"text": "a", "verdict": verdict}])])
        with pytest.raises(KomepError, match=said):
            build([tmp_path / "s.jsonl"], tmp_path / "komep")
    one = {name: value for name, value in row("m1").items() if name != "units"}
    write(tmp_path / "s.jsonl", [one | {"unit": "a", "verdict": "true"}])
    with pytest.raises(KomepError, match=r"a row a unit, .* group the rows by question and model"):
        build([tmp_path / "s.jsonl"], tmp_path / "komep")


def test_an_id_that_a_spreadsheet_took_for_a_number_is_that_of_its_question(tmp_path):
    lines = [f"{written[0]},{question},m,답" for question, (_, written) in IDS.items()]
    (tmp_path / "r.csv").write_text(
        "\n".join(["question_id,question,model,response", *lines]) + "\n", "utf-8"
    )
    columns = column_types(Response).keys() - {"question", "model", "response"}
    table = tables.read_table(tmp_path / "r.csv", Response, columns)
    assert {*table["question_id"]} == {id for id, _ in IDS.values()}


def test_units_field_by_field_and_texts_as_bytes(tmp_path):
    """As `datasets` before 4.0 and writers without the mark of a text save them."""
    ours = build([write(tmp_path / "ours.jsonl", GOOD)], tmp_path / "a").facts["content_hash"]
    turned = [one | {"units": {k: [u[k] for u in one["units"]] for k in UNITS[0]}} for one in GOOD]
    texts = ("question", "category", "model", "response")
    coded = [one | {name: one[name].encode() for name in texts} for one in GOOD]
    for n, rows_given in enumerate((turned, coded)):
        pq.write_table(pa.Table.from_pylist(rows_given), tmp_path / f"{n}.parquet")
        assert build([tmp_path / f"{n}.parquet"], tmp_path / "b").facts["content_hash"] == ours
    assert build([write(tmp_path / "c.jsonl", turned)], tmp_path / "b").facts["content_hash"] == ours
    uneven = [GOOD[0] | {"units": {"text": ["a", "b"], "verdict": ["true"]}}]
    with pytest.raises(KomepError, match=r"c\.jsonl:1: units: wrong_type: expected a list, got"):
        build([write(tmp_path / "c.jsonl", uneven)], tmp_path / "b")


@pytest.mark.parametrize(
    ("text", "ending"),
    [
        ("question\tmodel\n".encode("utf-16"), "tsv"),
        (b"question,model\n", "csv"),
        (b'{"a": 1}\n', "jsonl"),
        (b"a letter\n", ""),
    ],
)
def test_what_a_file_without_an_ending_of_ours_may_be(tmp_path, text, ending):
    (tmp_path / "rows.txt").write_bytes(text)
    with pytest.raises(KomepError, match=r"rows\.txt: a table is Parquet") as caught:
        build([tmp_path / "rows.txt"], tmp_path / "b")
    assert str(caught.value).partition("may be ")[2] == (f"rows.{ending}: rename it" if ending else "")


@pytest.mark.parametrize("indent", [None, 1])
def test_units_in_a_cell_of_csv_keep_their_signs_and_raw_line_ends_are_told(tmp_path, indent):
    """They were read with a blank for every sign that ends a line to Python, U+2028 and U+0085 among them."""
    units = [{"text": "열\u2028이 \u0085난다\u2029.\n그리고 ", "verdict": "true"}, *UNITS]
    cell = json.dumps(units, ensure_ascii=False, indent=indent)
    frame = pl.DataFrame({"question": "Q?", "category": "c", "model": "m", "response": "r", "units": [cell]})
    frame.write_csv(tmp_path / "s.csv")
    build([tmp_path / "s.csv"], tmp_path / "komep")
    (kept,) = read_rows(tmp_path / "komep", "scored")["units"].to_list()
    assert kept == units
    frame.with_columns(units=pl.lit(cell.replace("\\n", "\n"))).write_csv(tmp_path / "s.csv")
    with pytest.raises(KomepError, match=r"s\.csv:2: units: wrong_type: expected a list"):
        build([tmp_path / "s.csv"], tmp_path / "komep")


@pytest.mark.parametrize("column", ["question", "model"])
@pytest.mark.parametrize("empty", ["", " \n"])
def test_an_answer_without_a_question_or_a_model_is_told_before_anybody_is_asked_about_it(
    tmp_path, column, empty
):
    rows = [{"question": "What?", "model": "m", "response": "A."} for _ in range(2)]
    rows[1][column] = empty
    path = tmp_path / "r.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    optional = {field.name for field in fields(Response)} - {"question", "model", "response"}
    with pytest.raises(KomepError, match=f"r.jsonl:2: {column}: bad_value: empty"):
        tables.read_table(path, Response, optional)
