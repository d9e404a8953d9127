"""Rows against a row type, apart from any file: every fault at once, and verdicts in the words that are accepted."""

import json

import polars as pl
import pytest

from komep_dataset.errors import KomepError
from komep_dataset.pairs.generations import OPTIONAL, Given, faults, read_scored
from komep_dataset.release.build import build
from komep_dataset.release.rows import read_rows
from komep_dataset.schema import Reason, Response
from komep_dataset.tables.checking import Reading, row_of, verdict_advice, verdict_of
from tests.scored_rows import GOOD, row, write


@pytest.mark.parametrize(
    ("given", "verdict"),
    [
        (True, "true"), (False, "false"), ("True", "true"), ("FALSE", "false"), (" 참 ", "true"), ("거짓.", "false"),
        ("Unknown", "unknown"), ("**true**", "true"), ("T", "T"), ("O", "O"), (1, 1), ("1", "1"), (None, None),
        ("not true", "not true"), ("", ""),
    ],
)  # fmt: skip
def test_verdicts_in_other_letters(given, verdict):
    assert verdict_of(given) == verdict


@pytest.mark.parametrize(
    ("given", "nearest"),
    [
        ("T", "true"), ("0", "false"), ("X", "false"), ("Supported", "true"), ("perhaps", "unknown"), ("maybe", "unknown"),
        ("Ture", "true"), ("ture.", "true"), ("flase", "false"), ("tru", "true"), ("Fales", "false"), ("unkown", "unknown"),
        ("corect", "true"), ("incorect", "false"), ("not true", "unknown"), ("nottrue", "unknown"), ("untrue", "false"),
        ("p", "unknown"), ("ab", "unknown"),  # a letter away from many a short word
    ],
)  # fmt: skip
def test_a_word_that_is_no_verdict_is_told_with_the_nearest_one(given, nearest):
    assert verdict_advice(given).endswith(
        f"give one of true, false, unknown, or 참, 거짓 (nearest: {nearest})"
    )


def test_all_faults_of_a_row():
    given = {"question": 5, "model": None, "response": "a", "seed": 2**63}
    _, found = row_of(given, Response, ("category",))
    assert [(one.column, one.reason) for one in found if one.column in ("question", "model", "seed")] == [
        ("model", Reason.MISSING_FIELD),
        ("question", Reason.WRONG_TYPE),
        ("seed", Reason.WRONG_TYPE),
    ]
    units = [{"text": "a"}, {"text": 1, "verdict": "true"}, {"claim": "a", "verdict": "true"}]
    told = [one.detail for one in row_of(row(units=units), Given, OPTIONAL)[1]]
    assert told == [
        "units[0].verdict: no value",
        "units[1].text: expected a string, got 1",
        'units[2].text: no value; beside it: "claim"',
    ]


def faults_of(one: dict) -> str:
    """What is told of the last of three rows."""
    _, [problem] = Reading(Given, OPTIONAL, checks=faults).checked(enumerate([*GOOD, one], 1), "rows")
    return str(problem)


def test_every_unit_is_looked_at_whatever_is_wrong_with_another():
    """A text that was missing, or of a wrong type, hid the verdicts of all other units."""
    units = [{"text": "", "verdict": "maybe"}, {"txt": "a"}, {"text": "b", "verdict": "perhaps"}]
    assert faults_of(row("m3", units=units)) == (
        'rows:3: units: missing_field: units[1].text: no value; beside it: "txt"; and units: missing_field: units[1].verdict: '
        'no value; beside it: "txt"; and units: bad_value: unknown verdicts: units[0].verdict "maybe" (nearest: unknown), '
        'units[2].verdict "perhaps" (nearest: unknown); give one of true, false, unknown, or 참, 거짓'
    )
    units = [{"text": "a", "verdict": "maybe"}, {"text": 3, "verdict": "Ture"}, {"text": "b", "verdict": 1}]
    assert faults_of(row("m3", units=units, status="odd", dahl_score=2)) == (
        "rows:3: units: wrong_type: units[1].text: expected a string, got 3; and units: wrong_type: units[2].verdict: expected a "
        'string, got 1 (true, false, unknown); and units: bad_value: unknown verdicts: units[0].verdict "maybe" (nearest: '
        'unknown), units[1].verdict "Ture" (nearest: true); give one of true, false, unknown, or 참, 거짓; and status: bad_value: '
        "unknown status odd; and dahl_score: bad_value: 2.0 is not a number from 0 to 1; divide percentages by 100"
    )


def test_every_unknown_verdict_of_a_row_is_named_with_its_unit(tmp_path):
    units = [{"text": "a", "verdict": verdict} for verdict in ("T", "true", "F")]
    with pytest.raises(KomepError) as caught:
        read_scored([write(tmp_path / "s.jsonl", [row("m1", units=units)])])
    assert (
        'unknown verdicts: units[0].verdict "T" (nearest: true), units[2].verdict "F" (nearest: false); give one of true'
        in str(caught.value)
    )


def test_a_row_of_hundreds_of_bad_units_is_one_line_and_hides_no_other_column(tmp_path):
    strange = [{"text": "a", "verdict": f"w{n}"} for n in range(300)]
    with pytest.raises(KomepError) as caught:
        read_scored([write(tmp_path / "s.jsonl", [row("m1", units=strange, status="odd")])])
    line = str(caught.value).splitlines()[1]
    assert 'units[2].verdict "w2" (nearest: unknown), and 297 more; give one of' in line and "[3]" not in line
    assert "unknown status odd" in line and len(line) < 500
    broken = [{"text": n, "verdict": "true"} if n % 3 else {"verdict": f"w{n}"} for n in range(300)]
    told = faults_of(row("m3", units=broken, status="odd"))
    assert "units[0].text: no value" in told and "units[6].text: no value" in told and ", and 97 more" in told
    assert "units[1].text: expected a string, got 1" in told and ", and 197 more" in told
    assert 'units[6].verdict "w6" (nearest: unknown), and 97 more' in told
    assert "unknown status odd" in told and len(told) < 1000


@pytest.mark.parametrize("given", [2**200, -(10**400)])
def test_a_whole_number_that_no_column_holds_is_a_bad_score(given):
    ((column, reason, detail),) = row_of(row(dahl_score=given), Given, OPTIONAL)[1]
    assert (column, reason) == ("dahl_score", Reason.BAD_VALUE) and detail.endswith("is too large")


def test_cells_of_csv_have_their_faults_at_once():
    cells = {
        "question": "NA",
        "category": "c",
        "model": "m",
        "response": "r",
        "units": "[{",
        "dahl_score": "high",
    }
    told = {one.column: one.detail for one in row_of(cells, Given, OPTIONAL, of_csv=True)[1]}
    assert told["question"] == "no value ('NA' stands for none)" and "json.dumps" in told["units"]
    assert told["dahl_score"].startswith("expected a number")


def test_rows_know_no_file():
    rows = [(1, GOOD[0]), (2, {"question": "", "units": [{"text": "a", "verdict": "Yes"}], "answer": "b"})]
    frame, [problem] = Reading(Given, OPTIONAL, maps=True, checks=faults).checked(rows, "rows")
    assert frame["model"].to_list() == ["m1"]
    assert str(problem) == (
        'rows:2: model: missing_field: no value; the row has "answer", too; is "answer" the column response? '
        "--map answer=response; and category: missing_field: no value; and response: missing_field: no value; and "
        'question: bad_value: empty; and units: bad_value: unknown verdict "Yes"; give one of true, false, unknown, or '
        "참, 거짓 (nearest: true)"
    )


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet"])
def test_units_that_are_written_as_text_are_read(tmp_path, kind):
    rows = [one | {"units": json.dumps(one["units"])} for one in GOOD]
    frame, path = pl.DataFrame(rows), tmp_path / f"a.{kind}"
    {"jsonl": frame.write_ndjson, "csv": frame.write_csv, "parquet": frame.write_parquet}[kind](path)
    ours = read_scored([write(tmp_path / "b.jsonl", GOOD)])
    assert read_scored([path]).drop("_line").equals(ours.drop("_line"))


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet"])
def test_a_row_with_several_faults_is_one_bad_row_that_names_them_all(tmp_path, kind):
    bad = row("", question=" ", response="x", dahl_score=2.0)
    rows = [row("m1"), bad | {"units": None}]
    path = tmp_path / f"a.{kind}"
    frame = pl.DataFrame(
        [{k: v for k, v in one.items() if k != "units"} for one in rows], infer_schema_length=None
    )
    frame = frame.with_columns(dahl_score=pl.Series([0.5, 2.0]))
    {"jsonl": frame.write_ndjson, "csv": frame.write_csv, "parquet": frame.write_parquet}[kind](path)
    with pytest.raises(KomepError) as error:
        build([path], tmp_path / "komep")
    said = str(error.value)
    assert (
        said.startswith("1 bad row:\n") and "dahl_score: bad_value: 2.0 is not a number from 0 to 1" in said
    )
    assert "question: bad_value: empty" in said and "model: " in said
    result = build([path], tmp_path / "komep", on_error="reject")
    assert result.facts["rejects"] == {
        "bad_value" if kind != "csv" else "missing_field": 1,
        "too_few_responses": 1,
    }


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet"])
@pytest.mark.parametrize("words", [(True, False), ("True", "거짓"), (True, "거짓")])
def test_verdicts_of_any_file_give_the_same_release(tmp_path, kind, words):
    good = [{"text": "a fact", "verdict": words[0]}, {"text": "another", "verdict": words[1]}]
    rows = [row("m1", units=good), row("m2", response="Another answer.", units=good[:1])]
    path = tmp_path / f"a.{kind}"
    if kind == "jsonl":
        write(path, rows)
    elif kind == "csv":
        pl.DataFrame([one | {"units": repr(one["units"])} for one in rows]).write_csv(path)
    elif isinstance(words[0], type(words[1])):
        pl.DataFrame(rows).write_parquet(path)
    else:
        return
    build([path], tmp_path / "komep")
    verdicts = read_rows(tmp_path / "komep", "scored").sort("model")["units"].to_list()
    assert [[unit["verdict"] for unit in units] for units in verdicts] == [["true", "false"], ["true"]]
    assert read_scored([path]).sort("model")["dahl_score"].to_list() == [0.5, 1.0]


def test_a_row_that_lacks_units_and_more_says_where_both_may_be():
    given = {"question": "a", "category": "c", "response": "r", "llm": "m", "claims": [{"claim": "x"}]}
    _, [problem] = Reading(Given, OPTIONAL, maps=True, checks=faults).checked([(1, given)], "rows")
    assert "--map llm=model" in problem.detail and "--map claims=units" in problem.detail
