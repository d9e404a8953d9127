"""Beside a peer: DPO and TRL's own script, adapters and the base that they stand on."""

from pathlib import Path

import pytest

from tests.recipes.launches import LORA, STEPS, furthest, six_steps
from tests.recipes.tiny_runs import losses, pair, read, train, write_release

pytest.importorskip("trl", reason="needs the extra [recipes]")

import torch
from safetensors.torch import load_file
from trainers.dpo import PairwiseDPOTrainer


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


@pytest.mark.slow
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
