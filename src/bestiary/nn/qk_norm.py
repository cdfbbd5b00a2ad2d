"""Attention whose queries and keys are normalized as they are projected, before positions act on them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bestiary import spec
from bestiary.nn.attention import Attention
from bestiary.nn.norms import norm


class OwnHeadNorm(nn.Module):
    """Layer normalization of each head's vector, with a gain and perhaps an offset for each head."""

    def __init__(self, node: spec.OwnHeadNorm, heads: int, head_dim: int) -> None:
        super().__init__()
        self.eps = node.norm.eps
        self.weight = nn.Parameter(torch.ones(heads, head_dim))
        self.bias = nn.Parameter(torch.zeros(heads, head_dim)) if node.norm.bias else None

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[B, T, heads, head_dim]`` to the same shape."""
        x = F.layer_norm(x, self.weight.shape[1:], eps=self.eps) * self.weight
        return x if self.bias is None else x + self.bias


NORMS: dict[type[spec.QKNorm], Callable[[Any, int, int], tuple[int, nn.Module]]] = {
    spec.HeadNorm: lambda node, heads, head_dim: (heads, norm(node.norm, head_dim)),
    spec.OwnHeadNorm: lambda node, heads, head_dim: (heads, OwnHeadNorm(node, heads, head_dim)),
    spec.JointNorm: lambda node, heads, head_dim: (1, norm(node.norm, heads * head_dim)),
}
"""How many vectors each token's heads are to a norm, and the norm of the last axis of those."""


class NormedProjection(nn.Linear):
    """A linear map to heads, and the norm behind it."""

    def __init__(self, node: spec.QKNorm, dim: int, heads: int, head_dim: int, bias: bool) -> None:
        super().__init__(dim, heads * head_dim, bias=bias)
        self.vectors, self.norm = NORMS[type(node)](node, heads, head_dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(super().forward(x).unflatten(-1, (self.vectors, -1))).flatten(-2)


class QKNormAttention(Attention):
    """Self-attention, with norms in the projections of queries and keys."""

    def __init__(self, node: spec.QKNormAttention, dim: int) -> None:
        super().__init__(node, dim)
        self.q = NormedProjection(node.qk_norm, dim, self.heads, self.head_dim, "q" in node.bias)
        self.k = NormedProjection(node.qk_norm, dim, self.kv_heads, self.head_dim, "k" in node.bias)
