"""The DPO recipe on every topology that a CPU has: the same losses, a resume that changes nothing, and TRL's own figures.

`pytest tests/recipes/test_distributed.py -m slow -rP` prints the losses of each run and how far they are from one process.
"""

import math
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.recipes.launches import ROOT, TWO, finish, launch
from tests.recipes.tiny_runs import losses, pair, read, train, write_release

pytest.importorskip("trl", reason="needs the extra [train]")

import torch
from accelerate.commands.config.config_args import load_config_from_file
from safetensors.torch import load_file
from trainers.dpo import PairwiseDPOTrainer

STEPS = 6
FLAGS = {
    "max_steps": STEPS,
    "max_length": 64,
    "beta": 0.5,
    "learning_rate": 1e-3,
    "lr_scheduler_type": "constant",
    "per_device_eval_batch_size": 2,
    "gradient_accumulation_steps": 2,
    "activation_checkpointing": "false",
    "bf16": "false",
    "dataloader_pin_memory": "false",
    "save_strategy": "no",
    "logging_steps": 1,
    "report_to": "none",
}
LORA = {
    "use_peft": "true",
    "lora_target_modules": "all-linear",
    "lora_r": 4,
    "lora_dropout": 0.0,
    "learning_rate": 5e-3,
}
# Accelerate's file, the type of the processes that see each other, and what the launcher is told beside.
TOPOLOGIES = {
    "ddp": ("ddp", "MULTI_CPU", TWO),
    "zero2": ("cpu_zero2", "DEEPSPEED", ()),
    "zero3": ("cpu_zero3", "DEEPSPEED", ()),
    "fsdp2": ("fsdp2", "FSDP", TWO),
}


def flags(model: Path, release: Path, output: Path, batch: int, **more) -> list[str]:
    settings = {"model_name_or_path": model, "dataset_name": release, "output_dir": output, **FLAGS}
    settings |= {"per_device_train_batch_size": batch, "global_batch_size": 8, **more}
    return [word for key, value in settings.items() for word in (f"--{key}", str(value))]


def furthest(found: list[float], expected: list[float]) -> float:
    """Largest relative difference, step by step."""
    return max(abs(f - e) / abs(e) for f, e in zip(found, expected, strict=True))


@pytest.fixture(scope="module")
def one_process(tiny_model, release, tmp_path_factory) -> Path:
    """Output of one process with the same effective batch."""
    output = tmp_path_factory.mktemp("alone") / "out"
    assert train("dpo", flags(tiny_model, release, output, 4)) == 0
    summary = read(output)
    assert (summary["world_size"], summary["distributed_type"]) == (1, "NO")
    return output


@pytest.fixture(scope="module")
def runs(tiny_model, release, tmp_path_factory):
    """Topology -> output of two processes on it, run when first asked for."""
    folder, done = tmp_path_factory.mktemp("topologies"), {}

    def get(topology: str) -> Path:
        if topology not in done:
            config, _, launcher = TOPOLOGIES[topology]
            output = folder / topology
            saving = {"save_strategy": "steps", "save_steps": 3} if topology == "zero3" else {}
            finish(launch(config, "dpo", flags(tiny_model, release, output, 2, **saving), *launcher))
            done[topology] = output
        return done[topology]

    return get


def same_run(output: Path, expected: Path, name: str, world: int, kind: str) -> None:
    """Processes that see each other; step by step the same losses; the same model and held-out figures in the end."""
    here, there = read(output), read(expected)
    assert (here["world_size"], here["distributed_type"], here["device"]) == (world, kind, "cpu")
    found, wanted = losses(output), losses(expected)
    assert len(wanted) == STEPS and wanted[-1] < 0.8 * wanted[0]  # else equality would say nothing
    print(f"{name:>10} {kind:>9} {' '.join(f'{loss:.6f}' for loss in found)}  {furthest(found, wanted):.1e}")
    assert found == pytest.approx(wanted, rel=0.02)
    assert not (output / ".run.json.lock").exists()
    for key in ("effective_batch", "tokens_seen", "trainable_parameters", "parameters", "steps"):
        assert here[key] == there[key], key
    for moment in ("before", "after"):
        for key in ("pairs", "reward_accuracy", "policy_accuracy", "logps_chosen"):
            wanted = pytest.approx(there["evaluation"][moment][key], rel=0.02)
            assert here["evaluation"][moment][key] == wanted, (moment, key)
        # Of five pairs: the last batch is filled up with two of them, which must not count twice.
        wanted = pytest.approx(there["evaluation"][moment]["loss"], rel=1e-3)
        assert here["evaluation"][moment]["loss"] == wanted, moment
    whole, gathered = load_file(expected / "model.safetensors"), load_file(output / "model.safetensors")
    assert whole.keys() == gathered.keys()  # put together from the shards
    for key in whole:
        torch.testing.assert_close(gathered[key], whole[key], rtol=0.02, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_same_losses(topology, runs, one_process):
    config, kind, _ = TOPOLOGIES[topology]
    if kind == "DEEPSPEED":
        stage = load_config_from_file(str(ROOT / f"accelerate_configs/{config}.yaml")).deepspeed_config[
            "zero_stage"
        ]
        assert stage == int(topology[-1])
    same_run(runs(topology), one_process, topology, 2, kind)


@pytest.mark.slow
@pytest.mark.parametrize("config", ["cpu_zero2", "cpu_zero3"])
def test_a_cached_reference_is_not_rounded_under_deepspeed(config, tiny_model, tmp_path):
    """In bfloat16, the type of every GPU topology: a policy that is still the reference has a loss of ln 2.

    Sums over long answers are hundreds of nats, which bfloat16 knows to the nearest 2 or 4.
    """
    rows = [pair(i, words=80 + i) for i in range(16)]
    data = write_release(tmp_path / "release", {"train": rows, "test": rows[:2]})
    changes = {"bf16": "true", "precompute_ref_log_probs": "true", "max_steps": 1, "max_length": 512}
    finish(launch(config, "dpo", flags(tiny_model, data, tmp_path / "out", 2, **changes)))
    assert (
        read(tmp_path / "out")["evaluation"]["before"]["logps_chosen"] < -250
    )  # else rounding would not show
    print(f"{config}: {losses(tmp_path / 'out')[0]:.5f}")
    assert losses(tmp_path / "out")[0] == pytest.approx(math.log(2), abs=2e-3)


@pytest.mark.slow
def test_two_launchers_as_on_two_nodes(tiny_model, release, one_process, tmp_path):
    """multi_node.yaml as it is but for the size: one launcher a node, here on one machine; and a cached reference."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    nodes = ("--num_machines", "2", "--main_process_ip", "127.0.0.1", *TWO)
    arguments = flags(tiny_model, release, tmp_path / "out", 2, precompute_ref_log_probs="true")
    finish(
        *(
            launch("multi_node", "dpo", arguments, *nodes, "--machine_rank", str(rank), port=port)
            for rank in (0, 1)
        )
    )
    same_run(tmp_path / "out", one_process, "two nodes", 2, "DEEPSPEED")


@pytest.mark.slow
def test_resumed_zero3_equals_the_whole_run(tiny_model, release, runs, tmp_path):
    whole, output = runs("zero3"), tmp_path / "out"
    shutil.copytree(
        whole, output, ignore=shutil.ignore_patterns("checkpoint-6", "model.safetensors", "training_summary*")
    )
    (output / "trainer_state.json").unlink()  # the checkpoint has its own
    arguments = flags(tiny_model, release, output, 2, save_strategy="steps", save_steps=3)
    finish(launch("cpu_zero3", "dpo", arguments))
    summary = read(output)
    assert (summary["resumed_from_step"], summary["steps"], summary["world_size"]) == (3, STEPS, 2)
    print(f"resumed from step 3 under ZeRO-3: {furthest(losses(output), losses(whole)):.1e}")
    assert losses(output) == pytest.approx(losses(whole), rel=1e-3)
    expected, found = load_file(whole / "model.safetensors"), load_file(output / "model.safetensors")
    for key in expected:
        torch.testing.assert_close(found[key], expected[key], rtol=1e-3, atol=1e-5)


@pytest.mark.slow
def test_orpo_under_zero3(tiny_model, release, tmp_path):
    """The same losses as in one process. A mean over tokens is one over each process's tokens: within 2%, not equal."""
    batches = {"alone": 4, "zero3": 2}
    arguments = {n: flags(tiny_model, release, tmp_path / n, batch) for n, batch in batches.items()}
    assert train("orpo", arguments["alone"]) == 0
    finish(launch("cpu_zero3", "orpo", arguments["zero3"]))
    summary = read(tmp_path / "zero3")
    assert (summary["world_size"], summary["distributed_type"]) == (2, "DEEPSPEED")
    found, wanted = losses(tmp_path / "zero3"), losses(tmp_path / "alone")
    assert wanted[-1] < 0.99 * wanted[0]
    print(f"orpo under ZeRO-3: {' '.join(f'{loss:.6f}' for loss in found)}  {furthest(found, wanted):.1e}")
    assert found == pytest.approx(wanted, rel=0.02)


@pytest.fixture
def lora_alone(tiny_model, release, tmp_path, monkeypatch) -> tuple[Path, dict]:
    """(output, all weights in the trainer when it saved) of LoRA in one process."""
    weights = {}
    save = PairwiseDPOTrainer.save_model

    def keep(self, *args, **kwargs):
        weights.update({name: value.detach().clone() for name, value in self.model.named_parameters()})
        save(self, *args, **kwargs)

    monkeypatch.setattr(PairwiseDPOTrainer, "save_model", keep)
    assert train("dpo", flags(tiny_model, release, tmp_path / "lora", 4, **LORA)) == 0
    return tmp_path / "lora", weights


def test_lora_moves_adapters_alone(tiny_model, lora_alone):
    output, weights = lora_alone
    base = load_file(tiny_model / "model.safetensors")
    frozen = {name: value for name, value in weights.items() if "lora_" not in name}
    for name, value in frozen.items():
        original = name.removeprefix("base_model.model.").replace(".base_layer", "")
        torch.testing.assert_close(value, base[original], rtol=0, atol=0)
    adapters = {name: value for name, value in weights.items() if "lora_" in name}
    assert len(adapters) == 2 * 2 * 7  # A and B of seven linear maps in two layers
    assert [
        name for name, value in adapters.items() if "lora_B" in name and not value.any()
    ] == []  # zero at first
    assert read(output)["trainable_parameters"] == sum(value.numel() for value in adapters.values())


@pytest.mark.slow
def test_lora_under_zero3(tiny_model, release, lora_alone, tmp_path):
    output = tmp_path / "out"
    finish(launch("cpu_zero3", "dpo", flags(tiny_model, release, output, 2, **LORA)))
    summary = read(output)
    assert (summary["world_size"], summary["distributed_type"]) == (2, "DEEPSPEED")
    print(f"LoRA under ZeRO-3: {furthest(losses(output), losses(lora_alone[0])):.1e}")
    assert losses(output) == pytest.approx(losses(lora_alone[0]), rel=0.02)
    saved, expected = (load_file(folder / "adapter_model.safetensors") for folder in (output, lora_alone[0]))
    assert saved.keys() == expected.keys() and len(saved) == 28
    for key in saved:
        torch.testing.assert_close(saved[key], expected[key], rtol=0.02, atol=1e-3)


def test_losses_are_those_of_trl(tiny_model, tmp_path):
    """`trl dpo` and our recipe on the same data with the same flags."""
    from trl.scripts.dpo import main as trl_main
    from trl.scripts.dpo import make_parser

    rows = [pair(i, words=5 + i % 4) for i in range(24)]
    data = write_release(tmp_path / "release", {"train": rows, "test": [pair(i) for i in range(30, 35)]})
    arguments = flags(tiny_model, data, tmp_path / "ours", 4, save_strategy="steps", save_steps=STEPS)
    assert train("dpo", arguments) == 0
    ours = losses(tmp_path / "ours")
    stated = arguments.index("--global_batch_size")
    words = [
        *arguments[:stated],
        *arguments[stated + 2 :],
        "--use_cpu",
        "true",
        "--output_dir",
        str(tmp_path / "theirs"),
    ]
    trl_main(*make_parser().parse_args_and_config(words))
    theirs = losses(tmp_path / "theirs" / f"checkpoint-{STEPS}")
    print(f"ours against trl dpo: {furthest(ours, theirs):.1e}")
    assert ours == pytest.approx(theirs, rel=1e-4)


@pytest.mark.slow
def test_smollm2_learns_from_the_sample(smollm2, tmp_path):
    build = [sys.executable, "-m", "komep_dataset.cli", "build", "--output", str(tmp_path / "komep")]
    built = subprocess.run(build, capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert built.returncode == 0, built.stderr
    changes = {
        "max_train_pairs": 1,  # the same pair twice: a step takes seconds
        "max_test_pairs": 1,
        "max_steps": 2,
        "per_device_train_batch_size": 1,
        "global_batch_size": 1,
        "save_strategy": "no",
        "model_name_or_path": smollm2,
    }
    changes |= {"dataset_name": tmp_path / "komep", "output_dir": tmp_path / "out"}
    arguments = ["--config", "recipes/smollm2-135m/dpo.yaml"]
    arguments += [word for key, value in changes.items() for word in (f"--{key}", str(value))]
    finish(launch("cpu", "dpo", arguments, "--quiet", "--num_cpu_threads_per_process", "2"))
    summary = read(tmp_path / "out")
    assert (summary["world_size"], summary["distributed_type"], summary["steps"]) == (1, "NO", 2)
    assert losses(tmp_path / "out")[0] == pytest.approx(0.6931, abs=1e-3)  # the policy is still the reference
    assert losses(tmp_path / "out")[-1] < 0.692
    assert summary["evaluation"]["after"]["logps_chosen"] != summary["evaluation"]["before"]["logps_chosen"]
