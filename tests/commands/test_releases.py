"""`komep build` and `komep questions` as a user types them."""

import csv
import json
import subprocess

import pytest

from tests import warm
from tests.pipeline.chains import komep


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.slow
def test_build_without_input_builds_the_sample_into_komep(tmp_path):
    command = [warm.python("komep"), "-m", "komep_dataset.cli", "build"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "komep" / "build.json").read_text())["is_sample"]
    assert "written for this project" in done.stdout
    assert done.stderr == ""  # no bar where nobody looks


def test_questions(tmp_path):
    (tmp_path / "q.csv").write_text("question,category\nWhat?,x\nwhat? ,x\n")
    done = komep("questions", "q.csv", "--output", "q.parquet")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("1 question -> q.parquet; 1 reject (duplicate_question 1)")


@pytest.mark.slow
def test_a_file_from_a_spreadsheet_under_korean_names(tmp_path):
    rows = [
        ["질문", "분야", "모델", "답변", "사실"],
        [
            "감기의 원인은 무엇입니까?",
            "내과",
            "m1",
            "바이러스입니다.",
            '[{"text": "감기는 바이러스로 생긴다.", "verdict": true}]',
        ],
        [
            "감기의 원인은 무엇입니까?",
            "내과",
            "m2",
            "세균입니다.",
            '[{"text": "감기는 세균으로 생긴다.", "verdict": "거짓"}]',
        ],
    ]
    with (tmp_path / "a.csv").open("w", encoding="cp949", newline="") as file:
        csv.writer(file, delimiter=";").writerows(rows)
    done = komep("build", "a.csv")
    assert done.returncode == 1 and "--map 질문=question" in done.stderr and "--map 모델=model" in done.stderr
    names = ("question", "category", "model", "response", "units")
    maps = [f"--map={new}={name}" for new, name in zip(rows[0], names, strict=True)]
    done = komep("build", "a.csv", *maps)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("read as CP949") == 1 and "nothing to hold out" in done.stderr
    assert done.stdout.splitlines()[1].split() == ["ko", "train", "1", "test", "0"]
    assert json.loads((tmp_path / "komep" / "provenance.json").read_text())["columns"]["사실"] == "units"
    done = komep("build", "a.csv", *maps[:-1], "--map", "facts=units")
    assert (done.returncode, "there is no column 'facts'" in done.stderr) == (1, True)
    assert komep("build", "a.csv", "--map", "질문").returncode == 2


@pytest.mark.slow
def test_a_file_of_which_every_row_is_rejected_is_named(tmp_path):
    """Others went through, and that one file gave nothing stood in rejects.jsonl alone."""
    good = [
        f'{{"question": "Q{n}?", "category": "c", "model": "m{m}", "response": "{m}{n}", "dahl_score": {m}}}'
        for n in range(3)
        for m in (0, 1)
    ]
    (tmp_path / "good.jsonl").write_text("\n".join(good))
    bad = [
        one.replace('"dahl_score": ', '"dahl_score": 9').replace("m0", "m2").replace("m1", "m3")
        for one in good
    ]
    (tmp_path / "bad.jsonl").write_text("\n".join([*bad, '{"question": "Q"}']))
    given = ("bad.jsonl", "good.jsonl", "--on-error", "reject")
    done = komep("build", *given, "-o", "r")
    said = "warning: bad.jsonl: no row of it is left; 6 of 7 are rejected as bad.jsonl:1: dahl_score: bad_value: 90.0 is not"
    assert done.returncode == 0 and said in done.stderr and done.stderr.count("no row of it") == 1
    (tmp_path / "q").mkdir()
    (tmp_path / "q" / "a.csv").write_text("question,category\nWhat?,c\n")
    (tmp_path / "q" / "b.csv").write_text("question,category\nWhat?,c\n")  # repeats are no faults
    (tmp_path / "q" / "c.csv").write_text("question,category\n,c\n")
    done = komep("questions", "q", "-o", "q.parquet", "--on-error", "reject")
    assert (
        done.stderr
        == "warning: q/c.csv: no row of it is left; 1 of 1 are rejected as q/c.csv:2: question: missing_field: no value\n"
    )


@pytest.mark.slow
def test_columns_the_wrong_way_round_are_told_by_their_texts_where_no_name_says_it(tmp_path):
    """A swapped map gave a release of nonsense, and exit code 0 without a word on it."""
    rows = [("x1", "x2", "model", "category", "dahl_score")]
    rows += [(f"질문 {n}?", f"{m}의 답 {n}", m, "c", s) for n in range(4) for m, s in (("a", 1), ("b", 0))]
    with (tmp_path / "own.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    done = komep("build", "own.csv", "--map", "x1=response", "--map", "x2=question")
    assert done.returncode == 0 and "warning: of 8 rows 8 have the response of another model" in done.stderr
    done = komep("build", "own.csv", "--map", "x1=question", "--map", "x2=response")
    assert done.returncode == 0 and "wrong way round" not in done.stderr
    (tmp_path / "own.csv").write_text(
        (tmp_path / "own.csv").read_text("utf-8").replace("x1,x2", "문항,응답"), "utf-8"
    )
    done = komep("build", "own.csv", "--map", "문항=response", "--map", "응답=question")
    assert done.stderr.count("way round?") == 1 and '"문항" is a word for the question' in done.stderr
