"""Steps as processes: failed, waited for, killed, and ended before the next run."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from evaluation.experiments.commands import Step
from evaluation.experiments.running import StepFailed, end_left_over, left_over, run_step
from komep_dataset.files.locks import locked
from tests.evaluation.experiments.files import wait_for
from tests.places import snapshot

pytestmark = pytest.mark.usefixtures("from_the_root")  # where the paths of experiment files start


def shell_step(text: str, result: Path) -> Step:
    return Step("train", ("bash", "-c", text), result)


def test_a_step_that_fails_says_its_last_lines(tmp_path):
    with pytest.raises(StepFailed, match=r"(?s)ended with 3.*no such model"):
        run_step(shell_step("echo no such model >&2; exit 3", tmp_path / "a" / "x"), tmp_path / "log")
    with pytest.raises(StepFailed, match="ended with 0"):  # as a recipe that was stopped from outside
        run_step(shell_step("true", tmp_path / "a" / "x"), tmp_path / "log")


def test_a_step_waits_for_another_run_of_it(tmp_path):
    result = tmp_path / "a" / "x"
    started = tmp_path / "started"
    slow = shell_step(f"touch {started}; sleep 1; mkdir -p {result.parent}; touch {result}", result)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(run_step, slow, tmp_path / "log")
        wait_for(started)
        run_step(shell_step("exit 3", result), tmp_path / "log2")  # done by then: not run
        first.result()
    assert not (tmp_path / "log2").exists() and sorted(p.name for p in tmp_path.iterdir()) == [
        "a",
        "log",
        "started",
    ]


def test_a_step_that_another_container_still_works_on_fails_and_says_so(tmp_path):
    """A killed run's step in another container is in no /proc of ours; its lock is there."""
    output = tmp_path / "a"
    command = (
        sys.executable,
        "-m",
        "evaluation.run",
        "--model",
        "no/model",
        "--benchmark",
        "kormedmcqa-sample",
    )
    step = Step("evaluate", (*command, "--output", str(output)), output / "results.json")
    with (
        locked(output / "results.json"),
        pytest.raises(StepFailed, match="another run is at work here; wait until it ends"),
    ):
        run_step(step, tmp_path / "log")


def test_files_with_the_names_of_ours_in_a_folder_stay(tmp_path):
    result = tmp_path / "a" / "x"
    for name in (
        "a/checkpoint-best/model.bin",
        "a/checkpoint-7/model.safetensors",
        ".a.lock",
        ".a.step.lock",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("mine")
    before = snapshot(tmp_path)
    run_step(shell_step(f"touch {result}", result), tmp_path / "log")
    assert snapshot(tmp_path).items() >= before.items()


def test_what_a_killed_run_left_behind_is_ended_first(tmp_path):
    """kill -9 of the command leaves its step alive; the next run stops it before it writes into the same folder."""
    result, started = tmp_path / "a" / "x", tmp_path / "started"
    code = (
        "from evaluation.experiments.commands import Step; from evaluation.experiments.running import run_step; "
        f"from pathlib import Path; run_step(Step('train', ('bash', '-c', 'touch {started}; sleep 60; true'), "
        f"Path({str(result)!r})), Path({str(tmp_path / 'log')!r}))"
    )
    first = subprocess.Popen([sys.executable, "-c", code])
    wait_for(started)
    first.kill()
    first.wait()
    mark = str(result.resolve())
    assert left_over(mark)
    run_step(shell_step(f"mkdir -p {result.parent}; touch {result}", result), tmp_path / "log2")
    assert result.exists() and not left_over(mark)
    end_left_over(mark)  # nothing to do: returns at once


@pytest.mark.parametrize(
    ("on_end", "seconds", "saved"),
    [
        ("sleep 0.5; touch {saved}; exit 1", 0.02, True),
        ("", 2.5, False),
    ],  # the same press; it goes on, which is told, and is killed
)
def test_no_step_outlives_who_presses_twice(tmp_path, on_end, seconds, saved):
    result, started = tmp_path / "a" / "x", tmp_path / "started"
    trap = on_end.format(saved=tmp_path / "saved")
    step = f"trap '{trap}' TERM; touch {started}; while :; do sleep 0.1; done"
    (tmp_path / "work.py").write_text(
        "from pathlib import Path\nfrom komep_dataset.errors import doing, ended, interruptible\ninterruptible()\n"
        "from evaluation.experiments.commands import Step\nfrom evaluation.experiments.running import run_step\n"
        "doing.at_once = False\n"
        f"ended(lambda: run_step(Step('train', ('bash', '-c', {step!r}), Path({str(result)!r})), Path('log')))"
    )
    root = Path(__file__).resolve().parents[3]
    running = subprocess.Popen(
        [sys.executable, "work.py"], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(root)}, stderr=subprocess.PIPE,
        text=True, start_new_session=True,
    )  # fmt: skip
    wait_for(started)
    running.send_signal(signal.SIGINT)
    time.sleep(seconds)
    running.send_signal(signal.SIGINT)
    said = running.communicate(timeout=60)[1]
    waits = f"waiting for the step that makes {result} to save what it has and end, at most 280 s; Ctrl-C again kills it\n"
    ended = "interrupted: nothing was begun; to go on: python work.py\n"
    assert (running.returncode, said) == (130, ended if saved else waits + ended)
    mark, deadline = str(result.resolve()), time.monotonic() + 20
    while (
        not saved and left_over(mark) and time.monotonic() < deadline
    ):  # a kill takes effect in its own time
        time.sleep(0.05)
    assert not left_over(mark) and (tmp_path / "saved").exists() == saved
