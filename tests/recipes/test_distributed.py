"""The recipes on every topology that a CPU has: the losses of one process, and a resume that changes nothing.

A launch does several runs where it can: its imports take longer than they do.

`pytest tests/recipes/test_distributed.py -m slow -rP` prints the losses of each run and how far they are from one process.
"""

import math
import shutil
import socket
from pathlib import Path

import pytest

from tests.recipes.launches import LORA, ROOT, STEPS, TWO, finish, furthest, launch, six_steps
from tests.recipes.tiny_runs import losses, pair, read, train, write_release

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
def long_pairs(tmp_path_factory) -> Path:
    """Answers of hundreds of nats, which bfloat16 knows to the nearest 2 or 4."""
    rows = [pair(i, words=80 + i) for i in range(16)]
    return write_release(tmp_path_factory.mktemp("long"), {"train": rows, "test": rows[:2]})


@pytest.fixture(scope="module")
def runs(tiny_model, release, long_pairs, tmp_path_factory):
    """(topology, run) -> output of two processes on it, launched when first asked for.

    Runs: `dpo`; under ZeRO `cached`, of a reference in bfloat16 that is computed before; under ZeRO-3 `orpo`, `lora`, `short`,
    whose reference is a single batch with nothing held out, and `resumed`, which a launch of its own takes up from the
    checkpoint of `dpo` at step 3.
    """
    folder, done = tmp_path_factory.mktemp("topologies"), set()
    saving = {"save_strategy": "steps", "save_steps": 3}
    cached = {"bf16": "true", "precompute_ref_log_probs": "true", "max_steps": 1, "max_length": 512}
    short = {"precompute_ref_log_probs": "true", "precompute_ref_batch_size": 8, "max_steps": 2}
    train_alone = write_release(folder / "train-alone", {"train": [pair(i) for i in range(16)]})

    def launched(topology: str, *names: str) -> None:
        config, _, launcher = TOPOLOGIES[topology]
        words = []
        for name in names:
            data = {"cached": long_pairs, "short": train_alone}.get(name, release)
            changes = {"dpo": saving, "resumed": saving, "cached": cached, "lora": LORA, "short": short}.get(
                name, {}
            )
            method = "orpo" if name == "orpo" else "dpo"
            words += [method, *six_steps(tiny_model, data, folder / topology / name, 2, **changes), "+"]
        finish(launch(config, words[0], words[1:-1], *launcher))
        done.update((topology, name) for name in names)

    def get(topology: str, name: str = "dpo") -> Path:
        if (topology, name) not in done:
            if name == "dpo":
                launched(topology, "dpo", *{"zero2": ["cached"], "zero3": ["orpo"]}.get(topology, []))
            else:
                whole, output = get(topology), folder / topology / "resumed"
                if (topology, name) not in done:
                    left_out = ("checkpoint-6", "model.safetensors", "training_summary*")
                    shutil.copytree(whole, output, ignore=shutil.ignore_patterns(*left_out))
                    (output / "trainer_state.json").unlink()  # the checkpoint has its own
                    launched(topology, "resumed", "lora", "cached", "short")
        return folder / topology / name

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
def test_resumed_zero3_equals_the_whole_run(runs):
    whole, output = runs("zero3"), runs("zero3", "resumed")
    summary = read(output)
    assert (summary["resumed_from_step"], summary["steps"], summary["world_size"]) == (3, STEPS, 2)
    print(f"resumed from step 3 under ZeRO-3: {furthest(losses(output), losses(whole)):.1e}")
    assert losses(output) == pytest.approx(losses(whole), rel=1e-3)
    expected, found = load_file(whole / "model.safetensors"), load_file(output / "model.safetensors")
    for key in expected:
        torch.testing.assert_close(found[key], expected[key], rtol=1e-3, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("topology", ["zero2", "zero3"])
def test_a_cached_reference_is_not_rounded_under_deepspeed(topology, runs):
    """In bfloat16, the type of every GPU topology: a policy that is still the reference has a loss of ln 2."""
    output = runs(topology, "cached")
    assert read(output)["evaluation"]["before"]["logps_chosen"] < -250  # else rounding would not show
    print(f"{topology}: {losses(output)[0]:.5f}")
    assert losses(output)[0] == pytest.approx(math.log(2), abs=2e-3)


@pytest.mark.slow
def test_a_reference_of_one_batch_under_zero3(runs):
    """The engine that computed it has left nothing behind in the model that stops the first step."""
    output = runs("zero3", "short")
    summary = read(output)
    assert (summary["steps"], summary["world_size"], summary["evaluation"]["after"]) == (2, 2, None)
    assert losses(output)[0] == pytest.approx(math.log(2), abs=1e-4) and losses(output)[1] < losses(output)[0]


@pytest.mark.slow
def test_orpo_under_zero3(tiny_model, release, runs, tmp_path):
    """The same losses as in one process. A mean over tokens is one over each process's tokens: within 2%, not equal."""
    assert train("orpo", six_steps(tiny_model, release, tmp_path / "alone", 4)) == 0
    output = runs("zero3", "orpo")
    summary = read(output)
    assert (summary["world_size"], summary["distributed_type"]) == (2, "DEEPSPEED")
    found, wanted = losses(output), losses(tmp_path / "alone")
    assert wanted[-1] < 0.99 * wanted[0]
    print(f"orpo under ZeRO-3: {' '.join(f'{loss:.6f}' for loss in found)}  {furthest(found, wanted):.1e}")
    assert found == pytest.approx(wanted, rel=0.02)


@pytest.mark.slow
def test_lora_under_zero3(tiny_model, release, runs, tmp_path):
    assert train("dpo", six_steps(tiny_model, release, tmp_path / "alone", 4, **LORA)) == 0
    output = runs("zero3", "lora")
    summary = read(output)
    assert (summary["world_size"], summary["distributed_type"]) == (2, "DEEPSPEED")
    print(f"LoRA under ZeRO-3: {furthest(losses(output), losses(tmp_path / 'alone')):.1e}")
    assert losses(output) == pytest.approx(losses(tmp_path / "alone"), rel=0.02)
    saved, expected = (
        load_file(folder / "adapter_model.safetensors") for folder in (output, tmp_path / "alone")
    )
    assert saved.keys() == expected.keys() and len(saved) == 28
    for key in saved:
        torch.testing.assert_close(saved[key], expected[key], rtol=0.02, atol=1e-3)
