"""The `komep` command as a user types it: exit codes, messages, no traceback."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from komep_dataset.release.build import build
from tests.pipeline.chains import komep

ROOT = Path(__file__).parents[1]


def test_help_imports_nothing_heavy(tmp_path):
    code = (
        "import sys; sys.argv = ['komep', '--help']\n"
        "from komep_dataset.cli import main\n"
        "try: main()\n"
        "except SystemExit as stop: assert stop.code == 0\n"
        "heavy = {'polars', 'pyarrow', 'datasets', 'torch', 'transformers', 'scipy', 'numpy', 'datatrove'}\n"
        "heavy |= {'komep_dataset.dahl', 'komep_dataset.replies.refusals'}  # hundreds of patterns\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "questions" in done.stdout
    assert "build" in done.stdout


@pytest.mark.slow
def test_a_build_loads_no_more_than_it_uses(tmp_path):
    """pandas alone, which `pq.read_table` imports, took as long as the build of the sample."""
    code = (
        "import sys; sys.argv = ['komep', 'build', '--quiet']\n"
        "from komep_dataset.cli import main\n"
        "try: main()\n"
        "except SystemExit as stop: assert not stop.code\n"
        "heavy = {'pandas', 'scipy.stats', 'rich', 'datasets', 'huggingface_hub', 'datatrove', 'aiohttp', 'torch', 'sklearn'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, (tmp_path / "komep" / "build.json").is_file()) == (0, True), done.stderr


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["export", "komep"], 2, "Missing option '--format' (Whose files: axolotl, "),
        (["build", "nowhere.jsonl"], 1, "error: nowhere.jsonl: no such file or folder"),
        (["build", "bad.jsonl"], 1, "bad.jsonl:1: malformed"),
        (["build", "--pairs", "some"], 2, "--pairs"),
        (["build", "--min-margin", "much"], 2, "--min-margin"),
        (["questions", "bad.jsonl"], 2, "--output"),
        (["nonsense"], 2, "nonsense"),
    ],
)
def test_bad_input_gives_a_message_and_a_code(tmp_path, monkeypatch, args, code, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.jsonl").write_text("{\n")
    done = komep(*args)
    assert done.returncode == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


@pytest.mark.parametrize(
    "args",
    [
        ["score", "r.parquet", "--config", "p.yaml", "--output", "s.parquet"],
        ["respond", "q.parquet", "--config", "p.yaml", "--model", "m", "--output", "r.parquet"],
        ["calibrate", "--config", "p.yaml"],
        ["run", "p.yaml"],
    ],
)
def test_the_llm_commands_without_their_extra(tmp_path, args):
    code = (
        "import sys; sys.modules['datatrove'] = None\n"  # as if it were not installed
        f"sys.argv = ['komep', *{args!r}]\n"
        "from komep_dataset.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert 'pip install "komep[llm]"' in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_score_estimates_without_asking_or_writing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    from komep_dataset.schema import Response
    from komep_dataset.tables.writing import write_table

    row = {
        "question_id": "0" * 16, "model": "m", "question": "What?", "category": "c", "response": "One. Two.",
        "prompt_protocol": "chat", "temperature": 0.6, "top_p": 0.9, "max_new_tokens": 9, "seed": 0,
        "finish_reason": "stop", "prompt_tokens": 1, "completion_tokens": 1,
    }  # fmt: skip
    import polars as pl

    write_table(pl.DataFrame([row]), tmp_path / "r.parquet", Response)
    judge = "{endpoint: http://127.0.0.1:9/v1, model: m}"
    (tmp_path / "p.yaml").write_text(f"splitter: {judge}\nchecker: {judge}\n")
    done = komep("score", "r.parquet", "--config", "p.yaml", "--estimate")
    assert (done.returncode, done.stderr) == (0, "")
    assert "score: split           1 calls" in done.stdout and "nothing was asked" in done.stdout
    assert sorted(p.name for p in tmp_path.iterdir()) == ["p.yaml", "r.parquet"]
    done = komep("score", "r.parquet", "--config", "p.yaml")
    assert done.returncode == 2
    assert "--output" in done.stderr


def test_the_pipeline_does_not_need_torch_and_the_command_no_polars():
    for module, absent in (("komep_dataset.release.build", "torch"), ("komep_dataset.cli", "polars")):
        code = f"import sys; import {module}; assert {absent!r} not in sys.modules"
        subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("encoding", ["cp949", "ascii", "latin-1"])
def test_a_terminal_of_another_encoding_is_no_error_after_the_work(tmp_path, monkeypatch, encoding):
    monkeypatch.chdir(tmp_path)
    rows = (
        {"question": "통풍이란?", "category": "내과", "model": m, "response": m, "dahl_score": s}
        for m, s in (("é😀", 0), ("b", 1))
    )
    (tmp_path / "s.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for words in (["build", "s.jsonl", "-o", "릴리스"], ["models", "s.jsonl"], ["build", "없음😀.jsonl"]):
        done = komep(*words, encoding=encoding)
        assert done.returncode == (words[1] != "s.jsonl"), done.stderr
    assert "\\U0001f600" in done.stderr
    if encoding == "ascii":  # and as a process has it
        command = [sys.executable, "-m", "komep_dataset.cli", *words]
        environment = os.environ | {"PYTHONIOENCODING": encoding, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, env=environment, capture_output=True)
        assert done.returncode == 1 and b"Traceback" not in done.stderr + done.stdout
        assert b"\\U0001f600" in done.stderr


@pytest.mark.slow
def test_who_has_read_enough_of_the_output_sees_no_traceback(tmp_path):
    build([], tmp_path / "komep")
    read = f"{sys.executable} -m komep_dataset.cli verify komep | head -c 5"
    done = subprocess.run(["sh", "-c", read], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout == "files" and "Traceback" not in done.stderr
