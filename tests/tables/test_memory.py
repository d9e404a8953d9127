"""Rows in memory, as files: the same bytes whatever held them, and what cannot be rows told as such."""

import json
from dataclasses import dataclass
from decimal import Decimal

import datasets
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from komep_dataset.errors import KomepError
from komep_dataset.tables.memory import as_files
from komep_dataset.tables.problems import ROWS
from tests.scored_rows import GOOD, UNITS, row

SET = datasets.Dataset.from_list(GOOD)
FRAME = pl.DataFrame(GOOD)


def texts(given) -> dict[str, str]:
    with as_files(given) as paths:
        return {path.name: path.read_text("utf-8") for path in paths}


LINES = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in GOOD)
HOLDERS = {
    "list": GOOD,
    "generator": (one for one in GOOD),
    "a null is no value": [one | {"question_ko": None} for one in GOOD],
    "columns": FRAME.to_dict(as_series=False),
    "series": FRAME.to_dict(),
    "polars": FRAME,
    "lazy": FRAME.lazy(),
    "categories": FRAME.with_columns(pl.col("model").cast(pl.Categorical), pl.col("category").cast(pl.Enum(["medicine"]))),
    "pandas": pd.DataFrame(GOOD),
    "pandas with nothing": pd.DataFrame(GOOD).assign(dahl_score=float("nan"), response_ko=pd.NA, status=pd.NaT),
    "pandas' own types": pd.DataFrame(GOOD).convert_dtypes(),
    "arrow": pa.Table.from_pylist(GOOD),
    "batch": pa.RecordBatch.from_pylist(GOOD),
    "reader": pa.Table.from_pylist(GOOD).to_reader(),
    "set": SET,
    "set in another format": SET.with_format("numpy"),
    "set with indices": SET.select([1, 0]).select([1, 0]),
    "stream": SET.to_iterable_dataset(),
    "labels": SET.class_encode_column("model"),
    "numpy": [one | {"units": np.array(one["units"])} for one in GOOD],
}  # fmt: skip


@pytest.mark.parametrize("given", HOLDERS.values(), ids=HOLDERS)
def test_the_same_rows_are_the_same_bytes(given):
    assert texts(given) == {"rows.jsonl": LINES}


def test_one_dict_is_one_row_and_values_are_those_of_python():
    @dataclass
    class Unit:
        text: str
        verdict: str

    given = row(units=[Unit("a", "true")], dahl_score=Decimal("0.5"), n=np.float32(0.5), when=pd.Timestamp("2024-01-01"),
                odd={1: "a", "x": object}, none=pd.NA) | {("a", 1): 2}  # fmt: skip
    found = json.loads(texts(given)["rows.jsonl"])
    assert (found["units"], found["dahl_score"], found["n"]) == ([{"text": "a", "verdict": "true"}], 0.5, 0.5)
    assert found["when"] == {"Timestamp": "2024-01-01 00:00:00"} and found["none"] is None
    assert found["odd"]["1"] == "a" and "a" not in found


def test_a_named_index_of_pandas_is_a_column():
    lines = texts(pd.DataFrame(GOOD).set_index("model"))["rows.jsonl"].splitlines()
    assert [json.loads(line) for line in lines] == GOOD


def test_several_tables_paths_among_them(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(LINES)
    found = texts([str(path), FRAME, GOOD])
    assert list(found) == ["a.jsonl", "rows-2.jsonl", "rows-3.jsonl"] and set(found.values()) == {LINES}
    assert list(texts(datasets.DatasetDict(train=SET, test=SET))) == ["rows-train.jsonl", "rows-test.jsonl"]
    assert texts(None) == texts([]) == {}
    with as_files([path, path]) as paths:
        assert paths == [path, path]


NONE = [
    (5, "give a path, a list of dicts, or a table of polars, pandas, pyarrow or `datasets`; .*not int", 2),
    (b"text", "not bytes", 2),
    (["a.jsonl", GOOD[0]], "item 2 is dict among paths and tables", 2),
    (FRAME.clear(), "rows: no rows in it", 1),
    (pd.DataFrame(), "rows: no rows in it", 1),
    ((one for one in ()), "rows: no rows in it", 1),
    ([FRAME, FRAME.clear()], "rows: table 2: no rows in it", 1),
    ({"question": ["a", "b"], "model": ["c"]}, r"columns of different lengths \(question 2, model 1\)", 1),
    (pd.DataFrame([[1, 2]], columns=["model", "model"]), "the column model stands twice", 1),
    (pa.table([pa.array([1]), pa.array([2])], names=["model", "model"]), "the column model stands twice", 1),
    (pd.DataFrame(GOOD)["model"], "a column of pandas, which is no table", 1),
    (FRAME.lazy().select("none"), "a polars.lazyframe.frame.LazyFrame that cannot be read .ColumnNotFound", 1),
]  # fmt: skip


@pytest.mark.parametrize(("given", "told", "code"), NONE)
def test_what_is_no_table_is_told(given, told, code):
    with pytest.raises(KomepError, match=told) as caught, as_files(given):
        raise AssertionError
    assert caught.value.exit_code == code and not ROWS


def test_what_json_cannot_hold_is_for_the_reader_to_refuse():
    circle = {}
    circle["circle"] = circle
    lines = texts([circle, "text", None, row(response="half \ud83d")])["rows.jsonl"].splitlines()
    assert "Circular reference" in lines[0] and lines[1:3] == ['"text"', "null"] and "\\ud83d" in lines[3]
    assert json.loads(texts([row(units=UNITS, dahl_score=float("nan"))])["rows.jsonl"])["dahl_score"] != 0


def test_places_of_rows_are_called_so_while_they_are_read():
    with pytest.raises(KomepError, match=r"^row 3: a; the rows: b$"), as_files(GOOD) as (path,):
        raise KomepError(f"{path}:3: a; {path}: b")
    with pytest.raises(KomepError, match=r"^table 2, row 1: a$"), as_files([GOOD, GOOD]) as (_, path):
        raise KomepError(f"{path}:1: a")


def test_an_error_of_the_caller_is_his_own():
    def rows():
        yield GOOD[0]
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), as_files(rows()):
        raise AssertionError
