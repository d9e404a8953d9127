"""A run that cannot go well is stopped before it costs anything; one that is interrupted loses nothing."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.recipes.tiny_runs import METHODS, RECIPES, flags, pair, read, train, weights, write_release

torch = pytest.importorskip("torch", reason="needs the extra [train]")
pytest.importorskip("trl", reason="needs the extra [train]")

from trainers.safeguards import Watch, find_questions  # noqa: E402
from training.output_folder import planned_checkpoints, space_needed  # noqa: E402

from komep_dataset.errors import KomepError  # noqa: E402

ROOT = RECIPES.parent


def test_stated_batch_must_be_the_real_one(tiny_model, release, tmp_path, capsys):
    assert train("dpo", flags("no/such-model", release, tmp_path / "out", global_batch_size=16)) == 2
    message = capsys.readouterr().err
    assert "--global_batch_size 16, and 1 processes x 4 pairs x 2 accumulated = 8" in message
    assert train("sft", flags(tiny_model, release, tmp_path / "out", global_batch_size=8, max_steps=1)) == 0


def test_a_token_on_the_command_line_is_refused(tiny_model, release, tmp_path, capsys):
    assert train("dpo", flags(tiny_model, release, tmp_path / "out", hub_token="hf_secret")) == 2
    message = capsys.readouterr().err
    assert "HF_TOKEN" in message and "hf_secret" not in message


@pytest.mark.parametrize("method", METHODS)
def test_a_loss_that_is_no_number_stops_the_run_with_its_questions(method, tiny_model, tmp_path, capsys):
    folder = write_release(tmp_path / "release", {"train": [pair(i) for i in range(8)], "test": [pair(9)]})
    settings = {
        "max_steps": 6,
        "learning_rate": 1e30,
        "max_grad_norm": 0,
        "save_strategy": "steps",
        "save_steps": 1,
    }
    settings |= {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 1}
    assert train(method, flags(tiny_model, folder, tmp_path / "out", **settings)) == 1
    message = capsys.readouterr().err
    assert "is not finite" in message and "--learning_rate" in message
    step = int(message.split("step ")[1].split(":")[0])
    named = message.split("its batch: ")[1].split(".")[0].split(", ")
    assert len(named) == 2 and set(named) <= {f"{i:016x}" for i in range(8)}
    assert not (tmp_path / "out" / f"checkpoint-{step}").exists()
    assert not (tmp_path / "out" / "training_summary.json").exists()


def test_a_gradient_that_is_no_number_stops_the_run_but_under_fp16():
    watch, state = Watch(SimpleNamespace(question_ids=lambda: ["q1", "q2"])), SimpleNamespace(global_step=3)
    watch.on_log(SimpleNamespace(fp16=True), state, None, logs={"grad_norm": float("inf")})
    watch.on_log(SimpleNamespace(fp16=False), state, None, logs={"grad_norm": 1.0})
    with pytest.raises(KomepError, match=r"step 3: the gradient is not finite; .*: q1, q2"):
        watch.on_log(SimpleNamespace(fp16=False), state, None, logs={"grad_norm": float("nan")})


def test_questions_of_a_batch_are_found():
    from datasets import Dataset

    data = {"a": [[1], [1, 2], [3]], "b": [[2], [3], [4]], "question_id": ["x", "y", None]}
    dataset = Dataset.from_dict(data)
    assert find_questions(dataset, ("a", "b"), [[3, 4], [1, 2]]) == ["x", "row 2"]
    assert find_questions(dataset, ("a",), [[9]]) == []


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


@pytest.mark.parametrize("method", ["orpo", "sft"])  # test_dpo.py has DPO's
def test_resumed_run_equals_the_uninterrupted_one(method, tiny_model, release, tmp_path):
    settings = {"max_steps": 2, "save_strategy": "steps", "save_steps": 1}
    assert train(method, flags(tiny_model, release, tmp_path / "whole", **settings)) == 0
    shutil.copytree(tmp_path / "whole", tmp_path / "out")
    shutil.rmtree(tmp_path / "out" / "checkpoint-2")
    for name in ("training_summary.json", "model.safetensors"):
        (tmp_path / "out" / name).unlink()
    assert train(method, flags(tiny_model, release, tmp_path / "out", **settings)) == 0
    resumed, whole = read(tmp_path / "out"), read(tmp_path / "whole")
    assert resumed["resumed_from_step"] == 1 and resumed["tokens_seen"] == whole["tokens_seen"]
    for moment in ("before", "after"):
        for name in ("loss", "gain_accuracy", "logps_rejected"):
            expected = pytest.approx(whole["evaluation"][moment][name], abs=1e-5)
            assert resumed["evaluation"][moment][name] == expected, (moment, name)
    expected = weights(tmp_path / "whole")
    for name, weight in weights(tmp_path / "out").items():
        torch.testing.assert_close(weight, expected[name], atol=1e-3, rtol=0, msg=name)


def environment() -> dict[str, str]:
    """That of a user's shell on a machine without GPUs."""
    found = {key: value for key, value in os.environ.items() if key != "ACCELERATE_USE_CPU"}
    return found | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONUNBUFFERED": "1"}


def wait_for(process: subprocess.Popen, words: str) -> str:
    """What the program said until a line began with `words`."""
    said = ""
    for line in process.stdout:
        said += line
        if line.startswith(words):
            return said
    raise AssertionError(f"ended with {process.wait()}: {said}")


def workers(launcher: int) -> list[int]:
    """Process ids of the recipes that a launcher started."""
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            fields = dict(
                line.split(":", 1) for line in status.read_text("utf-8").splitlines() if ":" in line
            )
        except OSError:
            continue  # it ended in between
        if int(fields["PPid"]) == launcher:
            found.append(int(fields["Pid"]))
    return sorted(found)


STEPS = 150  # of a few milliseconds: long enough for a signal to arrive in between
LONG = {"max_steps": STEPS, "logging_steps": 5, "max_test_pairs": 2, "num_train_epochs": 1000}


@pytest.mark.slow
def test_sigterm_saves_a_checkpoint_and_the_same_command_goes_on(tiny_model, release, tmp_path):
    arguments = flags(tiny_model, release, tmp_path / "out", **LONG)
    command = [sys.executable, "recipes/dpo.py", *arguments]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT, env=environment()
    )
    said = wait_for(process, "step 5/")
    process.send_signal(signal.SIGTERM)
    said += process.communicate(timeout=120)[0]
    assert process.returncode == 0 and "Traceback" not in said, said
    (checkpoint,) = (tmp_path / "out").glob("checkpoint-*")
    step = int(checkpoint.name.split("-")[1])
    assert 5 <= step < STEPS and f"interrupted at step {step}: the same command goes on" in said
    assert not (tmp_path / "out" / "training_summary.json").exists()
    assert not (tmp_path / "out" / "model.safetensors").exists()  # nothing half-trained passes for a model
    assert train("dpo", arguments) == 0
    assert read(tmp_path / "out")["resumed_from_step"] == step
    assert train("dpo", flags(tiny_model, release, tmp_path / "whole", **LONG)) == 0
    expected = weights(tmp_path / "whole")
    for name, weight in weights(tmp_path / "out").items():
        torch.testing.assert_close(weight, expected[name], atol=1e-3, rtol=0, msg=name)


@pytest.mark.slow
def test_sigterm_to_one_of_two_processes_stops_both_at_the_same_step(tiny_model, release, tmp_path):
    command = [sys.executable, "-m", "accelerate.commands.launch", "--main_process_port", "0"]
    command += ["--config_file", "accelerate_configs/ddp.yaml", "--num_processes", "2", "recipes/orpo.py"]
    command += flags(tiny_model, release, tmp_path / "out", **LONG)
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT, env=environment()
    )
    said = wait_for(process, "step 5/")
    found = workers(process.pid)
    assert len(found) == 2
    os.kill(found[1], signal.SIGTERM)
    said += process.communicate(timeout=120)[0]
    assert process.returncode == 0 and "Traceback" not in said, said
    (checkpoint,) = (tmp_path / "out").glob("checkpoint-*")
    state = json.loads((checkpoint / "trainer_state.json").read_text("utf-8"))
    assert f"interrupted at step {state['global_step']}" in said and state["global_step"] < STEPS
    assert sorted(path.name for path in checkpoint.glob("rng_state*")) == [
        "rng_state_0.pth",
        "rng_state_1.pth",
    ]


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
