"""Columns under other names: the known one that is meant, maps of names, and what commands say of both."""

import json

import polars as pl
import pytest

from komep_dataset.errors import KomepError
from komep_dataset.pairs.generations import read_scored
from komep_dataset.questions import make_questions
from komep_dataset.release.build import build
from komep_dataset.release.facts import read_facts
from komep_dataset.schema import Question, Reason, Response, ScoredGeneration, column_types
from komep_dataset.tables.columns import (
    KNOWN,
    constants,
    crossed,
    likely,
    map_problem,
    of_file,
    others_told,
    parse_map,
    renamed,
    renames,
    with_constants,
)
from komep_dataset.tables.reading import applicable
from tests.scored_rows import GOOD, UNITS, row, write

SCORED = column_types(ScoredGeneration)
KOREAN = {"질문": "question", "분야": "category", "모델": "model", "답변": "response", "사실": "units"}


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("facts", "units"), ("Claims", "units"), ("Atomic Facts", "units"), ("answer", "response"), ("질문", "question"),
        ("catagory", "category"), ("Question", "question"), ("respones_ko", "response_ko"), ("llm", "model"),
        ("dahl-score", "dahl_score"), ("annotator", None), ("id", None), ("비고", None),
    ],
)  # fmt: skip
def test_the_known_column_that_a_name_may_mean(name, meant):
    assert likely(name, SCORED) == meant


def test_a_list_of_objects_may_be_the_units():
    assert likely("x", SCORED, [{"claim": "a"}]) == "units"
    assert likely("x", column_types(Question), [{"claim": "a"}]) is None


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["질문"], "give NEW=known"),
        (["=question"], "give NEW=known"),
        (["질문=question,답=response"], "give each one by itself: --map 질문=question --map 답=response"),
        (
            ["질문=question, category==내과"],
            "give each one by itself: --map 질문=question --map category==내과",
        ),
        (["a=qestion"], "no column 'qestion' is known here; did you mean 'question'"),
        (
            ["question=문항"],
            r"no column '문항' is known here; the file's own name stands first \(--map 문항=question\)$",
        ),
        (["a=question", "a=model"], "--map a=.*stands twice"),
        (["a=units"], "no column 'units' is known here"),
        (["category=="], "the text of every row's category is missing"),
        (["categry==내과"], "no column 'categry' is known here; did you mean 'category'"),
        (
            ["category==내과", "분야=category"],
            "category==내과 says that category is the same in every row; take one of the",
        ),
        (
            ["분야=category", "category==내과"],
            "category==내과 says that category is the same in every row; take one of the",
        ),
        (
            ["category=내과"],
            "own name stands first .--map 내과=category., and a text for every row is written =내과",
        ),
        (["question=qestion"], "no column 'qestion' is known here; did you mean 'question'"),
        (["response==a"], "response is not the same text in every row"),
        (["seed==1"], "seed is not the same text in every row"),
        (["category==a", "category==b"], "category==a: stands twice"),
    ],
)
def test_a_map_that_is_none_is_wrong_usage(given, said):
    with pytest.raises(KomepError, match=said) as error:
        parse_map(given, Response)
    assert error.value.exit_code == 2


def test_a_map_as_it_is_typed():
    assert parse_map(["질문=question", "a = b=model"], Response) == {"질문": "question", "a = b": "model"}
    assert map_problem({"질문": "question"}) is None and "evidence" in KNOWN
    constant = parse_map(["category== 내과 = 1 ", "model==question", "b==response"], Response)
    assert constant == {"category": "=내과 = 1", "model": "=question", "b=": "response"}
    assert (constants(constant), renames(constant)) == (
        {"category": "내과 = 1", "model": "question"},
        {"b=": "response"},
    )


def test_the_part_of_a_map_that_a_file_has():
    decomposed = "\u110c\u1175\u11af\u1106\u116e\u11ab"  # 질문, as macOS writes it
    assert of_file([decomposed, " Model ", "x"], {"질문": "question", "model ": "model"}, "f") == {
        decomposed: "question",
        " Model ": "model",
    }
    with pytest.raises(
        KomepError, match="f: '질문' is to be read as question, but there is a column question, too"
    ):
        of_file(["질문", "question"], KOREAN, "f")


def test_a_row_that_has_both_names_has_a_fault():
    assert renamed({"질문": "a", "x": 1}, KOREAN) == {"question": "a", "x": 1}
    assert renamed({"질문": None, "question": "b"}, KOREAN) == {"question": "b"}
    assert renamed({"질문": "a", "question": "b"}, KOREAN).reason == Reason.BAD_VALUE
    assert renamed({"question": "a"}, {"question": "question"}) == {"question": "a"}
    both = {"질문": "question", "문항": "question"}
    assert renamed({"질문": None, "문항": "b"}, both) == {"question": "b"}
    assert (
        renamed({"질문": "a", "문항": "b"}, both).detail
        == "stands under '문항' and under '질문'; take one out"
    )


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet"])
def test_tables_that_differ_in_a_name_are_read_at_once(tmp_path, kind):
    """Two tables with other names for the question took two builds, the second with --base."""
    question, maps, files = GOOD[0]["question"], {"질문": "question", "문항": "question"}, []
    for name, one in zip(maps, GOOD, strict=False):
        assert one["question"] == question
        given = pl.DataFrame(
            {
                name: question,
                **{k: v for k, v in one.items() if k not in ("question", "units")},
                "dahl_score": 0.5,
            }
        )
        files.append(tmp_path / f"{name}.{kind}")
        {"jsonl": given.write_ndjson, "csv": given.write_csv, "parquet": given.write_parquet}[kind](files[-1])
    assert set(read_scored(files, columns=maps)["question"]) == {question}
    with pytest.raises(KomepError, match="there is no column '문제' to be read as that"):
        read_scored(files, columns=maps | {"문제": "question"})
    both = pl.DataFrame(
        {"질문": ["a"], "문항": ["b"], "model": "m", "response": "r", "category": "c", "dahl_score": 1.0}
    )
    both.write_csv(tmp_path / "both.csv")
    with pytest.raises(KomepError, match="'문항' is to be read as question, but there is a column 질문, too"):
        read_scored([tmp_path / "both.csv"], columns=maps)
    write(tmp_path / "rows.jsonl", [row("m1"), *both.to_dicts()])
    with pytest.raises(
        KomepError, match=r"rows\.jsonl:2: question: bad_value: stands under '문항' and under '질문'"
    ):
        read_scored([tmp_path / "rows.jsonl"], columns=maps)


def test_a_map_the_wrong_way_round_is_told(tmp_path, capsys):
    """A question read as the response, and the reverse, made a release of nonsense without a word."""
    rows = [{"문항": one["question"], "응답": one["response"], **one} for one in GOOD]
    path = write(
        tmp_path / "own.jsonl",
        [{k: v for k, v in one.items() if k not in ("question", "response")} for one in rows],
    )
    swapped = {"문항": "response", "응답": "question"}
    said = '"문항" is a word for the question, and is read as response (--map 문항=response); "응답" is a word for the response'
    assert crossed(swapped).startswith(said) and crossed(swapped).endswith("is it the other way round?")
    for right in (
        {"문항": "question", "응답": "response"},
        {"질문": "question_ko", "a": "response"},
        {"subject": "category"},
        {},
        None,
    ):
        assert crossed(right) == ""
    assert crossed({"답변": "prompt"}) and crossed({"질문": "chosen"}) and crossed({"Prompt": "response_ko"})
    read_scored([path], columns=swapped)
    assert capsys.readouterr().err.count(said) == 1
    read_scored([path], columns={"문항": "question", "응답": "response"})
    assert capsys.readouterr().err == ""


def as_others_have_it(rows):
    back = {name: new for new, name in KOREAN.items()}
    return [{back.get(name, name): value for name, value in one.items()} for one in rows]


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet", "arrow"])
def test_a_mapped_file_gives_what_the_same_file_under_our_names_does(tmp_path, kind):
    rows = as_others_have_it(GOOD)
    frame, path = pl.DataFrame(rows), tmp_path / f"theirs.{kind}"
    if kind == "csv":
        frame = frame.with_columns(pl.Series("사실", [json.dumps(one["사실"]) for one in rows]))
    writers = {
        "jsonl": frame.write_ndjson,
        "csv": frame.write_csv,
        "parquet": frame.write_parquet,
        "arrow": frame.write_ipc,
    }
    writers[kind](path)
    ours = build([write(tmp_path / "ours.jsonl", GOOD)], tmp_path / "a")
    theirs = build([path], tmp_path / "b", columns=KOREAN)
    assert theirs.facts["content_hash"] == ours.facts["content_hash"]
    assert read_facts(tmp_path / "b")["columns"] == KOREAN and "columns" not in ours.facts


def test_files_of_both_kinds_go_together(tmp_path):
    write(tmp_path / "a.jsonl", GOOD[:1])
    write(tmp_path / "b.jsonl", as_others_have_it(GOOD[1:]))
    assert read_scored([tmp_path], columns=KOREAN).height == 2
    write(tmp_path / "a.jsonl", [*GOOD[:1], *as_others_have_it(GOOD[1:])])
    assert read_scored([tmp_path / "a.jsonl"], columns=KOREAN).height == 2


def test_a_map_of_a_column_that_is_not_there_and_one_onto_a_column_that_is(tmp_path):
    path = write(tmp_path / "a.jsonl", GOOD)
    with pytest.raises(
        KomepError,
        match=r"질문=question: there is no column '질문' to be read as that \(there are: question, cat",
    ):
        read_scored([path], columns={"질문": "question"})
    write(path, [one | {"질문": "x"} for one in GOOD])
    with pytest.raises(KomepError, match="but there is a column question, too; rename or take out one"):
        build([path], tmp_path / "komep", columns={"질문": "question"})
    write(path, [GOOD[0], GOOD[1] | {"질문": "x"}])
    with pytest.raises(
        KomepError, match=r"a\.jsonl:2: question: bad_value: stands under '질문' and under 'question'"
    ):
        build([path], tmp_path / "komep", columns={"질문": "question"})


def test_facts_in_the_place_of_units_are_named(tmp_path):
    rows = [{"facts" if name == "units" else name: value for name, value in one.items()} for one in GOOD]
    with pytest.raises(
        KomepError, match=r'missing_field: neither .*; is "facts" the column units. --map facts=units'
    ):
        build([write(tmp_path / "a.jsonl", rows)], tmp_path / "komep")
    (tmp_path / "a.csv").write_text("question,category,llm,response\na,b,c,d\n")
    with pytest.raises(
        KomepError, match=r'no column model \(header: .*\); is "llm" the column model. --map llm=model'
    ):
        build([tmp_path / "a.csv"], tmp_path / "komep")


def test_an_optional_column_that_is_misspelt_is_told_once(tmp_path, capsys):
    rows = [one | {"note": 1, "qeustion_ko": "무엇?"} for one in GOOD]
    for name in ("a.jsonl", "b.jsonl"):
        write(tmp_path / name, rows)
    read_scored([tmp_path])
    [line] = capsys.readouterr().err.splitlines()
    assert 'a.jsonl: not read, since no such column is known: "note", "qeustion_ko"' in line
    assert line.endswith('is "qeustion_ko" the column question_ko? --map qeustion_ko=question_ko')
    write(tmp_path / "a.jsonl", [one | {"note": 1} for one in GOOD])
    read_scored([tmp_path / "a.jsonl"])
    assert capsys.readouterr().err == ""


def test_questions_under_other_names(tmp_path, capsys):
    (tmp_path / "q.csv").write_text("문제,과목\n패혈증이란?,내과\n")
    with pytest.raises(
        KomepError, match=r'is "문제" the column question. --map 문제=question; is "과목" the column category'
    ):
        make_questions(tmp_path / "q.csv", tmp_path / "o" / "q.parquet")
    columns = {"문제": "question", "과목": "category"}
    made = make_questions(tmp_path / "q.csv", tmp_path / "o" / "q.parquet", columns=columns)
    assert pl.read_parquet(made.path)["question"].to_list() == ["패혈증이란?"]
    write(tmp_path / "q.jsonl", [{"문제": "패혈증이란?", "category": "내과"}])
    with pytest.raises(
        KomepError, match=r'q\.jsonl:1: question: missing_field: no value; the row has "문제", too; is "문제"'
    ):
        make_questions(tmp_path / "q.jsonl", tmp_path / "o" / "q.parquet")
    assert row("m")["units"] == UNITS


def test_of_a_map_for_several_tables_each_takes_its_part(tmp_path):
    path = write(tmp_path / "a.jsonl", [{"질문": "a", "model": "m"}])
    assert applicable([path], Response, KOREAN | {"x": "status"}) == {"질문": "question"}
    assert applicable([path], Question, {}) == {}
    assert applicable([path], Response, KOREAN, all_there=True) == {
        "질문": "question",
        "분야": "category",
        "답변": "response",
    }


def test_every_column_that_a_header_lacks_is_named_at_once(tmp_path):
    """Three tries were needed for one file: 분과 was never suggested, 점수 only once the rest was there."""
    names = {"질문": None, "진료": None, "모델": None, "답변": None, "점수": None}
    told = others_told(names, KNOWN, ["question", "category", "model", "response"], True)
    for given in ("질문=question", "진료=category", "모델=model", "답변=response", "점수=dahl_score"):
        assert f"--map {given}" in told, told
    told = others_told({"진료": None, "비고": None}, KNOWN, ["category"], True, ["category"])
    assert "진료=" not in told and "비고=" not in told  # either may be it
    assert told.endswith("; is category the same in every row? --map category==TEXT")
    assert "==" not in others_told({"x": 1}, KNOWN, ["category"], True)  # other rows have one


def test_of_two_names_for_one_column_the_likelier_is_told(tmp_path):
    """All maps that were recommended, pasted together, were refused: two said question."""
    told = others_told(
        {"문항": None, "질문": None, "답변": None, "answer": None}, KNOWN, ["question", "response"], True
    )
    assert told.count("--map") == 2 and "--map 질문=question" in told and "--map answer=response" in told
    path = tmp_path / "a.csv"
    path.write_text("문항,질문,model,response,category,dahl_score\nQ1,왜?,m,a,c,\n", "utf-8")
    with pytest.raises(KomepError, match=r'neither .*; the row has "문항", too\n'):
        read_scored([path], columns={"질문": "question"})


CONSTANT = {"category": "=medicine"}
WRITERS = {
    "jsonl": lambda frame, path: frame.write_ndjson(path),
    "csv": lambda frame, path: frame.with_columns(
        pl.Series("units", [json.dumps(one) for one in frame["units"].to_list()])
    ).write_csv(path),
    "parquet": lambda frame, path: frame.write_parquet(path),
    "arrow": lambda frame, path: frame.write_ipc(path),
}


@pytest.mark.parametrize("kind", WRITERS)
def test_a_constant_is_what_a_column_of_it_would_be(tmp_path, kind):
    ours = build([write(tmp_path / "ours.jsonl", GOOD)], tmp_path / "a")
    for there in ([], [pl.Series("category", [None, ""], pl.String)]):
        frame = pl.DataFrame(GOOD).drop("category").with_columns(there)
        WRITERS[kind](frame, tmp_path / f"theirs.{kind}")
        theirs = build([tmp_path / f"theirs.{kind}"], tmp_path / "b", columns=CONSTANT)
        assert theirs.facts["content_hash"] == ours.facts["content_hash"]
        assert read_facts(tmp_path / "b")["columns"] == CONSTANT
    WRITERS[kind](pl.DataFrame(GOOD), tmp_path / f"same.{kind}")
    assert read_scored([tmp_path / f"same.{kind}"], columns=CONSTANT).height == 2


@pytest.mark.parametrize("kind", WRITERS)
def test_a_constant_beside_another_value_is_refused(tmp_path, kind):
    WRITERS[kind](pl.DataFrame([GOOD[0], GOOD[1] | {"category": "surgery"}]), path := tmp_path / f"a.{kind}")
    line = {"csv": 3}.get(kind, 2)
    with pytest.raises(
        KomepError,
        match=rf"a\.{kind}:{line}: category is 'surgery' here, and --map category==medicine says that it is",
    ):
        build([path], tmp_path / "komep", columns=CONSTANT)
    with pytest.raises(KomepError, match="category is 'surgery' here, and --map category==medicine"):
        make_questions(path, tmp_path / "q.parquet", columns=CONSTANT)


def test_a_row_with_a_constant():
    assert with_constants({"x": 1}, {"model": "a"}, "f:1") == {"x": 1, "model": "a"}
    assert with_constants({"Model": "NA"}, {"model": "a"}, "f:1") == {"Model": "a"}
    with pytest.raises(KomepError, match="f:1: model is 'b' here"):
        with_constants({"Model": "b"}, {"model": "a"}, "f:1")


def test_questions_of_one_subject(tmp_path):
    path = tmp_path / "q.csv"
    path.write_text("문제\n패혈증이란?\n")
    with pytest.raises(
        KomepError,
        match=r"no column question, category .*; is category the same in every row. --map category==T",
    ):
        make_questions(path, tmp_path / "q.parquet")
    write(tmp_path / "q.jsonl", [{"question": "패혈증이란?"}])
    with pytest.raises(KomepError, match=r"is category the same in every row. --map category==TEXT"):
        make_questions(tmp_path / "q.jsonl", tmp_path / "q.parquet")
    columns = {"문제": "question", "category": "=내과"}
    made = make_questions(path, tmp_path / "q.parquet", columns=columns)
    assert pl.read_parquet(made.path)["category"].to_list() == ["내과"]


def test_constants_of_a_pipeline_reach_the_tables_that_have_the_column(tmp_path):
    path = tmp_path / "q.csv"
    path.write_text("문제\n패혈증이란?\n")
    columns = {"문제": "question", "category": "=내과", "model": "=a"}
    assert applicable([path], Question, columns) == {"문제": "question", "category": "=내과"}
