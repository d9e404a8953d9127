"""What a folder with an earlier run is taken for: gone on with, finished, another's, or broken."""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.recipes.tiny_runs import METHODS, RECIPES, flags, read, train, weights

torch = pytest.importorskip("torch", reason="needs the extra [train]")
pytest.importorskip("trl", reason="needs the extra [train]")

from training.run_record import mean_loss  # noqa: E402

from tests.recipes.training.test_safeguards import LONG, environment, wait_for, workers  # noqa: E402

SETTINGS = {"max_steps": 4, "save_strategy": "steps", "save_steps": 2}


@pytest.fixture(scope="module")
def whole(tiny_model, release, tmp_path_factory):
    """A finished run of four steps, which are an epoch and a third of the data, and its checkpoints."""
    folder = tmp_path_factory.mktemp("whole") / "out"
    assert train("dpo", flags(tiny_model, release, folder, **SETTINGS)) == 0
    return folder


@pytest.fixture()
def copied(whole, tmp_path):
    """That run as a kill leaves it: with checkpoints and without an end."""
    folder = tmp_path / "out"
    shutil.copytree(whole, folder)
    for name in ("training_summary.json", "model.safetensors"):
        (folder / name).unlink()
    return folder


@pytest.mark.parametrize("method", METHODS)
def test_a_checkpoint_of_the_last_step_is_not_trained_further(method, tiny_model, release, tmp_path):
    """Killed in the last evaluation: what is left to do is the evaluation."""
    settings = {"max_steps": 2, "save_strategy": "steps", "save_steps": 2}
    whole, resumed = tmp_path / "whole", tmp_path / "resumed"
    assert train(method, flags(tiny_model, release, whole, **settings)) == 0
    shutil.copytree(whole, resumed)
    for name in ("training_summary.json", "model.safetensors"):
        (resumed / name).unlink()
    assert train(method, flags(tiny_model, release, resumed, **settings)) == 0
    first, second = read(whole), read(resumed)
    assert (second["steps"], second["resumed_from_step"]) == (2, 2)
    assert second["train_loss"] == pytest.approx(first["train_loss"], abs=1e-4)
    assert second["evaluation"]["after"]["loss"] == pytest.approx(
        first["evaluation"]["after"]["loss"], abs=1e-5
    )
    expected = weights(whole)
    for name, weight in weights(resumed).items():
        torch.testing.assert_close(weight, expected[name], msg=name)


def test_the_loss_of_a_resumed_run_is_that_of_all_its_steps(copied, whole, tiny_model, release):
    shutil.rmtree(copied / "checkpoint-4")
    assert train("dpo", flags(tiny_model, release, copied, **SETTINGS)) == 0
    assert read(copied)["resumed_from_step"] == 2
    assert read(copied)["train_loss"] == pytest.approx(read(whole)["train_loss"], abs=1e-4)


def test_mean_loss_by_hand():
    history = [{"step": 2, "loss": 1.0}, {"step": 2, "eval_loss": 9.0}, {"step": 3, "loss": 4.0}]
    assert mean_loss(history, 3, 0.5, 1) == pytest.approx((2 * 1 + 4 + 0.5) / 4)
    assert mean_loss([], 0, 0.5, 2) == 0.5
    assert mean_loss(history, 3, 0.0, 0) == pytest.approx(2.0)
    assert mean_loss([], 3, 0.0, 0) is None


@pytest.mark.parametrize("content", [None, "", '{"global_step": '], ids=["missing", "empty", "cut short"])
def test_a_half_written_checkpoint_is_passed_over(content, copied, whole, tiny_model, release, capsys):
    """What `kill -9` leaves while one is written; the one before it is whole."""
    state = copied / "checkpoint-4" / "trainer_state.json"
    state.unlink() if content is None else state.write_text(content)
    assert train("dpo", flags(tiny_model, release, copied, **SETTINGS)) == 0
    assert "checkpoint-4 was not written to its end" in capsys.readouterr().out
    assert read(copied)["resumed_from_step"] == 2 and read(copied)["steps"] == 4
    assert read(copied)["evaluation"]["after"]["loss"] == pytest.approx(
        read(whole)["evaluation"]["after"]["loss"], abs=1e-5
    )


def test_without_a_whole_checkpoint_the_run_begins_anew(copied, tiny_model, release):
    for name in ("checkpoint-2", "checkpoint-4"):
        (copied / name / "trainer_state.json").unlink()
    assert train("dpo", flags(tiny_model, release, copied, **SETTINGS)) == 0
    assert read(copied)["resumed_from_step"] == 0 and read(copied)["steps"] == 4


def test_checkpoints_of_another_program_are_not_gone_on_with(copied, tiny_model, release, capsys):
    (copied / "run.json").unlink()
    assert train("dpo", flags(tiny_model, release, copied, **SETTINGS)) == 1
    message = capsys.readouterr().err
    assert "run.json" in message and "--output_dir" in message
    assert not (copied / "training_summary.json").exists()


@pytest.mark.parametrize("finished", [True, False])
def test_a_run_is_not_shortened(finished, whole, copied, tiny_model, release, tmp_path, capsys):
    folder = tmp_path / "finished"
    shutil.copytree(whole if finished else copied, folder)
    assert train("dpo", flags(tiny_model, release, folder, **(SETTINGS | {"max_steps": 3}))) == 1
    message = capsys.readouterr().err
    assert "max_steps = 4" in message and "3" in message


def test_a_run_of_some_steps_may_be_lengthened_to_whole_epochs(whole, tiny_model, release, tmp_path):
    """`max_steps` of -1 leaves it to the epochs; it is no smaller number of steps."""
    folder = tmp_path / "out"
    shutil.copytree(whole, folder)
    settings = SETTINGS | {"max_steps": -1, "num_train_epochs": 3}
    assert train("dpo", flags(tiny_model, release, folder, **settings)) == 0
    assert read(folder)["resumed_from_step"] == 4 and read(folder)["steps"] == 9


@pytest.mark.parametrize(
    "change",
    [
        {"adam_beta2": 0.5}, {"adam_epsilon": 1}, {"data_seed": 7}, {"use_weighting": "true"},
        {"model_revision": "other"}, {"lr_scheduler_kwargs": '{"min_lr": 0}'}, {"dataset_test_split": "train"},
    ],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_every_setting_that_shapes_a_model_makes_another_run(change, whole, tiny_model, release, capsys):
    assert train("dpo", flags(tiny_model, release, whole, **SETTINGS, **change)) == 1
    assert next(iter(change)).removeprefix("dataset_") in capsys.readouterr().err


def test_a_run_of_an_older_version_is_still_known(copied, tiny_model, release):
    """Its `run.json` lacks settings that are recorded by now."""
    settings = read(copied, "run.json")
    del settings["adam_beta2"]
    (copied / "run.json").write_text(json.dumps(settings), "utf-8")
    assert train("dpo", flags(tiny_model, release, copied, **SETTINGS)) == 0


@pytest.mark.slow
def test_sigterm_to_the_launcher_of_one_process_reaches_it(tiny_model, release, tmp_path):
    """`kill` on `accelerate launch`, or what a scheduler sends to the process that it started."""
    arguments = flags(tiny_model, release, tmp_path / "out", **LONG)
    command = [sys.executable, "-m", "accelerate.commands.launch", "--quiet", "--config_file"]
    command += ["accelerate_configs/cpu.yaml", "recipes/dpo.py", *arguments]
    launcher = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=RECIPES.parent,
        env=environment(),
    )
    said = wait_for(launcher, "step 5/")
    (recipe,) = workers(launcher.pid)
    launcher.send_signal(signal.SIGTERM)
    said += launcher.communicate(timeout=120)[0]  # until the recipe has closed its end, too
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
