"""The recipes on every topology that a CPU has: the losses of one process, and a resume that changes nothing.

A launch does several runs where it can: its imports take longer than they do.

`pytest tests/recipes/test_distributed.py -m slow -rP` prints the losses of each run and how far they are from one process.
"""

import math
import shutil
import socket
import sys
from pathlib import Path

import pytest

from tests.recipes.launches import LORA, ROOT, STEPS, TWO, finish, furthest, launch, six_steps
from tests.recipes.tiny_runs import flags, losses, pair, read, train, write_release

pytest.importorskip("trl", reason="needs the extra [recipes]")

import torch
from accelerate.commands.config.config_args import load_config_from_file
from safetensors.torch import load_file

from komep_dataset.files.locks import locked

# Accelerate's file, the type of the processes that see each other, and what the launcher is told beside.
TOPOLOGIES = {
    "ddp": ("ddp", "MULTI_CPU", TWO),
    "zero2": ("cpu_zero2", "DEEPSPEED", ()),
    "zero3": ("cpu_zero3", "DEEPSPEED", ()),
    "fsdp2": ("fsdp2", "FSDP", TWO),
}
# What an environment says that the launch file must go over; and one launch whose processes all start as a user's do.
OVERRULED = {
    "zero3": {"ACCELERATE_USE_CPU": "true"},
    "ddp": {"python": sys.executable, "PYTHON_EXEC": sys.executable},
}
SAVING = {"save_strategy": "steps", "save_steps": 3}


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

    Runs: `dpo`; under ZeRO `cached`, of a reference in bfloat16 that is computed before; under ZeRO-3 `orpo`, `lora` and
    `short`, whose reference is a single batch with nothing held out; under ZeRO-2 and FSDP in the end `refused`, whose folder
    another run holds: beside it, `said.txt` is what the launch said and `left.txt` what then lay in the folder.
    """
    folder, launched = tmp_path_factory.mktemp("topologies"), set()
    runs_of = {
        "ddp": ["dpo"],
        "zero2": ["dpo", "cached", "refused"],
        "zero3": ["dpo", "orpo", "lora", "cached", "short"],
        "fsdp2": ["dpo", "refused"],
    }
    cached = {"bf16": "true", "precompute_ref_log_probs": "true", "max_steps": 1, "max_length": 512}
    short = {"precompute_ref_log_probs": "true", "precompute_ref_batch_size": 8, "max_steps": 2}
    more = {"dpo": SAVING, "cached": cached, "lora": LORA, "short": short}
    train_alone = write_release(folder / "train-alone", {"train": [pair(i) for i in range(16)]})

    def words(topology: str, name: str) -> list[str]:
        data = {"cached": long_pairs, "short": train_alone}.get(name, release)
        method = {"orpo": "orpo", "refused": "sft"}.get(name, "dpo")
        if method == "sft":
            return [method, *flags(tiny_model, data, folder / topology / name, max_steps=1), "+"]
        arguments = six_steps(tiny_model, data, folder / topology / name, 2, **more.get(name, {}))
        return [method, *arguments, "+"]

    def get(topology: str, name: str = "dpo") -> Path:
        if topology not in launched:
            launched.add(topology)
            config, _, launcher = TOPOLOGIES[topology]
            method, *arguments, _ = (word for run in runs_of[topology] for word in words(topology, run))
            process = launch(config, method, arguments, *launcher, **OVERRULED.get(topology, {}))
            if "refused" in runs_of[topology]:
                output = folder / topology / "refused"
                with locked(output / "run.json"):
                    said = process.communicate(timeout=400)[0]
                    left = sorted(path.name for path in output.iterdir())
                (folder / topology / "said.txt").write_text(f"{process.returncode}\n{said}", "utf-8")
                (folder / topology / "left.txt").write_text("\n".join(left), "utf-8")
                assert "another run is at work here" in said, said[-6000:]
            else:
                finish(process)
        return folder / topology / name

    return get


@pytest.fixture(scope="module")
def two_nodes(tiny_model, release, runs, tmp_path_factory) -> Path:
    """multi_node.yaml as it is but for the size: one launcher a node, here on one machine.

    Holds `whole`, with a cached reference, and `resumed`, which takes up the run of ZeRO-3 on one node from its checkpoint at
    step 3.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    nodes = ("--num_machines", "2", "--main_process_ip", "127.0.0.1", *TWO)
    folder = tmp_path_factory.mktemp("two-nodes")
    left_out = ("checkpoint-6", "model.safetensors", "training_summary*")
    shutil.copytree(runs("zero3"), folder / "resumed", ignore=shutil.ignore_patterns(*left_out))
    (folder / "resumed" / "trainer_state.json").unlink()  # the checkpoint has its own
    arguments = six_steps(tiny_model, release, folder / "whole", 2, precompute_ref_log_probs="true")
    arguments += ["+", "dpo", *six_steps(tiny_model, release, folder / "resumed", 2, **SAVING)]
    finish(
        *(
            launch("multi_node", "dpo", arguments, *nodes, "--machine_rank", str(rank), port=port)
            for rank in (0, 1)
        )
    )
    return folder


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
def test_a_launch_file_goes_over_the_environment(runs):
    """With ACCELERATE_USE_CPU=true in it, DeepSpeed would be left out, and a plain model meet what was made for it."""
    assert "ACCELERATE_USE_CPU" in OVERRULED["zero3"]
    assert read(runs("zero3"))["distributed_type"] == "DEEPSPEED"


@pytest.mark.slow
@pytest.mark.parametrize("topology", ["zero2", "fsdp2"])
def test_all_processes_of_a_launch_end_where_another_run_is_at_work(topology, runs):
    """And the launches that go well leave no lock."""
    launched = runs(topology).parent
    code, *said = (launched / "said.txt").read_text("utf-8").splitlines()
    # behind the launcher's words once more
    errors = {line for line in said if line.startswith("error: ")}
    assert code == "1" and len(errors) == 1 and "another run is at work here" in errors.pop(), said
    assert "recipes/startup.py" not in "\n".join(said)
    assert (launched / "left.txt").read_text("utf-8") == ".run.json.lock"


@pytest.mark.slow
def test_two_launchers_as_on_two_nodes(two_nodes, one_process):
    same_run(two_nodes / "whole", one_process, "two nodes", 2, "DEEPSPEED")


@pytest.mark.slow
def test_a_zero3_run_resumed_on_two_nodes_equals_the_whole_run(runs, two_nodes):
    whole, output = runs("zero3"), two_nodes / "resumed"
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
