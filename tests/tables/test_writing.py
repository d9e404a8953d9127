"""Tables out, and rejects: what others wrote stays."""

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import polars as pl
import pytest

from komep_dataset.errors import KomepError
from komep_dataset.schema import Question, Reject
from komep_dataset.tables.writing import write_rejects, write_table

ROOT = Path(__file__).parents[2]
QUESTIONS = pl.DataFrame([asdict(Question("0" * 16, "What?", "c", "en", "s"))])


def test_rejects_of_somebody_else_stay_and_those_of_other_stages_and_models_too(tmp_path):
    one = {stage: Reject(stage, f"q/{stage}", "tie", "") for stage in ("a", "b")}
    write_rejects(tmp_path, "a", [one["a"]])
    write_rejects(tmp_path, "b", [one["b"], Reject("b", "q/other", "tie", "")])
    write_rejects(tmp_path, "b", [], own=lambda key: key.endswith("/b"))
    keys = [json.loads(line)["key"] for line in (tmp_path / "rejects.jsonl").read_text().splitlines()]
    assert keys == ["q/a", "q/other"]
    for theirs in (b"my notes\n", b'{"stage": 1}\n', b"\xff\xfe"):
        (tmp_path / "rejects.jsonl").write_bytes(theirs)
        with pytest.raises(KomepError, match=r"rejects\.jsonl"):
            write_rejects(tmp_path, "a", [])
        assert (tmp_path / "rejects.jsonl").read_bytes() == theirs


def test_rejects_that_many_write_at_once_are_all_there(tmp_path):
    code = (
        "import sys; from pathlib import Path; from komep_dataset.schema import Reject;"
        "from komep_dataset.tables.writing import write_rejects; n = sys.argv[2];"
        "[write_rejects(Path(sys.argv[1]), 's', [Reject('s', f'q/{n}', 'tie', '')], own=lambda k: k == f'q/{n}') for _ in range(30)]"
    )
    both = [subprocess.Popen([sys.executable, "-c", code, tmp_path, str(n)], cwd=ROOT) for n in range(4)]
    assert [process.wait() for process in both] == [0] * 4
    keys = {json.loads(line)["key"] for line in (tmp_path / "rejects.jsonl").read_text().splitlines()}
    assert keys == {f"q/{n}" for n in range(4)}
    assert [p.name for p in tmp_path.iterdir()] == ["rejects.jsonl"]


def test_a_table_that_somebody_wrote_into_is_none_of_ours(tmp_path):
    path = tmp_path / "q.jsonl"
    write_table(QUESTIONS, path, Question)
    for more in (
        '{"question_id": "x", "question": "Q?", "category": "c"}',
        '{"my_note": "years of work"}',
        "a line",
    ):
        path.write_text(path.read_text() + more + "\n")
        with pytest.raises(KomepError, match="left as it is"):
            write_table(QUESTIONS, path, Question)
        path.unlink()
        write_table(QUESTIONS, path, Question)
