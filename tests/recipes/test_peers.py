"""Losses beside those of a peer: ORPO, LoRA and a cached reference under DeepSpeed, DPO by TRL's own script.

`pytest tests/recipes/test_peers.py -m slow -rP` prints how far they are apart.
"""

import math
from pathlib import Path

import pytest

from tests.recipes.launches import STEPS, finish, furthest, launch, six_steps
from tests.recipes.tiny_runs import losses, pair, read, train, write_release

pytest.importorskip("trl", reason="needs the extra [train]")

import torch
from safetensors.torch import load_file
from trainers.dpo import PairwiseDPOTrainer

LORA = {
    "use_peft": "true",
    "lora_target_modules": "all-linear",
    "lora_r": 4,
    "lora_dropout": 0.0,
    "learning_rate": 5e-3,
}


@pytest.mark.slow
@pytest.mark.parametrize("config", ["cpu_zero2", "cpu_zero3"])
def test_a_cached_reference_is_not_rounded_under_deepspeed(config, tiny_model, tmp_path):
    """In bfloat16, the type of every GPU topology: a policy that is still the reference has a loss of ln 2.

    Sums over long answers are hundreds of nats, which bfloat16 knows to the nearest 2 or 4.
    """
    rows = [pair(i, words=80 + i) for i in range(16)]
    data = write_release(tmp_path / "release", {"train": rows, "test": rows[:2]})
    changes = {"bf16": "true", "precompute_ref_log_probs": "true", "max_steps": 1, "max_length": 512}
    finish(launch(config, "dpo", six_steps(tiny_model, data, tmp_path / "out", 2, **changes)))
    assert (
        read(tmp_path / "out")["evaluation"]["before"]["logps_chosen"] < -250
    )  # else rounding would not show
    print(f"{config}: {losses(tmp_path / 'out')[0]:.5f}")
    assert losses(tmp_path / "out")[0] == pytest.approx(math.log(2), abs=2e-3)


@pytest.mark.slow
def test_orpo_under_zero3(tiny_model, release, tmp_path):
    """The same losses as in one process. A mean over tokens is one over each process's tokens: within 2%, not equal."""
    batches = {"alone": 4, "zero3": 2}
    arguments = {n: six_steps(tiny_model, release, tmp_path / n, batch) for n, batch in batches.items()}
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
    assert train("dpo", six_steps(tiny_model, release, tmp_path / "lora", 4, **LORA)) == 0
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
    finish(launch("cpu_zero3", "dpo", six_steps(tiny_model, release, output, 2, **LORA)))
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
    arguments = six_steps(tiny_model, data, tmp_path / "ours", 4, save_strategy="steps", save_steps=STEPS)
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
