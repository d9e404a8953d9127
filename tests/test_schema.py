"""The typed records, the polars schema and the Arrow schema say the same."""

import re
from dataclasses import MISSING, fields

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from komep_dataset import schema
from komep_dataset.schema import collapse_blanks, id_before_spreadsheet, question_id, split_of
from tests.spreadsheet import IDS

TABLES = [
    schema.Question,
    schema.Response,
    schema.ScoredGeneration,
    schema.Pair,
    schema.ReleaseRow,
    schema.KoreanRow,
    schema.Reject,
]
TRL_MEANINGS = {"margin", "images", "completion", "messages", "chosen_ids", "chat_template_kwargs"}


@pytest.mark.parametrize("record", TABLES)
def test_arrow_and_polars_agree(record):
    arrow, polars = schema.arrow_schema(record), schema.polars_schema(record)
    assert arrow.names == list(polars) == [f.name for f in fields(record)]
    from_arrow = pl.from_arrow(arrow.empty_table())
    assert dict(from_arrow.schema) == dict(polars)


@pytest.mark.parametrize("record", TABLES)
def test_every_column_says_what_it_means(record):
    assert all(schema.column_docs(record).values())
    assert all(f.default is MISSING for f in fields(record))


def test_null_rules_reach_arrow():
    nullable = {f.name for f in schema.arrow_schema(schema.ScoredGeneration) if f.nullable}
    assert nullable == {"dahl_score", "question_ko", "response_ko"}
    units = schema.arrow_schema(schema.ScoredGeneration).field("units").type
    assert not units.value_type.field("verdict").nullable


def test_columns_of_the_design():
    assert [f.name for f in fields(schema.Pair)] == [
        "question_id", "category", "chosen_model", "rejected_model", "chosen_score", "rejected_score", "score_margin",
    ]  # fmt: skip
    release = [f.name for f in fields(schema.ReleaseRow)]
    assert release == ["prompt", "chosen", "rejected", *(f.name for f in fields(schema.Pair))]
    korean = [f.name for f in fields(schema.KoreanRow)]
    assert korean == [*release, "origin"]
    assert not TRL_MEANINGS & set(korean)
    messages = schema.arrow_schema(schema.ReleaseRow).field("prompt").type
    assert pa.types.is_list(messages)
    assert [f.name for f in messages.value_type] == ["role", "content"]


def test_question_id_is_the_documented_digest():
    # printf '%s' 'what is sepsis?' | sha256sum | cut -c1-16
    assert question_id("What is  sepsis? ") == "29347e67cc88de80" == question_id("what is\tSEPSIS?")
    assert question_id("패혈증이란?") == question_id("패혈증이란?")


@given(st.text(min_size=1))
def test_question_id_ignores_case_forms_and_blanks(text):
    assert re.fullmatch("[0-9a-f]{16}", question_id(text))
    assert question_id(f"  {text}\n") == question_id(text)
    assert question_id(collapse_blanks(text)) == question_id(text)


def test_split_rule():
    assert split_of("00000009ffffffff") == "test"
    assert split_of("0000000affffffff") == "train"
    assert split_of("00000064ffffffff") == "test"  # 100 % 100 < 10
    ids = [question_id(f"Question {i}?") for i in range(5000)]
    assert 0.08 < sum(split_of(i) == "test" for i in ids) / 5000 < 0.12


@pytest.mark.parametrize("question", IDS)
def test_an_id_that_a_spreadsheet_took_for_a_number_is_known_again(question):
    id, written = IDS[question]
    assert question_id(question) == id and id_before_spreadsheet(id, question) is None
    assert {id_before_spreadsheet(one, question) for one in written if one != id} == {id}
    for other in ("0123456789abcdef", "12345678", "5660783833583999", "1.5E+16", "7", "", "질문"):
        assert id_before_spreadsheet(other, question) is None
