"""Typed tables in: any JSONL and Parquet of the right values, each bad row by its line and reason."""

import json

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from komep_dataset.errors import KomepError
from komep_dataset.release.build import build
from komep_dataset.release.rows import read_rows
from komep_dataset.schema import ScoredGeneration
from komep_dataset.tables import reading as tables
from tests.generated_rows import SETTINGS, rows, write_jsonl
from tests.scored_rows import GOOD, row, write


def test_parquet_problems(tmp_path):
    frame = pl.DataFrame([row("m1", response=1), row("m2", response=2)])
    frame.write_parquet(tmp_path / "typed.parquet")
    with pytest.raises(
        KomepError, match=r"2 bad rows:\n  \S+typed.parquet:1: response: wrong_type: expected String"
    ):
        build([tmp_path / "typed.parquet"], tmp_path / "komep")
    frame.drop("model").write_parquet(tmp_path / "lacks.parquet")
    with pytest.raises(KomepError, match=r"lacks\.parquet:2: model: missing_field"):
        build([tmp_path / "lacks.parquet"], tmp_path / "komep")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 and nothing more")
    with pytest.raises(KomepError, match=r"broken.parquet: malformed: not a readable Parquet file"):
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
