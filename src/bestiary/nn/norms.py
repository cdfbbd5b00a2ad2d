"""Normalizations over the last axis."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bestiary import spec


class RMSNorm(nn.Module):
    """Root-mean-square norm, the vector taken in float32 whatever its dtype, as most published code does."""

    def __init__(self, node: spec.RMSNorm | spec.RescaleNorm, dim: int) -> None:
        super().__init__()
        self.eps = node.eps
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        h = x.float()
        h = h * torch.rsqrt(h.pow(2).mean(-1, keepdim=True) + self.eps)
        return self.weight * h.to(x.dtype)


class RescaleNorm(RMSNorm):
    """The same with the mean of squares alone in float32; equal to the bit in every dtype but float64."""

    def forward(self, x: Tensor) -> Tensor:
        scale = torch.rsqrt(x.float().pow(2).mean(-1, keepdim=True) + self.eps)
        return self.weight * (x * scale).to(x.dtype)


class ShiftedRMSNorm(nn.Module):
    """The mean taken out, divided by the root mean square of the vector as it came."""

    def __init__(self, node: spec.ShiftedRMSNorm, dim: int) -> None:
        super().__init__()
        self.eps = node.eps
        self.weight = nn.Parameter(torch.ones(dim))
        self.bias = nn.Parameter(torch.zeros(dim))

    def forward(self, x: Tensor) -> Tensor:
        scale = torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps)
        return (x - x.mean(-1, keepdim=True)) * scale * self.weight + self.bias


class ZeroCenteredNorm(nn.Module):
    """Root-mean-square norm whose gain is one plus a learned vector, all of it in float32 and rounded once."""

    def __init__(self, node: spec.ZeroCenteredNorm, dim: int) -> None:
        super().__init__()
        self.eps = node.eps
        self.gain = nn.Parameter(torch.zeros(dim))

    def forward(self, x: Tensor) -> Tensor:
        h = x.float()
        h = h * torch.rsqrt(h.pow(2).mean(-1, keepdim=True) + self.eps)
        return (h * (1.0 + self.gain.float())).to(x.dtype)


class RoundedLayerNorm(nn.LayerNorm):
    """Layer norm, the vector taken in float32 whatever its dtype; gain and offset in its own."""

    def forward(self, x: Tensor) -> Tensor:
        h = x.float()
        mean = h.mean(-1, keepdim=True)
        # The difference is taken twice, so that float32 gradients are summed in the reference's order.
        variance = (h - mean).pow(2).mean(-1, keepdim=True)
        h = (h - mean) / torch.sqrt(variance + self.eps)
        return self.weight * h.to(x.dtype) + self.bias


class TokenGroupNorm(nn.GroupNorm):
    """Group norm of tokens, whose channels stand last."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.transpose(1, 2)).transpose(1, 2)


def group_norm(node: spec.GroupNorm, dim: int) -> nn.GroupNorm:
    """Build the norm of a map of ``dim`` channels."""
    return nn.GroupNorm(node.groups, dim, eps=node.eps)


def norm(node: spec.Norm, dim: int) -> nn.Module:
    """Build the module of a norm for vectors of width ``dim``."""
    if isinstance(node, spec.GroupNorm):
        return TokenGroupNorm(node.groups, dim, eps=node.eps)
    if isinstance(node, spec.LayerNorm):
        return nn.LayerNorm(dim, eps=node.eps, bias=node.bias)
    if isinstance(node, spec.PlainNorm):
        return nn.LayerNorm(dim, eps=node.eps, elementwise_affine=False)
    if isinstance(node, spec.RoundedLayerNorm):
        return RoundedLayerNorm(dim, eps=node.eps)
    if isinstance(node, spec.RescaleNorm):
        return RescaleNorm(node, dim)
    if isinstance(node, spec.ShiftedRMSNorm):
        return ShiftedRMSNorm(node, dim)
    if isinstance(node, spec.ZeroCenteredNorm):
        return ZeroCenteredNorm(node, dim)
    if isinstance(node, spec.TimeNorm):
        return TokenGroupNorm(dim, dim, eps=node.eps)
    assert isinstance(node, spec.RMSNorm)
    return RMSNorm(node, dim)
