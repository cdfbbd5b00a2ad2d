"""The MLPs of residual branches, plain and gated."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from bestiary import spec
from bestiary.nn.activations import ACTIVATIONS
from bestiary.nn.context import Context


class MLP(nn.Module):
    """Up, nonlinearity, down."""

    def __init__(self, node: spec.MLP, dim: int) -> None:
        super().__init__()
        self.activation, self.dropout = ACTIVATIONS[node.activation], node.dropout
        self.up = nn.Linear(dim, node.hidden, bias=node.bias)
        self.down = nn.Linear(node.hidden, dim, bias=node.bias)

    def forward(self, x: Tensor, context: Context) -> Tensor:
        """Map ``[B, T, dim]`` to the same shape."""
        return self.down(F.dropout(self.activation(self.up(x)), self.dropout, self.training))


class OneMap(nn.Module):
    """A linear map alone."""

    def __init__(self, node: spec.OneMap, dim: int) -> None:
        super().__init__()
        self.map = nn.Linear(dim, dim)

    def forward(self, x: Tensor, context: Context) -> Tensor:
        """Map ``[B, T, dim]`` to the same shape."""
        return self.map(x)


class GLU(nn.Module):
    """Up, times a gate behind the nonlinearity, down (Shazeer 2020)."""

    def __init__(self, node: spec.GLU, dim: int) -> None:
        super().__init__()
        self.activation, self.dropout = ACTIVATIONS[node.activation], node.dropout
        self.gate = nn.Linear(dim, node.hidden, bias=node.bias)
        self.up = nn.Linear(dim, node.hidden, bias=node.bias)
        self.down = nn.Linear(node.hidden, dim, bias=node.bias)

    def forward(self, x: Tensor, context: Context) -> Tensor:
        """Map ``[B, T, dim]`` to the same shape."""
        return self.down(F.dropout(self.activation(self.gate(x)) * self.up(x), self.dropout, self.training))
