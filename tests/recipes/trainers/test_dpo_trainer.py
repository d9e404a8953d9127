"""By what a cached reference is found again, and layers that are compiled."""

import shutil
from importlib import import_module

import pytest

from tests.recipes.tiny_runs import flags, read, train

torch = pytest.importorskip("torch", reason="needs the extra [train]")
trl_dpo = pytest.importorskip("trl.trainer.dpo_trainer", reason="needs the extra [train]")


def model(value: float = 1.0, dtype: torch.dtype = torch.float32, spread: bool = False) -> torch.nn.Module:
    """A linear map; spread as ZeRO-3 spreads it, so that the tensor itself is empty."""
    made = torch.nn.Linear(3, 2, bias=False, dtype=dtype)
    weights = torch.arange(6, dtype=dtype).reshape(2, 3) * value
    if spread:
        made.weight.data = torch.empty(0, dtype=dtype)
        made.weight.ds_tensor = weights.flatten()
    else:
        made.weight.data = weights
    return made


@pytest.mark.parametrize("spread", [False, True], ids=["whole", "spread"])
def test_models_of_one_shape_have_fingerprints_of_their_own(spread):
    hash_weights = import_module("trainers.reference_cache").hash_weights
    assert hash_weights(model(spread=spread)) == hash_weights(model(spread=spread))
    others = [model(1.5, spread=spread), model(dtype=torch.bfloat16, spread=spread), model(spread=not spread)]
    assert len({hash_weights(other) for other in [model(spread=spread), *others]}) == 4


def test_every_other_weight_shows():
    """Values, signs, places, shapes and types; quantised ones, too."""
    hash_weights, made, found = (
        import_module("trainers.reference_cache").hash_weights,
        torch.nn.Module(),
        set(),
    )
    square = torch.arange(4.0).reshape(2, 2)
    others = [square, -square, square.T, square.flip(0), torch.ones(4), torch.ones(4) * 2, torch.tensor(2.0)]
    others += [square.to(torch.uint8), square.to(torch.float8_e4m3fn), torch.empty(0)]
    for other in others:
        made.register_buffer("weight", other)
        found.add(hash_weights(made))
    assert len(found) == len(others)


def test_every_process_has_its_part_in_the_fingerprint(monkeypatch):
    """Under ZeRO-3; where all of them hold the same, it is that of one process."""
    trainer = import_module("trainers.reference_cache")
    alone = trainer.hash_weights(model())
    monkeypatch.setattr(trainer, "gather_object", lambda rows: rows * 2)
    assert trainer.hash_weights(model()) == alone
    monkeypatch.setattr(trainer, "gather_object", lambda rows: [*rows, "of another"])
    assert trainer.hash_weights(model()) != alone


def test_it_is_the_one_that_trl_asks():
    assert trl_dpo.hash_module is import_module("trainers.reference_cache").hash_weights


def test_adapters_give_the_same_numbers_without_peft_s_casts():
    """Under autocast, forward and backward; and it is what the trainers do to them."""
    from peft import LoraConfig, get_peft_model
    from peft.tuners.tuners_utils import BaseTunerLayer
    from transformers import LlamaConfig, LlamaForCausalLM

    size = {"vocab_size": 50, "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2}
    torch.manual_seed(0)
    base = LlamaForCausalLM(LlamaConfig(**size, num_attention_heads=2, num_key_value_heads=1)).bfloat16()
    adapted = get_peft_model(base, LoraConfig(target_modules="all-linear", r=2, init_lora_weights=False))
    layers = [layer for layer in adapted.modules() if isinstance(layer, BaseTunerLayer)]
    assert len(layers) == 14 and all(
        layer.lora_A["default"].weight.dtype == torch.float32 for layer in layers
    )
    found = []
    for _ in range(2):
        adapted.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            logits = adapted(input_ids=torch.arange(12).reshape(2, 6)).logits
        logits.float().square().mean().backward()
        found.append([logits, *(layer.lora_A["default"].weight.grad.clone() for layer in layers)])
        assert all(layer.cast_input_dtype_enabled is not bool(found[1:]) for layer in layers)
        import_module("trainers.safeguards").leave_inputs(adapted)
    for before, after in zip(*found, strict=True):
        torch.testing.assert_close(after, before, rtol=0, atol=0)


def test_compiled_layers_go_without_checkpointing(tiny_model, release, tmp_path, capsys):
    arguments = flags(tiny_model, release, tmp_path / "out", max_steps=1, compile_layers="true")
    assert train("dpo", [*arguments, "--activation_checkpointing", "true"]) == 2
    assert "--compile_layers goes with --activation_checkpointing false" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile on a CPU needs a C++ compiler")
def test_compiled_layers_train_alike(tiny_model, release, tmp_path):
    """With adapters, in rows of several lengths; and it is the layers that are compiled."""
    compiled = []
    layers = import_module("training.base_model").compile_layers
    for name in ("false", "true"):
        lora = {"use_peft": "true", "lora_target_modules": "all-linear", "lora_r": 2, "compile_layers": name}
        assert train("dpo", flags(tiny_model, release, tmp_path / name, max_steps=3, **lora)) == 0
        compiled.append(
            [e["loss"] for e in read(tmp_path / name, "trainer_state.json")["log_history"] if "loss" in e]
        )
    assert len(compiled[0]) == 3 and compiled[1] == pytest.approx(compiled[0], rel=1e-4)
    import transformers

    loaded = transformers.AutoModelForCausalLM.from_pretrained(tiny_model)
    layers(loaded)
    assert sum(module._compiled_call_impl is not None for module in loaded.modules()) == 2
