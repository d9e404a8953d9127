"""The DPO recipe on every topology that a CPU has: the same losses, and a resume that changes nothing.

`pytest tests/recipes/test_distributed.py -m slow -rP` prints the losses of each run and how far they are from one process.
"""

import shutil
import socket
from pathlib import Path

import pytest

from tests.recipes.launches import ROOT, STEPS, TWO, finish, furthest, launch, six_steps
from tests.recipes.tiny_runs import losses, read, train

pytest.importorskip("trl", reason="needs the extra [train]")

import torch
from accelerate.commands.config.config_args import load_config_from_file
from safetensors.torch import load_file

# Accelerate's file, the type of the processes that see each other, and what the launcher is told beside.
TOPOLOGIES = {
    "ddp": ("ddp", "MULTI_CPU", TWO),
    "zero2": ("cpu_zero2", "DEEPSPEED", ()),
    "zero3": ("cpu_zero3", "DEEPSPEED", ()),
    "fsdp2": ("fsdp2", "FSDP", TWO),
}


@pytest.fixture(scope="module")
def one_process(tiny_model, release, tmp_path_factory) -> Path:
    """Output of one process with the same effective batch."""
    output = tmp_path_factory.mktemp("alone") / "out"
    assert train("dpo", six_steps(tiny_model, release, output, 4)) == 0
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
            finish(launch(config, "dpo", six_steps(tiny_model, release, output, 2, **saving), *launcher))
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
def test_two_launchers_as_on_two_nodes(tiny_model, release, one_process, tmp_path):
    """multi_node.yaml as it is but for the size: one launcher a node, here on one machine; and a cached reference."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    nodes = ("--num_machines", "2", "--main_process_ip", "127.0.0.1", *TWO)
    arguments = six_steps(tiny_model, release, tmp_path / "out", 2, precompute_ref_log_probs="true")
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
    arguments = six_steps(tiny_model, release, output, 2, save_strategy="steps", save_steps=3)
    finish(launch("cpu_zero3", "dpo", arguments))
    summary = read(output)
    assert (summary["resumed_from_step"], summary["steps"], summary["world_size"]) == (3, STEPS, 2)
    print(f"resumed from step 3 under ZeRO-3: {furthest(losses(output), losses(whole)):.1e}")
    assert losses(output) == pytest.approx(losses(whole), rel=1e-3)
    expected, found = load_file(whole / "model.safetensors"), load_file(output / "model.safetensors")
    for key in expected:
        torch.testing.assert_close(found[key], expected[key], rtol=1e-3, atol=1e-5)
