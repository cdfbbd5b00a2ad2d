"""Attention whose queries, keys and values are held between bounds as they are projected."""

from __future__ import annotations

from torch import Tensor, nn

from bestiary import spec
from bestiary.nn.attention import Attention


class BoundedProjection(nn.Linear):
    """A linear map whose output is held between two bounds."""

    def __init__(self, bound: float, inputs: int, outputs: int, bias: bool) -> None:
        super().__init__(inputs, outputs, bias=bias)
        self.bound = bound

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).clamp(-self.bound, self.bound)


class BoundedAttention(Attention):
    """Self-attention behind such maps."""

    def __init__(self, node: spec.BoundedAttention, dim: int) -> None:
        super().__init__(node, dim)
        inner, shared = self.heads * self.head_dim, self.kv_heads * self.head_dim
        self.q = BoundedProjection(node.bound, dim, inner, "q" in node.bias)
        self.k = BoundedProjection(node.bound, dim, shared, "k" in node.bias)
        self.v = BoundedProjection(node.bound, dim, shared, "v" in node.bias)
