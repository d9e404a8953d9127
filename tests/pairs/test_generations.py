"""Scored generations from files or a release: complete, in one frame, or an error that names the row; their split."""

import re

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from komep_dataset import dahl
from komep_dataset.errors import KomepError
from komep_dataset.pairs.generations import SPLIT_OF_ID, complete, read_scored
from komep_dataset.release.build import build
from komep_dataset.release.verify import verify
from komep_dataset.schema import ScoredGeneration, polars_schema, split_of
from tests.replies.test_refusals import REFUSALS
from tests.scored_rows import GOOD, UNITS, row, write
from tests.spreadsheet import IDS, through_spreadsheet

ALL = st.from_regex(re.compile(dahl._ABSTENTION.pattern, re.VERBOSE | re.ASCII), fullmatch=True)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    st.lists(st.one_of(ALL, st.sampled_from(REFUSALS)), min_size=1, max_size=20),
    st.sampled_from(["{}", "Sorry. {}!", "“{}”", "I'{}"]),
    st.booleans(),
)
def test_every_abstention_and_refusal_is_seen(texts, form, upper):
    texts = [form.format(t.upper() if upper else t).replace("dont", "don't") for t in texts]
    columns = {"question": "What?", "category": "c", "model": "m", "units": []}
    rows = [columns | {"response": text} for text in texts]
    frame = pl.DataFrame(rows, schema=polars_schema(ScoredGeneration)).with_columns(
        _file=pl.lit(0), _line=pl.lit(1)
    )
    done, problems = complete(frame, ["f"])
    assert not problems
    expected = [dahl.score_response(text, [])[1].value for text in texts]
    assert done["status"].to_list() == expected


def test_files_and_the_release_built_of_them_hold_the_same(tmp_path):
    one, other = write(tmp_path / "a.jsonl", GOOD[1:]), write(tmp_path / "b.jsonl", GOOD)
    found = read_scored([one, other])  # an identical repeat is one row
    assert found["model"].to_list() == ["m1", "m2"]
    assert found["dahl_score"].to_list() == [0.5, 1.0]
    build([other], tmp_path / "komep")
    again = read_scored([tmp_path / "komep"])
    assert again.drop("_file", "_line").equals(found.drop("_file", "_line"))


def test_bad_rows_conflicts_and_nothing_at_all_are_errors(tmp_path):
    for rows, message in [
        ([*GOOD, row("m3", response=5)], r"s\.jsonl:3: response: wrong_type"),
        (
            [*GOOD, row("m1", response="Another.")],
            r"2 bad rows:\n.*s\.jsonl:1: question_id, model: conflicting",
        ),
        ([b""], "no scored generation in"),
    ]:
        with pytest.raises(KomepError, match=message):
            read_scored([write(tmp_path / "s.jsonl", rows)])


def test_splits_of_a_column_are_those_of_the_rule():
    ids = [f"{n * 2_654_435_761 % 2**32:08x}{n:04x}" for n in range(500)]
    ids += ["00000009", "0000000A", "FFFFffff tail", "000000640"]
    assert pl.DataFrame({"question_id": ids}).select(SPLIT_OF_ID)["split"].to_list() == [
        split_of(one) for one in ids
    ]


def test_an_id_that_a_spreadsheet_took_for_a_number_is_that_of_its_question(tmp_path):
    """An id without its zeros was another id, and its rows changed from one split to the other."""
    for n in range(max(len(written) for _, written in IDS.values())):
        lines = [
            f"{written[n % len(written)]},{question},c,{model},답 {model},0.5"
            for question, (_, written) in IDS.items()
            for model in "ab"
        ]
        header = "question_id,question,category,model,response,dahl_score"
        (tmp_path / "s.csv").write_text("\n".join([header, *lines]) + "\n", "utf-8")
        assert {*read_scored([tmp_path / "s.csv"])["question_id"]} == {id for id, _ in IDS.values()}
    (tmp_path / "s.csv").write_text(f"{header}\n0,다른 질문은?,c,a,답,0.5\n", "utf-8")
    with pytest.raises(
        KomepError, match=r"s\.csv:2: question_id: bad_value: 0 does not begin with 8 hex digits"
    ):
        read_scored([tmp_path / "s.csv"])


@pytest.mark.slow
@pytest.mark.parametrize("way", ["UTF-8", "CP949"])
def test_a_table_comes_back_from_a_spreadsheet_program_with_its_ids(tmp_path, way):
    rows = [f"{id},{question},c,{m},답 {m},0.5" for question, (id, _) in IDS.items() for m in "ab"]
    header = "question_id,question,category,model,response,dahl_score"
    (tmp_path / "s.csv").write_text("\n".join([header, *rows]) + "\n", "utf-8")
    saved = through_spreadsheet(tmp_path / "s.csv", tmp_path, way)
    assert saved.read_bytes() != (tmp_path / "s.csv").read_bytes()
    assert read_scored([saved]).equals(read_scored([tmp_path / "s.csv"]))


def test_a_refusal_without_a_status_loses_its_score_and_one_that_states_it_keeps_what_it_says(tmp_path):
    text = "I'm sorry, but I can't help with that."
    rows = [*GOOD, row("m3", response=text), row("m4", response=text, status="scored")]
    found = {r["model"]: r for r in read_scored([write(tmp_path / "s.jsonl", rows)]).iter_rows(named=True)}
    assert (found["m3"]["status"], found["m3"]["dahl_score"]) == ("refused", None)
    assert found["m4"]["status"] == "scored" and found["m4"]["dahl_score"] is not None
    build([tmp_path / "s.jsonl"], tmp_path / "komep", on_error="reject")
    card = (tmp_path / "komep" / "README.md").read_text("utf-8")
    assert "| scored | unparsed | abstained | empty | failed | refused |" in card


def test_what_is_korean_by_its_script_is_korean_without_a_column_that_says_so(tmp_path):
    native = {"question": "패혈증이란 무엇인가요?", "response": "감염에 의한 장기 부전입니다."}
    rows = [
        row("m1", **native),
        row("m2", **native | {"response": "Sepsis는 감염입니다."}, units=UNITS[:1]),
        row("m3"),
    ]
    rows += [
        row("m4", **native | {"response": "Organ failure."}),
        row("m5", question_ko="질문", response="답은 이것입니다."),
    ]
    found = {r["model"]: r for r in read_scored([write(tmp_path / "s.jsonl", rows)]).iter_rows(named=True)}
    texts = {name: (one["question_ko"], one["response_ko"]) for name, one in found.items()}
    assert texts["m1"] == (native["question"], native["response"]) and texts["m3"] == (None, None)
    assert texts["m4"] == (native["question"], None) and texts["m5"] == ("질문", "답은 이것입니다.")
    facts = build([tmp_path / "s.jsonl"], tmp_path / "komep").facts
    assert (facts["native"], facts["rows"]["ko"]) == (1, {"train": 1, "test": 0}) and "en" not in facts[
        "rows"
    ]


def test_a_text_that_is_given_as_korean_and_is_not_stays_out_of_ko(tmp_path, capsys):
    """Three English texts in `response_ko` were three pairs of `ko`, without a word."""
    english = {"question_ko": "급성 충수염의 증상은 무엇인가?"}
    rows = [row(m, response=f"It is {m}.", response_ko=f"It is {m}.", **english) for m in ("m1", "m2")]
    rows[1]["units"] = UNITS[:1]
    found = build([write(tmp_path / "s.jsonl", rows)], tmp_path / "komep")
    assert found.rejects == {"untranslated": 1} and "ko" not in found.facts["rows"]
    rejects = (tmp_path / "komep" / "rejects.jsonl").read_text("utf-8")
    assert "not Korean by its script: chosen_ko, rejected_ko: in `en` only" in rejects
    told = capsys.readouterr().err
    assert "1 pair has a text in question_ko or response_ko that is not Korean by its script" in told
    assert all(one.ok for one in verify(tmp_path / "komep"))
    for one, text in zip(rows, ("Metformin 500 mg", "ECG"), strict=True):  # in both languages the same
        one["response"] = one["response_ko"] = text
    facts = build([write(tmp_path / "s.jsonl", rows)], tmp_path / "komep").facts
    assert facts["rows"]["ko"] == facts["rows"]["en"] and sum(facts["rows"]["ko"].values()) == 1
    assert "Korean" not in capsys.readouterr().err


def test_korean_rows_with_other_texts_as_korean_are_told_as_what_they_are(tmp_path, capsys):
    """They were told as Korean questions with answers that are not Korean."""
    native = {"question": "패혈증이란 무엇인가요?", "question_ko": "What is sepsis?"}
    rows = [
        row("m1", response="감염에 의한 장기 부전입니다.", response_ko="It is an infection.", **native),
        row("m2", response="세균에 의한 감염입니다.", response_ko="It is a germ.", units=UNITS[:1], **native),
    ]
    build([write(tmp_path / "s.jsonl", rows)], tmp_path / "komep")
    told = capsys.readouterr().err
    assert "1 pair of `en` is Korean by its script, for question_ko or response_ko has another text" in told
    assert (
        "that is not Korean by its script, and is not in `ko`" in told and "an answer that is not" not in told
    )


def test_a_blank_korean_text_is_none(tmp_path):
    """What wrote "" for a missing text took Korean originals out of `ko`, and put them into `en`."""
    native = {"question": "패혈증이란 무엇인가요?", "question_ko": "", "response_ko": " \u3000\n"}
    rows = [
        row("m1", response="감염에 의한 장기 부전입니다.", **native),
        row("m2", response="세균에 의한 감염입니다.", units=UNITS[:1], **native),
        row("m3", question_ko="", response_ko=""),
    ]
    found = read_scored([write(tmp_path / "s.jsonl", rows)])
    texts = {one["model"]: (one["question_ko"], one["response_ko"]) for one in found.iter_rows(named=True)}
    assert texts["m1"] == (rows[0]["question"], rows[0]["response"]) and texts["m3"] == (None, None)
    facts = build([tmp_path / "s.jsonl"], tmp_path / "komep").facts
    assert facts["native"] == 1 and "en" not in facts["rows"]


def test_what_says_that_it_is_korean_is_released_as_korean_or_stops(tmp_path):
    native = {"question": "패혈증이란 무엇인가요?", "response": "감염에 의한 장기 부전입니다."}
    good = [
        row("m1", language="ko", **native),
        row("m2", language="en", **native),
        row("m3", language="ko", question_ko="질문"),
    ]
    found = read_scored([write(tmp_path / "s.jsonl", good)])
    assert found.height == 3 and "language" not in found.columns
    bad = [row("m1", language="ko-KR"), row("m2", language="한국어"), row("m3", language="en"), row("m4")]
    with pytest.raises(
        KomepError, match=r"2 bad rows:\n.*:1: language: bad_value: Korean, it says, .*\n.*:2: language"
    ):
        read_scored([write(tmp_path / "s.jsonl", bad)])
    (tmp_path / "language=ko").mkdir()
    with pytest.raises(KomepError, match=r"1 bad row:"):
        read_scored([write(tmp_path / "language=ko" / "s.jsonl", bad[3:])])


@pytest.mark.parametrize("way", ["drop", "bounds"])
@pytest.mark.parametrize(("score", "taken"), [(None, True), (0.5, True), (0.9, False)])
def test_a_row_that_calls_itself_scored_with_a_unit_open_is_taken_where_open_units_are(
    tmp_path, way, score, taken
):
    units = [{"text": text, "verdict": v} for text, v in (("a", "true"), ("b", "false"), ("c", "unknown"))]
    path = write(tmp_path / "s.jsonl", [row(status="scored", units=units, dahl_score=score)])
    with pytest.raises(KomepError, match="bad row"):
        read_scored([path])
    if taken:
        [read] = read_scored([path], way).iter_rows(named=True)
        assert (read["status"], read["dahl_score"], len(read["units"])) == ("unparsed", None, 3)
    else:
        with pytest.raises(KomepError, match="score_contradicts_units"):
            read_scored([path], way)
