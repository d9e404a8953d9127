"""`komep build` and `komep questions` as a user types them."""

import csv
import json
import subprocess
import sys
from pathlib import Path

KOMEP = [sys.executable, "-m", "komep_dataset.cli"]


def komep(*args, cwd: Path, **options):
    return subprocess.run([*KOMEP, *map(str, args)], cwd=cwd, capture_output=True, text=True, **options)


def test_build_without_input_builds_the_sample_into_komep(tmp_path):
    done = komep("build", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "komep" / "build.json").read_text())["is_sample"]
    assert "written for this project" in done.stdout
    assert done.stderr == ""  # no bar where nobody looks


def test_questions(tmp_path):
    (tmp_path / "q.csv").write_text("question,category\nWhat?,x\nwhat? ,x\n")
    done = komep("questions", "q.csv", "--output", "q.parquet", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("1 question -> q.parquet; 1 reject (duplicate_question 1)")


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
    done = komep("build", "a.csv", cwd=tmp_path)
    assert done.returncode == 1 and "--map 질문=question" in done.stderr and "--map 모델=model" in done.stderr
    names = ("question", "category", "model", "response", "units")
    maps = [f"--map={new}={name}" for new, name in zip(rows[0], names, strict=True)]
    done = komep("build", "a.csv", *maps, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("read as CP949") == 1 and "nothing to hold out" in done.stderr
    assert done.stdout.splitlines()[1].split() == ["ko", "train", "1", "test", "0"]
    assert json.loads((tmp_path / "komep" / "provenance.json").read_text())["columns"]["사실"] == "units"
    done = komep("build", "a.csv", *maps[:-1], "--map", "facts=units", cwd=tmp_path)
    assert (done.returncode, "there is no column 'facts'" in done.stderr) == (1, True)
    assert komep("build", "a.csv", "--map", "질문", cwd=tmp_path).returncode == 2
