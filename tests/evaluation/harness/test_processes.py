"""Several processes of one launch: the same file as one, or a refusal."""

import os
import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import pytest

from evaluation.harness.output import read_evaluation
from tests import warm
from tests.evaluation.runs import TWO_PROCESSES, command, predictions, run

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.slow
def test_two_processes_are_refused_together_while_another_run_holds_the_folder_then_write_the_same_file(
    lettered_model, question_folder, tmp_path
):
    more = ["--batch-size", "2", "--scoring", "logits"]
    assert run(*command(lettered_model, question_folder, tmp_path / "one", *more)) == 0
    launch = [
        warm.python(),
        *TWO_PROCESSES,
        *command(lettered_model, question_folder, tmp_path / "two", *more),
    ]
    environment = {k: v for k, v in os.environ.items() if k != "ACCELERATE_USE_CPU"} | {
        "OMP_NUM_THREADS": "1"
    }

    def launched() -> subprocess.CompletedProcess:
        return subprocess.run(launch, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)

    holder = subprocess.Popen(
        [sys.executable, "-c", "import sys, time; from pathlib import Path; from komep_dataset.files.locks import locked\n"
         "with locked(Path(sys.argv[1]) / 'results.json'): time.sleep(600)", str(tmp_path / "two")],
        cwd=ROOT,
    )  # fmt: skip
    deadline = time.monotonic() + 300
    while not (tmp_path / "two" / ".results.json.lock").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    refused = launched()
    # the last one, again at the end
    errors = [line for line in refused.stderr.splitlines() if line.startswith("error: ")]
    assert refused.returncode == 1 and len(set(errors)) == 1
    assert "another run is at work here" in refused.stderr and not (tmp_path / "two" / "replies").exists()
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    done = launched()
    assert done.returncode == 0, done.stderr[-3000:]
    assert read_evaluation(tmp_path / "two").results["config"]["world_size"] == 2
    assert predictions(tmp_path / "two") == predictions(tmp_path / "one")
    assert not (tmp_path / "two" / "replies").exists()


def test_processes_that_do_not_see_each_other_are_refused(
    tiny_model, question_folder, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("WORLD_SIZE", "2")  # what a launcher sets; this process is alone all the same
    alone = types.SimpleNamespace(num_processes=1)
    monkeypatch.setattr("accelerate.PartialState", lambda **_: alone)
    assert run(*command(tiny_model, question_folder, tmp_path / "out")) == 1
    assert "2 processes were launched and do not see each other" in capsys.readouterr().err
