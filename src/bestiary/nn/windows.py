"""Attention within square windows of a map, which may be shifted; attention by cosines."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bestiary import spec
from bestiary.nn.attention import Attention
from bestiary.nn.context import Context

HIDDEN = -100.0
"""What is added to scores across an edge: published models were trained with it, and some saw what it leaves."""


class CosineProjection(nn.Linear):
    """A linear map to heads whose vectors are made of length one."""

    def __init__(self, dim: int, heads: int, head_dim: int, bias: bool) -> None:
        super().__init__(dim, heads * head_dim, bias=bias)
        self.heads = heads

    def forward(self, x: Tensor) -> Tensor:
        return self.unit(super().forward(x).unflatten(-1, (self.heads, -1))).flatten(-2)

    def unit(self, x: Tensor) -> Tensor:
        """Map ``[B, T, heads, head_dim]`` to vectors of length one."""
        return F.normalize(x, dim=-1)


class ScaledCosineProjection(CosineProjection):
    """The same, each head's vectors as long as a learned number says, which is held as its logarithm."""

    def __init__(self, dim: int, heads: int, head_dim: int, bias: bool, limit: float) -> None:
        super().__init__(dim, heads, head_dim, bias)
        self.limit = math.log(limit)
        self.log_scale = nn.Parameter(torch.empty(heads))

    def unit(self, x: Tensor) -> Tensor:
        """Map ``[B, T, heads, head_dim]`` to vectors as long as their head's number."""
        return super().unit(x) * self.log_scale.clamp(max=self.limit).exp()[:, None]

    def fill_scales(self) -> None:
        """Set the numbers to what they are at first."""
        self.log_scale.fill_(math.log(10))


class CosineAttention(Attention):
    """Self-attention by cosines, which queries carry the scale of."""

    def __init__(self, node: spec.CosineAttention, dim: int) -> None:
        super().__init__(node, dim)
        sizes = (dim, self.heads, self.head_dim)
        self.q = ScaledCosineProjection(*sizes, "q" in node.bias, node.limit)
        self.k = CosineProjection(*sizes, "k" in node.bias)
        self.scale = 1.0


class Windows(nn.Module):
    """Attention within windows of a map, which may be shifted."""

    def __init__(self, node: spec.Windows, dim: int, make: Callable[[spec.Op, int], nn.Module]) -> None:
        super().__init__()
        self.attention = make(node.attention, dim)
        self.side, self.shift = node.side, node.shift

    def forward(self, x: Tensor, context: Context) -> Tensor:
        """Map ``[B, T, dim]`` to the same shape; the context says how high and wide the map is."""
        assert context.grid is not None
        height, width = context.grid
        shift = self.shift if min(height, width) > self.side else 0
        grid = padded(x.unflatten(1, (height, width)), self.side)
        grid = grid.roll((-shift, -shift), (1, 2)) if shift else grid
        inside = context.once((Windows, self.side, shift), lambda: within(grid, self.side, shift))
        inside.asked = context.asked
        h = self.attention(into_windows(grid, self.side), inside)
        grid = out_of_windows(h, self.side, grid.shape[1:3])
        grid = grid.roll((shift, shift), (1, 2)) if shift else grid
        return grid[:, :height, :width].flatten(1, 2)


def padded(grid: Tensor, side: int) -> Tensor:
    """Fill a map, ``[B, H, W, C]``, up with zeros at the right and below, so that squares tile it."""
    below, right = (-size % side for size in grid.shape[1:3])
    return F.pad(grid, (0, 0, 0, right, 0, below)) if below or right else grid


def into_windows(grid: Tensor, side: int) -> Tensor:
    """Cut a map, ``[B, H, W, C]``, into windows, ``[B * windows, side * side, C]``."""
    rows, columns = (size // side for size in grid.shape[1:3])
    tiles = grid.unflatten(2, (columns, side)).unflatten(1, (rows, side))
    return tiles.transpose(2, 3).flatten(3, 4).flatten(0, 2)


def out_of_windows(windows: Tensor, side: int, size: torch.Size) -> Tensor:
    """Put windows together to a map again."""
    rows, columns = (length // side for length in size)
    tiles = windows.unflatten(1, (side, side)).unflatten(0, (-1, rows, columns))
    return tiles.transpose(2, 3).flatten(3, 4).flatten(1, 2)


def within(grid: Tensor, side: int, shift: int) -> Context:
    """Set out a pass of attention over the places of each window, for all layers that cut the map alike."""
    context = Context(torch.arange(side**2, device=grid.device)[None], side**2)
    if shift:
        context.shared_scores = Edges(grid, side, shift)
    return context


class Edges(nn.Module):
    """Hides from each other what a shift brought together from two ends of a map."""

    def __init__(self, grid: Tensor, side: int, shift: int) -> None:
        super().__init__()
        self.batch, (height, width) = len(grid), grid.shape[1:3]
        rows, columns = (_ends(length, side, shift, grid.device) for length in (height, width))
        ends = into_windows((3 * rows[:, None] + columns)[None, ..., None], side)[..., 0]
        self.apart = (ends[:, :, None] != ends[:, None, :])[:, None]

    def forward(self, q: Tensor, k: Tensor, context: Context) -> Tensor:
        """Return ``[B * windows, 1, T, T]``."""
        scores = torch.zeros(self.apart.shape, dtype=q.dtype, device=q.device).masked_fill(self.apart, HIDDEN)
        return scores.repeat(self.batch, 1, 1, 1)


def _ends(length: int, side: int, shift: int, device: torch.device) -> Tensor:
    """Number the parts of an edge that the shift keeps apart: those before the last window, and the two within it."""
    places = torch.arange(length, device=device)
    return (places >= length - side).long() + (places >= length - shift)
