"""The GPU check without a GPU: its real command, and steps that go wrong."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.benchmarks.gpu.written_lines import lines_of

pytest.importorskip("torch", reason="needs the extra [recipes]")

from benchmarks.gpu import check
from benchmarks.gpu.setting import DONE, Setting

ROOT = Path(__file__).resolve().parents[3]


# Steps that end in every way there is; the process that others are forked from imports this file.
STEPS = """
import os, subprocess, sys, time
from pathlib import Path
from benchmarks.gpu import check
from benchmarks.gpu.setting import Setting

def fine(setting, say):
    say({"value": 1})

def wrong(setting, say):
    say({"value": 2})
    raise ValueError("two\\nlines")

def refused(setting, say):
    print("error: --beta: no such value")
    sys.stdout.flush()
    raise RuntimeError("recipe ended with 1")

def slow(setting, say):
    say({"value": 3})
    time.sleep(600)

def killed(setting, say):
    os._exit(9)

def careless(setting, say):
    left = subprocess.Popen(["sleep", "600"], start_new_session=True)  # as torchrun's workers are
    say({"pid": left.pid})

STEPS = {f.__name__: check.step(f, 3 if f is slow else 60) for f in (fine, wrong, refused, slow, killed, careless)}
check.all_steps = lambda tiny: STEPS

if __name__ == "__main__":
    output, seconds, names = Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]
    print(check.run_steps(names, Setting("cpu", True, output), output, seconds))
"""


def python(*words: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, *map(str, words)],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )


def run_steps(folder: Path, seconds: float, *names: str) -> tuple[list[dict], str]:
    """(lines, what was printed) of some of the steps above."""
    (folder / "small_steps.py").write_text(STEPS, "utf-8")
    start = "import runpy, small_steps; runpy.run_module('small_steps', run_name='__main__', alter_sys=True)"
    done = python("-c", start, folder, seconds, *names, PYTHONPATH=f"{folder}:{ROOT}")
    assert not done.returncode, done.stderr
    return lines_of(folder / check.LINES), done.stdout


@pytest.mark.slow
def test_every_step_has_its_line_however_it_ends_and_what_it_leaves_running_is_ended(tmp_path):
    lines, said = run_steps(tmp_path, 500, "wrong", "refused", "slow", "killed", "careless", "fine")
    ends = [(line["step"], line.get("failed", line.get("value"))) for line in lines]
    assert [(step, re.sub(r"after \d+ s", "after 3 s", str(end))) for step, end in ends] == [
        ("wrong", "2"),
        ("wrong", "ValueError: two lines"),
        ("refused", "error: --beta: no such value"),
        ("slow", "3"),
        ("slow", "ended after 3 s"),
        ("killed", "the process ended with 9"),
        ("careless", "None"),
        ("fine", "1"),
    ]
    assert said.split()[-1] == "4" and said.count("FAILED") == 4 and said.count("done") == 2
    assert "Traceback" in (tmp_path / check.LOG).read_text("utf-8")
    pid = lines[-2]["pid"]
    left = psutil.Process(pid) if psutil.pid_exists(pid) else None
    assert left is None or left.status() == psutil.STATUS_ZOMBIE  # where nobody collects what is dead


@pytest.mark.slow
def test_an_interrupted_check_ends_its_step_and_keeps_its_lines(tmp_path):
    """SIGTERM, as a scheduler sends it, in the middle of the first step."""
    words = ["--device", "cpu", "--tiny", "--only", "card", "--output", str(tmp_path / "check")]
    command = [sys.executable, "-m", "benchmarks.gpu.check", *words, "--work", str(tmp_path / "work")]
    running = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not (tmp_path / "check" / check.LINES).is_file():
        time.sleep(0.1)
    running.terminate()
    _, said = running.communicate(timeout=300)
    assert running.returncode == 130 and said.splitlines()[-1].startswith("interrupted; ")
    assert "Traceback" not in said and lines_of(tmp_path / "check" / check.LINES)[0]["step"] == "begin"


def test_no_step_begins_without_time(tmp_path):
    lines, said = run_steps(tmp_path, 4, "fine", "wrong")
    assert [(line["step"], line["failed"]) for line in lines] == [
        ("fine", "not begun: 4 s were to be used"),
        ("wrong", "not begun: 4 s were to be used"),
    ]
    assert said.split() == ["2"]


def begin(rehearsal: bool) -> dict:
    return {
        "step": "begin",
        "date": "2026-01-02",
        "device": "cpu",
        "rehearsal": rehearsal,
        "command": "check",
    }


@pytest.mark.slow
def test_the_real_command_runs_a_step(tmp_path):
    """Into a file that has lines already, which stay; `pairs` stands for what `prepare` makes."""
    (tmp_path / "work" / "pairs").mkdir(parents=True)
    for name in ("8b", "1b"):
        model = Setting("cpu", True, tmp_path / "work").model(name)
        model.mkdir(parents=True)
        (model / DONE).touch()
    output = tmp_path / "check"
    output.mkdir()
    check.append(output / check.LINES, {"step": "begin"})
    words = ["--device", "cpu", "--tiny", "--only", "card", "shared-attention", "--work", tmp_path / "work"]
    done = python("-m", "benchmarks.gpu.check", *words, "--output", output)
    assert done.returncode == 0, done.stderr + (output / check.LOG).read_text("utf-8")
    kept, begin, card, *attention = lines_of(output / check.LINES)
    assert kept == {"step": "begin"} and begin["rehearsal"] is True and "--only card" in begin["command"]
    assert card["card"] == "CPU" and card["versions"]["trl"]
    assert [line["causal"] for line in attention] == [False, True]
    assert all(line["values_differ"] < 1e-5 for line in attention)


@pytest.mark.slow
def test_no_gpu_is_one_line(tmp_path):
    done = python("-m", "benchmarks.gpu.check", "--output", tmp_path / "check", CUDA_VISIBLE_DEVICES="")
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("error: no GPU that PyTorch can use") and done.stderr.count("\n") == 1
    assert not (tmp_path / "check" / check.LINES).exists()


@pytest.mark.parametrize("option", ["--only", "--without"])
def test_an_unknown_step_is_named_with_those_there_are(option, tmp_path):
    with pytest.raises(SystemExit, match=r"^error: no step dpo-trll; there are card, prepare, .*dpo-trl, "):
        check.main(["--output", str(tmp_path / "check"), option, "card", "dpo-trll"])
    assert not list(tmp_path.iterdir())
