"""How a recipe starts and ends as a process."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests import warm
from tests.recipes.launches import ENDLESS, begin, launch, wait_for, workers
from tests.recipes.tiny_runs import RECIPES, flags, read, train

pytest.importorskip("trl", reason="needs the extra [recipes]")


def test_what_an_interruption_leaves(tmp_path):
    from training.startup import last_checkpoint

    assert last_checkpoint(tmp_path) == "no checkpoint was written yet"
    for name in ("checkpoint-5", "checkpoint-10", "checkpoint-15", "checkpoint-best"):
        (tmp_path / name).mkdir()
        if name != "checkpoint-15":  # cut short while it was written
            (tmp_path / name / "trainer_state.json").touch()
    assert last_checkpoint(tmp_path) == f"{tmp_path / 'checkpoint-10'} is kept"


def test_a_run_of_a_test_takes_its_variables_back_so_that_later_starts_are_warm(tmp_path, monkeypatch):
    from training import startup

    set_here = []
    monkeypatch.setattr(
        startup, "keep_freed_memory", lambda: set_here.append(os.environ.setdefault("A_RUN", "1"))
    )
    train("sft", flags(Path("no/model"), Path("no/data"), tmp_path / "out"))
    assert set_here and "A_RUN" not in os.environ


@pytest.fixture
def as_it_was(monkeypatch):
    """What `--quiet` and `--verbose` say to this process is taken back."""
    import logging

    import datasets
    import transformers

    from komep_dataset.errors import doing

    monkeypatch.setattr(doing, "verbose", False)
    for name in ("TQDM_DISABLE", "HF_DATASETS_DISABLE_PROGRESS_BARS", "HF_HUB_DISABLE_PROGRESS_BARS"):
        monkeypatch.setenv(name, "")
    level, handlers, root = (
        transformers.utils.logging.get_verbosity(),
        logging.root.handlers[:],
        logging.root.level,
    )
    yield
    logging.root.handlers[:] = handlers
    logging.root.setLevel(root)
    transformers.utils.logging.set_verbosity(level)
    datasets.enable_progress_bars()


@pytest.mark.slow
def test_a_quiet_run_of_the_first_pairs(tiny_model, release, tmp_path, capsys, as_it_was):
    """Nothing but warnings is printed, and what was left out stands in the summary and in the way of another run."""
    given = {"max_steps": 1, "max_length": 64, "limit": 6}
    words = flags(tiny_model, release, tmp_path / "out", **given)
    capsys.readouterr()
    assert train("dpo", [*words, "-q"]) == 0
    out, err = capsys.readouterr()
    assert out == "" and all(line.startswith("warning: ") for line in err.splitlines()), err
    summary = read(tmp_path / "out")
    assert summary["dataset"]["limit"] == 6 and summary["pairs"] == {"train": 6, "test": 5}
    assert summary["share_dropped"] == 0.0  # of the pairs that were taken

    assert train("dpo", words) == 0  # the same run
    out = capsys.readouterr().out
    assert "--limit 6: the first pairs alone are taken, 6 of 25 of train, 5 of 5 of test\n" in out
    for limit in ("7", None):
        other = flags(tiny_model, release, tmp_path / "out", **given | {"limit": limit})
        assert train("dpo", other if limit else other[:-2]) == 1
        assert f"dataset: limit = 6, this one has {limit}; take" in capsys.readouterr().err


def test_what_is_wrong_is_told_under_quiet_and_with_its_traceback_under_verbose(
    tiny_model, tmp_path, capsys, as_it_was
):
    words = flags(tiny_model, tmp_path / "nothing" / "here", tmp_path / "out", max_steps=1)
    assert train("orpo", [*words, "--quiet"]) == 1
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("error: ") and err.count("\n") == 1
    assert train("orpo", [*words, "-v"]) == 1
    said = capsys.readouterr().err.splitlines()  # what libraries log comes before
    assert "Traceback (most recent call last):" in said and said[-1].startswith("error: --dataset_name")


@pytest.mark.slow
@pytest.mark.parametrize("form", ["alone", "cpu"])
def test_ctrl_c_ends_in_one_line_that_says_how_to_go_on(tiny_model, release, tmp_path, form):
    """And two processes: tests/recipes/trainers/test_safeguards.py."""
    arguments = flags(tiny_model, release, tmp_path / "out", **ENDLESS, save_strategy="steps", save_steps=2)
    running = {
        "alone": lambda: begin(["recipes/dpo.py", *arguments]),
        "cpu": lambda: launch("cpu", "dpo", arguments, python=sys.executable),
    }[form]()
    said = wait_for(running, "step 5/")
    for recipe in workers(running.pid) or [running.pid]:
        os.kill(recipe, signal.SIGINT)
    said += running.communicate(timeout=300)[0]
    last = said.rstrip().splitlines()[-1]
    assert re.match(
        r"interrupted: .*/out/checkpoint-\d+ is kept; to go on: (python|accelerate launch) .*recipes/dpo.py ",
        last,
    ), said
    assert form != "alone" or (running.returncode, "Traceback" in said) == (130, False)


@pytest.mark.slow
def test_the_last_word_is_the_recipes(tiny_model, release, tmp_path):
    """`accelerate launch` without --quiet writes a traceback about a process that failed."""
    done = launch("cpu", "dpo", flags(tmp_path / "none", release, tmp_path / "out"))
    said = done.communicate(timeout=300)[0]
    assert said.rstrip().splitlines()[-1].startswith("error: --model_name_or_path "), said


@pytest.mark.slow
def test_wrong_usage_is_the_exit_code_of_the_process(tmp_path):
    (tmp_path / "sft.yaml").write_text("learning_rat: 1.0e-5\n", "utf-8")
    command = [warm.python(), str(RECIPES / "sft.py"), "--config", str(tmp_path / "sft.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 2 and "'learning_rate'" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.slow
def test_sigterm_to_the_launcher_of_one_process_reaches_it(tiny_model, release, tmp_path):
    """`kill` on `accelerate launch`, or what a scheduler sends to the process that it started."""
    arguments = flags(tiny_model, release, tmp_path / "out", **ENDLESS)
    launcher = launch("cpu", "dpo", arguments, "--quiet", python=sys.executable)
    said = wait_for(launcher, "step 5/")
    (recipe,) = workers(launcher.pid)
    launcher.send_signal(signal.SIGTERM)
    said += launcher.communicate(timeout=300)[0]  # until the recipe has closed its end, too
    assert "the same command goes on from there" in said, said
    (checkpoint,) = (tmp_path / "out").glob("checkpoint-*")
    assert 5 <= int(checkpoint.name.split("-")[1]) < ENDLESS["max_steps"]
    status = Path(f"/proc/{recipe}/status")
    for _ in range(100):  # until it is gone, or waits for whoever took it over to notice
        if not status.exists() or "State:\tZ" in status.read_text("utf-8"):
            break
        time.sleep(0.2)
    else:
        raise AssertionError("the recipe lives on")
