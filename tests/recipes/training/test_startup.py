"""How a recipe starts and ends as a process."""

import signal
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path

import pytest

from tests.recipes.launches import LONG, launch, wait_for, workers
from tests.recipes.tiny_runs import RECIPES, flags, train

pytest.importorskip("trl", reason="needs the extra [train]")


def test_an_interrupt_is_one_line(tiny_model, release, tmp_path, monkeypatch, capsys):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(import_module("sft"), "main", interrupted)
    assert train("sft", flags(tiny_model, release, tmp_path / "out")) == 130
    assert capsys.readouterr().err == "interrupted; the same command goes on from the last checkpoint\n"
    assert not list((tmp_path / "out").glob(".run.json*"))  # let go of


@pytest.mark.slow
def test_wrong_usage_is_the_exit_code_of_the_process(tmp_path):
    (tmp_path / "sft.yaml").write_text("learning_rat: 1.0e-5\n", "utf-8")
    command = [sys.executable, str(RECIPES / "sft.py"), "--config", str(tmp_path / "sft.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 2 and "'learning_rate'" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.slow
def test_sigterm_to_the_launcher_of_one_process_reaches_it(tiny_model, release, tmp_path):
    """`kill` on `accelerate launch`, or what a scheduler sends to the process that it started."""
    arguments = flags(tiny_model, release, tmp_path / "out", **LONG)
    launcher = launch("cpu", "dpo", arguments, "--quiet")
    said = wait_for(launcher, "step 5/")
    (recipe,) = workers(launcher.pid)
    launcher.send_signal(signal.SIGTERM)
    said += launcher.communicate(timeout=300)[0]  # until the recipe has closed its end, too
    assert "the same command goes on from there" in said, said
    (checkpoint,) = (tmp_path / "out").glob("checkpoint-*")
    assert 5 <= int(checkpoint.name.split("-")[1]) < LONG["max_steps"]
    status = Path(f"/proc/{recipe}/status")
    for _ in range(100):  # until it is gone, or waits for whoever took it over to notice
        if not status.exists() or "State:\tZ" in status.read_text("utf-8"):
            break
        time.sleep(0.2)
    else:
        raise AssertionError("the recipe lives on")
