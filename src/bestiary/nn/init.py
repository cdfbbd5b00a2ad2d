"""How fresh weights are drawn: one rule for every model, adapted where scores are unscaled."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bestiary.nn.attention import Projections
from bestiary.nn.detection import Detector
from bestiary.nn.normfree import StandardizedConvolution
from bestiary.nn.stack import Layer, Modulated, Stack
from bestiary.nn.windows import ScaledCosineProjection

STD = 0.02


def constants(model: nn.Module) -> dict[str, Tensor]:
    """Return what each buffer of a model holds where no file says otherwise: its module's own values, or zeros."""
    held = {name: torch.zeros(buffer.shape) for name, buffer in model.named_buffers()}
    for name, module in model.named_modules():
        own = module.constants() if hasattr(module, "constants") else {}  # type: ignore[operator]
        held |= {f"{name}.{key}" if name else key: value for key, value in own.items()}
    return held


@torch.no_grad()
def initialize(model: nn.Module, seed: int | None = None) -> None:
    """Draw every matrix from a normal distribution of deviation 0.02, in place; norms become ones, biases zeros.

    The last matrix of each residual branch is scaled down by the root of the number of branches (Radford et al. 2019,
    section 2.3). Where scores are not divided by the root of the head width, queries are drawn smaller by it.
    """
    generator = None if seed is None else torch.Generator(next(model.parameters()).device).manual_seed(seed)
    for name, parameter in model.named_parameters():
        is_norm = "norm" in name.split(".")[-2:][0]
        if name.endswith("weight") and is_norm:
            parameter.fill_(1.0)
        elif parameter.dim() > 1 and not name.endswith("bias"):
            parameter.normal_(0.0, STD, generator=generator)
        else:
            parameter.zero_()
    _adapt(model)


def _adapt(model: nn.Module) -> None:
    """Scale what stands in a residual branch, and fill what has values of its own."""
    for module in model.modules():
        if isinstance(module, Layer | ScaledCosineProjection | StandardizedConvolution):
            module.fill_scales()
        if isinstance(module, Projections) and module.scale is not None:
            module.q.weight.mul_(module.head_dim**-0.5 / module.scale)
        if isinstance(module, Detector):
            module.spread(STD)
        if isinstance(module, Modulated):
            module.fill_zeros()
        if isinstance(module, Stack):
            branches = sum(len(module.layers[index].branches) for index in module.order)  # type: ignore[arg-type]
            for name, parameter in module.named_parameters():
                if name.endswith(("o.weight", "down.weight")):
                    parameter.mul_(branches**-0.5)
