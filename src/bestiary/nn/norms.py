"""Normalizations over the last axis."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bestiary import spec


class RMSNorm(nn.Module):
    """Root-mean-square norm, in float32 whatever the dtype, as most published code does.

    Some round the mean of squares alone, which is the same in every dtype up to float32 and differs by one rounding in
    float64.
    """

    def __init__(self, node: spec.RMSNorm, dim: int) -> None:
        super().__init__()
        self.eps = node.eps
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        h = x.float()
        h = h * torch.rsqrt(h.pow(2).mean(-1, keepdim=True) + self.eps)
        return self.weight * h.to(x.dtype)


def norm(node: spec.Norm, dim: int) -> nn.Module:
    """Build the module of a norm for vectors of width ``dim``."""
    if isinstance(node, spec.LayerNorm):
        return nn.LayerNorm(dim, eps=node.eps, bias=node.bias)
    assert isinstance(node, spec.RMSNorm)
    return RMSNorm(node, dim)
