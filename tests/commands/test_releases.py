"""`komep build` and `komep questions` as a user types them."""

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
    assert done.stdout.startswith("1 questions -> q.parquet; 1 rejects (duplicate_question 1)")
