"""The DPO recipe through `accelerate launch`: several processes that really see each other, and a real model."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import RECIPES

pytest.importorskip("trl", reason="needs the extra [train]")

ROOT = RECIPES.parent
STEPS = 3
FLAGS = {
    "max_steps": STEPS,
    "max_length": 64,
    "beta": 0.5,
    "learning_rate": 1e-3,
    "lr_scheduler_type": "constant",
    "per_device_eval_batch_size": 2,
    "activation_checkpointing": "false",
    "bf16": "false",
    "dataloader_pin_memory": "false",
    "save_strategy": "no",
    "logging_steps": 1,
    "report_to": "none",
}


def launch(config: str, arguments: list[str], *launcher: str) -> subprocess.CompletedProcess:
    """`accelerate launch --config_file accelerate_configs/<config>.yaml recipes/dpo.py …`."""
    command = [sys.executable, "-m", "accelerate.commands.launch", "--main_process_port", "0", *launcher]
    command += ["--config_file", f"accelerate_configs/{config}.yaml", "recipes/dpo.py", *arguments]
    # Without ACCELERATE_USE_CPU, which conftest sets: a user's shell has none.
    environment = {key: value for key, value in os.environ.items() if key != "ACCELERATE_USE_CPU"}
    environment |= {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "DS_ACCELERATOR": "cpu"}
    return subprocess.run(command, capture_output=True, text=True, timeout=400, cwd=ROOT, env=environment)


def flags(model: Path, release: Path, output: Path, batch: int, *more: str) -> list[str]:
    settings = {"model_name_or_path": model, "dataset_name": release, "output_dir": output, **FLAGS}
    settings |= {"per_device_train_batch_size": batch, "gradient_accumulation_steps": 2}
    return [word for key, value in settings.items() for word in (f"--{key}", str(value))] + list(more)


def read(output: Path, name: str) -> dict:
    return json.loads((output / name).read_text("utf-8"))


def losses(output: Path) -> list[float]:
    return [entry["loss"] for entry in read(output, "trainer_state.json")["log_history"] if "loss" in entry]


@pytest.fixture(scope="module")
def alone(tiny_model, release, tmp_path_factory) -> Path:
    """Output of one process with the same effective batch."""
    output = tmp_path_factory.mktemp("alone") / "out"
    done = launch("cpu", flags(tiny_model, release, output, 4), "--quiet")
    assert done.returncode == 0, done.stderr
    summary = read(output, "training_summary.json")
    assert (summary["world_size"], summary["distributed_type"]) == (1, "NO")
    return output


def same_run(output: Path, alone: Path) -> None:
    """Step by step the same losses, and in the end the same held-out figures, within 2%."""
    assert losses(alone)[-1] != pytest.approx(losses(alone)[0], rel=0.05)  # else equality would say nothing
    assert losses(output) == pytest.approx(losses(alone), rel=0.02)
    here, there = (read(folder, "training_summary.json") for folder in (output, alone))
    assert here["effective_batch"] == there["effective_batch"] == 8
    assert here["tokens_seen"] == there["tokens_seen"]
    assert here["trainable_parameters"] == there["trainable_parameters"]
    for moment in ("before", "after"):
        for name in ("pairs", "loss", "reward_accuracy", "policy_accuracy", "logps_chosen"):
            expected = pytest.approx(there["evaluation"][moment][name], rel=0.02)
            assert here["evaluation"][moment][name] == expected, (moment, name)


@pytest.mark.slow
@pytest.mark.parametrize("cached", ["false", "true"], ids=["reference model", "cached reference"])
def test_zero3_on_two_processes(cached, tiny_model, release, alone, tmp_path):
    output = tmp_path / "out"
    arguments = flags(tiny_model, release, output, 2, "--precompute_ref_log_probs", cached)
    done = launch("cpu_zero3", arguments)
    assert done.returncode == 0, done.stderr[-4000:]
    summary = read(output, "training_summary.json")
    assert (summary["world_size"], summary["distributed_type"]) == (2, "DEEPSPEED")
    same_run(output, alone)
    from transformers import AutoModelForCausalLM

    whole = AutoModelForCausalLM.from_pretrained(output)  # gathered from both shards
    assert sum(p.numel() for p in whole.parameters()) == summary["parameters"]


@pytest.mark.slow
def test_ddp_on_two_processes(tiny_model, release, alone, tmp_path):
    output = tmp_path / "out"
    done = launch("ddp", flags(tiny_model, release, output, 2), "--num_processes", "2")
    assert done.returncode == 0, done.stderr[-4000:]
    summary = read(output, "training_summary.json")
    assert (summary["world_size"], summary["distributed_type"]) == (2, "MULTI_CPU")
    same_run(output, alone)


@pytest.mark.slow
def test_smollm2_learns_from_the_sample(smollm2, tmp_path):
    build = [sys.executable, "-m", "komep_dataset.cli", "build", "--output", str(tmp_path / "komep")]
    built = subprocess.run(build, capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert built.returncode == 0, built.stderr
    changes = {
        "max_train_pairs": 12,
        "max_test_pairs": 6,
        "save_strategy": "no",
        "model_name_or_path": smollm2,
    }
    changes |= {"dataset_name": tmp_path / "komep", "output_dir": tmp_path / "out"}
    arguments = ["--config", "recipes/smollm2-135m/dpo.yaml"]
    arguments += [word for key, value in changes.items() for word in (f"--{key}", str(value))]
    done = launch("cpu", arguments, "--quiet", "--num_cpu_threads_per_process", "2")
    assert done.returncode == 0, done.stderr
    summary = read(tmp_path / "out", "training_summary.json")
    assert (summary["world_size"], summary["distributed_type"], summary["steps"]) == (1, "NO", 3)
    assert losses(tmp_path / "out")[0] == pytest.approx(0.6931, abs=1e-3)  # the policy is still the reference
    assert losses(tmp_path / "out")[-1] < 0.69
    assert summary["evaluation"]["after"]["logps_chosen"] != summary["evaluation"]["before"]["logps_chosen"]
