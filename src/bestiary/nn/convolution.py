"""Ops that look at places rather than at contents: a convolution over neighbors, padding taken out, and nothing."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bestiary import spec
from bestiary.nn.activations import ACTIVATIONS
from bestiary.nn.context import Context


class InputConvolution(nn.Module):
    """A convolution over what entered the stack; padding is zero to it, and it gives zero there."""

    def __init__(self, node: spec.InputConvolution, dim: int) -> None:
        super().__init__()
        self.activation, self.dropout = ACTIVATIONS[node.activation], node.dropout
        self.map = nn.Conv1d(dim, dim, node.kernel, padding=node.kernel // 2, groups=node.groups)

    def forward(self, x: Tensor, context: Context) -> Tensor:
        """Map what entered the stack, ``[B, T, dim]``, to the same shape; ``x`` itself is not read."""
        entered = context.entered
        assert entered is not None
        h = self.map(_kept(entered, context).transpose(1, 2)).transpose(1, 2)
        return self.activation(F.dropout(_kept(h, context), self.dropout, self.training))


class Blank(nn.Module):
    """What padding holds, negated, so that the branch leaves zero there; nothing elsewhere."""

    def __init__(self, node: spec.Blank, dim: int) -> None:
        super().__init__()

    def forward(self, x: Tensor, context: Context) -> Tensor:
        """Map ``[B, T, dim]`` to the same shape."""
        return _kept(x, context) - x


class Nothing(nn.Module):
    """Zeros: the branch is its norm alone."""

    def __init__(self, node: spec.Nothing, dim: int) -> None:
        super().__init__()

    def forward(self, x: Tensor, context: Context) -> Tensor:
        """Map ``[B, T, dim]`` to the same shape."""
        return torch.zeros_like(x)


def _kept(x: Tensor, context: Context) -> Tensor:
    """Return ``x`` with zeros in place of padding."""
    return x if context.keep is None else x.masked_fill(~context.keep[:, context.past :, None], 0.0)
