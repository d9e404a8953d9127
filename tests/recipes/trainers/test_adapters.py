"""Adapters without PEFT's detours: its numbers and gradients, and its own way wherever there is more than A and B."""

import pytest

torch = pytest.importorskip("torch", reason="needs the extra [recipes]")
pytest.importorskip("trl", reason="needs the extra [recipes]")

from peft import LoraConfig, get_peft_model  # noqa: E402
from peft.tuners.tuners_utils import BaseTunerLayer  # noqa: E402
from trainers import safeguards  # noqa: E402
from trainers.adapters import LowRankLinear, fuse_adapters, leave_inputs, plain_adapter  # noqa: E402
from transformers import LlamaConfig, LlamaForCausalLM  # noqa: E402

from tests.recipes.tiny_runs import flags as tiny_flags  # noqa: E402
from tests.recipes.tiny_runs import losses, train  # noqa: E402


class Two(torch.nn.Module):
    """Two linear maps, the first with a bias."""

    def __init__(self):
        super().__init__()
        self.first, self.second = torch.nn.Linear(6, 8), torch.nn.Linear(8, 5, bias=False)

    def forward(self, x):
        return self.second(torch.tanh(self.first(x)))


def adapted(**changes):
    torch.manual_seed(0)
    config = {"target_modules": ["first", "second"], "r": 2, "init_lora_weights": False, **changes}
    return get_peft_model(Two(), LoraConfig(**config))


def passed(model, x) -> list:
    """What a model makes of x, the gradient of x, and the gradients of all that is trained."""
    x = x.clone().requires_grad_()
    model.zero_grad()
    y = model(x)
    (y.float() * torch.linspace(-1, 1, y.numel()).view_as(y)).sum().backward()
    return [y, x.grad, *(p.grad for p in model.parameters() if p.requires_grad)]


@pytest.mark.parametrize("shape", [(6,), (3, 6), (2, 3, 6), (0, 6)])
def test_a_fused_adapter_gives_what_peft_gives(shape):
    model, x = adapted(), torch.randn(shape)
    expected = [value.clone() for value in passed(model, x)]
    fuse_adapters(model)
    assert sum("forward" in vars(module) for module in model.modules()) == 2
    for found, wanted in zip(passed(model, x), expected, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-6)


def test_its_gradients_are_those_of_its_values():
    x, weight, bias, down, up = (
        torch.randn(*size, dtype=torch.float64, requires_grad=name != "weight")
        for name, size in {"x": (3, 4), "weight": (5, 4), "bias": (5,), "down": (2, 4), "up": (5, 2)}.items()
    )
    of = lambda x, down, up: LowRankLinear.apply(x, weight, bias.detach(), down, up, 0.7)  # noqa: E731
    assert torch.autograd.gradcheck(of, (x, down, up))


def test_under_autocast_it_computes_and_answers_in_half_precision():
    model, x = adapted().bfloat16(), torch.randn(4, 6)
    for name, weight in model.named_parameters():
        if "lora" in name:
            weight.data = weight.data.float()
    with torch.autocast("cpu", torch.bfloat16):
        expected = passed(model, x)
        fuse_adapters(model)
        found = passed(model, x)
    assert [value.dtype for value in found] == [value.dtype for value in expected]
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one.float(), other.float(), rtol=0.05, atol=0.05)


@pytest.mark.parametrize(
    "changes",
    [{"lora_dropout": 0.5}, {"use_dora": True}, {"lora_bias": True}],
    ids=["dropout", "DoRA", "bias"],
)
def test_an_adapter_that_is_more_stays_peft_s(changes):
    model = adapted(**changes)
    fuse_adapters(model)
    assert not any("forward" in vars(module) for module in model.modules())


def test_what_is_done_to_adapters_later_is_seen():
    """Switched off, as for the reference; merged; a second one; a base that is trained."""
    model, x = adapted(), torch.randn(3, 6)
    bare = model.get_base_model().first.base_layer
    fuse_adapters(model)
    layer = model.get_base_model().first
    with model.disable_adapter():
        torch.testing.assert_close(layer(x), bare(x))
    with_adapter = model(x)
    model.merge_adapter()
    torch.testing.assert_close(model(x), with_adapter)
    model.unmerge_adapter()
    model.add_adapter("other", LoraConfig(target_modules=["first", "second"], r=2))
    model.base_model.set_adapter(["default", "other"])
    assert plain_adapter(layer) is None
    torch.testing.assert_close(model(x), with_adapter)  # a new adapter adds nothing
    model.base_model.set_adapter("default")
    bare.weight.requires_grad_()
    assert plain_adapter(layer) is None
    passed(model, x)
    assert bare.weight.grad is not None


def test_adapters_give_the_same_numbers_without_peft_s_casts():
    """Under autocast, forward and backward; and it is what the trainers do to them."""
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
        leave_inputs(adapted)
    for before, after in zip(*found, strict=True):
        torch.testing.assert_close(after, before, rtol=0, atol=0)


@pytest.mark.slow
def test_a_run_has_the_same_losses_either_way(tiny_model, release, tmp_path, monkeypatch):
    found = []
    for name in ("fused", "peft"):
        lora_flags = {"use_peft": "true", "lora_target_modules": "all-linear", "lora_r": 2}
        assert train("dpo", tiny_flags(tiny_model, release, tmp_path / name, max_steps=3, **lora_flags)) == 0
        found.append(losses(tmp_path / name))
        monkeypatch.setattr(safeguards, "fuse_adapters", lambda model: None)
    assert len(found[0]) == 3 and found[0] == pytest.approx(found[1], abs=1e-5)
