"""The output folder: what a recipe may write over in it, whether it has room, and how it goes to the Hub."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from komep_dataset.errors import KomepError
from tests.full_disk import may_mount
from tests.places import NOWHERE, SOMEBODYS, UNSPEAKABLE, read_only, snapshot, with_files
from tests.recipes.launches import ROOT, begin, environment, wait_for
from tests.recipes.tiny_runs import METHODS, as_killed, flags, of_finished, read, train

pytest.importorskip("trl", reason="needs the extra [recipes]")

import torch
from training.output_folder import planned_checkpoints, push, space_needed

OF_OTHERS = {
    "a model": with_files(README_md="# mine", config_json="{}", model_safetensors="weights"),
    "a picture": with_files(curves_png="PNG"),
    "checkpoints of another program": with_files(
        **{"checkpoint-7__trainer_state_json": '{"global_step": 7}'}
    ),
    "a run.json of others": with_files(run_json='{"scripts": {}}', README_md="# mine"),
    "an empty run.json": with_files(run_json=""),
}
PLACES = SOMEBODYS | OF_OTHERS | NOWHERE | UNSPEAKABLE
HOLDER = """
import sys, time
from pathlib import Path
from komep_dataset.files.locks import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_what_is_no_run_is_refused_before_anything_is_loaded(place, tmp_path, capsys):
    output = place(tmp_path)
    before = snapshot(tmp_path)
    assert train("dpo", flags(Path("no/such-model"), Path("no/such-data"), output)) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: --output_dir ") and str(output)[:9] in error and error.count("\n") == 1
    assert "such-" not in error and snapshot(tmp_path) == before


@pytest.mark.slow
def test_a_folder_that_may_only_be_read(tmp_path):
    if not may_mount(tmp_path):
        pytest.skip("no namespaces for a test on this machine (unshare -rm)")
    command = [sys.executable, "recipes/sft.py", *flags(Path("no/model"), Path("no/data"), tmp_path / "out")]
    done = read_only(tmp_path, command, cwd=ROOT, env=environment())
    assert done.returncode == 1 and "cannot be written" in done.stderr and "Traceback" not in done.stderr


def test_what_a_kill_left_before_the_first_file_is_gone_on_with(tiny_model, release, tmp_path):
    for name in (".run.json.lock", ".run.json.writing-0a1b2c.json"):
        (tmp_path / "out").mkdir(exist_ok=True)
        (tmp_path / "out" / name).touch()
    (tmp_path / "latest").symlink_to("out")
    assert train("sft", flags(tiny_model, release, tmp_path / "latest", max_steps=1)) == 0
    assert (tmp_path / "latest").is_symlink() and read(tmp_path / "out")["steps"] == 1
    assert not (tmp_path / "out" / ".run.json.lock").exists()


def test_a_model_whose_run_was_killed_before_its_summary_is_of_value(
    finished, tiny_model, release, tmp_path, capsys
):
    output = shutil.copytree(finished("sft"), tmp_path / "out", ignore=shutil.ignore_patterns("checkpoint-*"))
    (output / "training_summary.json").unlink()
    before = snapshot(output)
    assert train("sft", of_finished("sft", tiny_model, release, output, seed=7)) == 1
    assert "seed = 42" in capsys.readouterr().err and snapshot(output) == before


@pytest.mark.parametrize("method", METHODS)
def test_a_run_removes_and_writes_over_none_but_its_own_checkpoints(
    method, finished, tiny_model, release, tmp_path, capsys
):
    """The rotation of `transformers` takes whatever folder is called `checkpoint-…`, the oldest first."""
    output, another = (shutil.copytree(finished(method), tmp_path / name) for name in ("out", "other"))
    for mark in another.rglob("run.json"):  # as one of another seed has it
        mark.write_text(mark.read_text("utf-8").replace('"seed": 42', '"seed": 7'), "utf-8")
    shutil.copytree(output / "checkpoint-2", output / "checkpoint-best")
    shutil.copytree(output / "checkpoint-2", output / "checkpoint-2.bak")
    shutil.copytree(tmp_path / "other" / "checkpoint-1", output / "checkpoint-0")
    (output / "checkpoint-3").mkdir()
    (output / "checkpoint-3" / "model.safetensors").write_text("mine")
    (output / "checkpoint-1" / "notes.md").write_text("mine")
    (output / "checkpoint-00").symlink_to(tmp_path / "other" / "checkpoint-2")
    theirs = ("checkpoint-best", "checkpoint-2.bak", "checkpoint-0", "checkpoint-1", "checkpoint-00")
    before = {name: snapshot(output / name) for name in theirs}
    other = snapshot(tmp_path / "other")
    longer = of_finished(method, tiny_model, release, output, max_steps=4, save_total_limit=1)
    assert train(method, longer) == 0
    assert {name: snapshot(output / name) for name in theirs} == before
    assert snapshot(tmp_path / "other") == other
    assert (output / "checkpoint-3.kept-1" / "model.safetensors").read_text() == "mine"
    assert "checkpoint-3 was not of this run: kept as checkpoint-3.kept-1" in capsys.readouterr().out
    found = {path.name for path in output.glob("checkpoint-*")}
    assert found == {*theirs, "checkpoint-3.kept-1", "checkpoint-4"}  # 2 and 3, its own, are gone


def test_checkpoints_of_other_names_do_not_hinder_a_resume(finished, tiny_model, release, tmp_path):
    output = shutil.copytree(finished("sft"), tmp_path / "out")
    (output / "checkpoint-of-june-9").mkdir()
    assert train("sft", of_finished("sft", tiny_model, release, output, max_steps=3)) == 0
    assert read(output)["resumed_from_step"] == 2


def test_two_at_once_one_is_refused_and_kill_9_frees_the_folder(
    finished, tiny_model, release, tmp_path, capsys
):
    """A folder as a run has it in its middle, held by another process as that run holds it."""
    output = as_killed(finished("dpo"), tmp_path / "out")
    shutil.rmtree(output / "checkpoint-2")
    arguments = of_finished("dpo", tiny_model, release, output)
    first = begin(["-c", HOLDER, str(output / "run.json")], python=sys.executable)
    wait_for(first, "held")
    assert train("dpo", arguments) == 1
    assert "another run is at work here" in capsys.readouterr().err
    first.send_signal(signal.SIGKILL)
    first.communicate()
    assert (output / ".run.json.lock").exists()  # left behind, and free
    assert train("dpo", arguments) == 0
    assert read(output)["resumed_from_step"] == 1 and not (output / ".run.json.lock").exists()


def test_output_that_cannot_be_written(tiny_model, release, tmp_path, capsys):
    (tmp_path / "file").write_text("", "utf-8")
    assert train("orpo", flags(tiny_model, release, tmp_path / "file" / "out", max_steps=1)) == 1
    assert "cannot be written" in capsys.readouterr().err


def test_full_disk_is_found_before_the_first_step(tiny_model, release, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("training.output_folder.shutil.disk_usage", lambda _: SimpleNamespace(free=100_000))
    settings = {"max_steps": 4, "save_strategy": "steps", "save_steps": 1, "save_total_limit": 2}
    assert train("dpo", flags(tiny_model, release, tmp_path / "out", **settings)) == 1
    message = capsys.readouterr().err
    assert "0.0 GiB free" in message and "3 checkpoints" in message and "--save_total_limit" in message
    assert not list((tmp_path / "out").glob("checkpoint-*"))


def test_space_by_hand():
    model = torch.nn.Linear(10, 10, bias=False)  # 100 float32
    frozen = torch.nn.Linear(10, 10, bias=False).requires_grad_(False)
    both = torch.nn.ModuleList([model, frozen])
    args = SimpleNamespace(deepspeed_plugin=None, save_only_model=False)
    # the model, and three checkpoints of it with two float32 moments of what is trained
    assert space_needed(both, args, 2, adapter=False) == 800 + 3 * (800 + 800)
    assert space_needed(both, args, 2, adapter=True) == 400 + 3 * (400 + 800)
    args.save_only_model = True
    assert space_needed(both, args, 0, adapter=False) == 1600


def test_planned_checkpoints():
    plan = {
        "world_size": 2,
        "per_device_train_batch_size": 4,
        "gradient_accumulation_steps": 1,
        "max_steps": -1,
    }
    plan |= {"num_train_epochs": 3.0, "save_steps": 10, "save_strategy": "steps", "save_total_limit": None}
    assert planned_checkpoints(SimpleNamespace(**plan), 80) == 3  # 30 steps
    assert planned_checkpoints(SimpleNamespace(**{**plan, "save_total_limit": 2}), 80) == 2
    assert planned_checkpoints(SimpleNamespace(**{**plan, "save_strategy": "epoch", "max_steps": 9}), 80) == 3
    assert planned_checkpoints(SimpleNamespace(**{**plan, "save_strategy": "no"}), 80) == 1
    assert planned_checkpoints(SimpleNamespace(**{**plan, "save_steps": 0.1}), 80) == 10


@pytest.mark.slow
def test_push_to_the_hub_leaves_no_token_behind(tiny_model, release, tmp_path):
    from tests.hub_server import client_environment, serve

    output = tmp_path / "tiny-komep"
    arguments = flags(tiny_model, release, output, max_steps=1, hub_model_id="someone/tiny-komep")
    clean = {key: value for key, value in environment().items() if not key.startswith("HF_")}
    with serve() as hub:
        done = subprocess.run(
            [sys.executable, "recipes/sft.py", *arguments, "--push_to_hub"],
            capture_output=True,
            text=True,
            timeout=300,
            cwd=ROOT,
            env={**clean, **client_environment(hub.address, tmp_path / "home")},
        )
        assert done.returncode == 0, done.stderr[-3000:]
        files = hub.repos["model", "someone/tiny-komep"].files()
    assert {"model.safetensors", "README.md", "curves.png", "training_summary.json", "config.json"} <= set(
        files
    )
    assert files["README.md"] == (output / "README.md").read_bytes()  # ours, not one that TRL wrote over it
    assert files["model.safetensors"] == (output / "model.safetensors").read_bytes()
    assert not [name for name in files if name.startswith("checkpoint-")]
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) > 10 and not [path for path in written if b"hf_write" in path.read_bytes()]
    assert "hf_write" not in done.stdout + done.stderr


def test_a_hub_that_is_lost_at_the_end_loses_no_run():
    """The HTTP client has errors that are none of the operating system's."""

    class ConnectError(Exception):
        pass

    def push_to_hub():
        raise ConnectError("name or service not known")

    trainer = SimpleNamespace(
        push_to_hub=push_to_hub, args=SimpleNamespace(output_dir="out"), hub_model_id="me/model"
    )
    with pytest.raises(
        KomepError, match=r"out is complete, and was not pushed .*not known.*hf upload me/model out"
    ):
        push(trainer)
