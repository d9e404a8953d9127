"""LoRA adapters without what PEFT's cost beyond their arithmetic: passes over all activations, on a GPU a third of a step."""

from __future__ import annotations

from types import MethodType

import torch
import torch.nn.functional as F
from peft.tuners import lora
from peft.tuners.tuners_utils import BaseTunerLayer


class LowRankLinear(torch.autograd.Function):
    """A frozen linear map and its adapter, x W' + b + scale (x A') B': each sum is made by the product that it ends in.

    PEFT's own forward writes, scales and adds the adapter's output in passes of their own, and so do its gradients.
    """

    @staticmethod
    def forward(ctx, x, weight, bias, down, up, scale):
        """`x` [tokens, in], `weight` [out, in], `bias` [out] or None, `down` [rank, in], `up` [out, rank]; one type."""
        low = x @ down.T
        ctx.save_for_backward(x, weight, down, up, low)
        ctx.scale = scale
        return F.linear(x, weight, bias).addmm_(low, up.T, alpha=scale)

    @staticmethod
    def backward(ctx, grad):
        x, weight, down, up, low = ctx.saved_tensors
        low_grad = (grad @ up).mul_(ctx.scale)
        x_grad = (grad @ weight).addmm_(low_grad, down) if ctx.needs_input_grad[0] else None
        return x_grad, None, None, low_grad.T @ x, (grad.T @ low).mul_(ctx.scale), None


def plain_adapter(layer: torch.nn.Module) -> str | None:
    """The one adapter of a layer that is nothing but A and B on a frozen linear map; None if it is anything else."""
    if type(layer) is not lora.Linear or type(layer.base_layer) is not torch.nn.Linear:
        return None
    names = [name for name in layer.active_adapters if name in layer.lora_A]
    if len(names) != 1 or layer.base_layer.weight.requires_grad:
        return None
    (name,) = names
    dropout = layer.lora_dropout[name]
    plain = name not in layer.lora_variant and layer.lora_B[name].bias is None
    return name if plain and (isinstance(dropout, torch.nn.Identity) or dropout.p == 0) else None


def fuse_adapters(model: torch.nn.Module) -> None:
    """Let plain adapters run as `LowRankLinear`; every process must hold all their weights (not ZeRO-3, not FSDP)."""
    for layer in model.modules():
        if plain_adapter(layer):
            layer.forward = MethodType(_forward, layer)


def _forward(self: lora.Linear, x: torch.Tensor, *args, **kwargs) -> torch.Tensor:
    name = None if args or kwargs or self.disable_adapters or self.merged else plain_adapter(self)
    if name is None:
        return lora.Linear.forward(self, x, *args, **kwargs)
    kind = x.device.type
    dtype = (
        torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else self.base_layer.weight.dtype
    )
    base, down, up = self.base_layer, self.lora_A[name].weight, self.lora_B[name].weight
    bias = None if base.bias is None else base.bias.to(dtype)
    rows = x.reshape(-1, x.size(-1)).to(dtype)
    y = LowRankLinear.apply(
        rows, base.weight.to(dtype), bias, down.to(dtype), up.to(dtype), self.scaling[name]
    )
    return y.view(*x.shape[:-1], y.size(-1))


def leave_inputs(model: torch.nn.Module) -> None:
    """Let adapters take their inputs as they come: autocast gives them the type that they compute in.

    PEFT first turns inputs into the float32 of the adapters' weights, and autocast then turns them back: the same
    numbers, and each time two more passes over all activations.
    """
    for module in model.modules():
        if isinstance(module, BaseTunerLayer):
            module.cast_input_dtype_enabled = False
