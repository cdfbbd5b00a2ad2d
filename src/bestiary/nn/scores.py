"""Positions that act on the attention scores: modules called with ``(q, k, context)`` that return a bias."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bestiary import spec
from bestiary.nn.context import Context


class T5Bias(nn.Module):
    """A learned scalar for each bucket of distance and each head (Raffel et al. 2019, section 2.1)."""

    def __init__(self, node: spec.T5Bias, heads: int) -> None:
        super().__init__()
        self.node = node
        self.weight = nn.Parameter(torch.empty(node.buckets, heads))

    def forward(self, q: Tensor, k: Tensor, context: Context) -> Tensor:
        """Return ``[1, heads, T, K]``."""
        buckets = context.once(self.node, lambda: _buckets(self.node, _distances(context)))
        return F.embedding(buckets, self.weight).permute(2, 0, 1)[None]


class Alibi(nn.Module):
    """A penalty proportional to distance, steeper for some heads than for others (Press et al. 2021)."""

    def __init__(self, node: spec.Alibi, heads: int) -> None:
        super().__init__()
        self.heads, self.halvings = heads, node.halvings

    def forward(self, q: Tensor, k: Tensor, context: Context) -> Tensor:
        """Return ``[1, heads, T, K]``."""
        slopes = _slopes(self.heads, self.halvings, q.device).to(q.dtype)
        return -slopes[None, :, None, None] * _distances(context).abs().to(q.dtype)


class KeyAlibi(nn.Module):
    """The same as a number for each key, by its place among real tokens: the softmax sees no difference."""

    def __init__(self, node: spec.KeyAlibi | spec.CoarseAlibi, heads: int) -> None:
        super().__init__()
        self.heads = heads

    def forward(self, q: Tensor, k: Tensor, context: Context) -> Tensor:
        """Return ``[1 or B, heads, 1, K]``."""
        slopes = _powers(self.heads, q.device)
        return (slopes[:, None, None] * _places(context)).to(q.dtype)


class CoarseAlibi(KeyAlibi):
    """The same in bfloat16, scaled by the root of the head's width."""

    def forward(self, q: Tensor, k: Tensor, context: Context) -> Tensor:
        """Return ``[1 or B, heads, 1, K]``."""
        slopes = _powers(self.heads, q.device).bfloat16()
        return (slopes[:, None, None] * _places(context)).to(q.dtype) / math.sqrt(q.shape[-1])


class WindowBias(nn.Module):
    """A learned scalar for each offset between two places of a square and each head (Liu et al. 2021)."""

    def __init__(self, node: spec.WindowBias, heads: int) -> None:
        super().__init__()
        self.node = node
        self.weight = nn.Parameter(torch.empty(self.rows(node), heads))

    def rows(self, node: spec.WindowBias) -> int:
        """Count the scalars of a head."""
        return (2 * node.side - 1) ** 2

    def forward(self, q: Tensor, k: Tensor, context: Context) -> Tensor:
        """Return ``[1, heads, T, K]``."""
        index = context.once(self.node, lambda: self.index(q.device))
        return F.embedding(index, self.weight).permute(2, 0, 1)[None]

    def index(self, device: torch.device) -> Tensor:
        """Return the row for each pair of places, ``[T, K]``."""
        return _offsets(self.node.side, device)


class GridBias(WindowBias):
    """The same over an image behind its first token, which has three scalars of its own."""

    def rows(self, node: spec.WindowBias) -> int:
        """Count the scalars of a head."""
        return super().rows(node) + 3

    def index(self, device: torch.device) -> Tensor:
        """Return the row for each pair of places, ``[T, K]``; the last three are the first token's."""
        pairs = F.pad(super().index(device), (1, 0, 1, 0))
        rows = self.rows(self.node)
        pairs[0, :], pairs[:, 0], pairs[0, 0] = rows - 3, rows - 2, rows - 1
        return pairs


class ContinuousBias(nn.Module):
    """A number for each offset between two places of a window and each head, told by an MLP."""

    def __init__(self, node: spec.ContinuousBias, heads: int) -> None:
        super().__init__()
        self.node = node
        self.up, self.down = nn.Linear(2, node.hidden), nn.Linear(node.hidden, heads, bias=False)

    def forward(self, q: Tensor, k: Tensor, context: Context) -> Tensor:
        """Return ``[1, heads, T, T]``."""
        side = self.node.side
        offsets, index = context.once(self.node, lambda: (self.offsets(q), _offsets(side, q.device)))
        table = self.down(F.relu(self.up(offsets)))
        return 16 * torch.sigmoid(table[index]).permute(2, 0, 1)[None]

    def offsets(self, like: Tensor) -> Tensor:
        """Return the logarithms of all offsets, ``[(2 side - 1) ** 2, 2]``, in float32 as published."""
        side = self.node.side
        measure = self.node.trained or side
        steps = torch.arange(1 - side, side, device=like.device).float()
        steps = steps / (measure - 1) if measure > 1 else steps
        steps = steps * 8
        logs = steps.sign() * torch.log2(steps.abs() + 1.0) / math.log2(8)
        return torch.cartesian_prod(logs, logs).to(like.dtype)


def _offsets(side: int, device: torch.device) -> Tensor:
    """Number the offsets between two places of a square, rows before columns, ``[side ** 2, side ** 2]``."""
    place = torch.arange(side**2, device=device)
    down, right = (axis[:, None] - axis[None] + side - 1 for axis in (place // side, place % side))
    return down * (2 * side - 1) + right


SCORES: dict[type[spec.ScorePosition], Callable[[Any, int], nn.Module]] = {
    spec.T5Bias: T5Bias,
    spec.WindowBias: WindowBias,
    spec.GridBias: GridBias,
    spec.ContinuousBias: ContinuousBias,
    spec.Alibi: Alibi,
    spec.KeyAlibi: KeyAlibi,
    spec.CoarseAlibi: CoarseAlibi,
}


def score_position(node: spec.ScorePosition, heads: int) -> nn.Module:
    """Build the module of a score position for so many heads."""
    return SCORES[type(node)](node, heads)


def _places(context: Context) -> Tensor:
    """Return which place a key has among real tokens, ``[1 or B, 1, 1, K]``; padding, which nobody sees, has 0."""
    if context.keep is None:
        return torch.arange(context.keys, device=context.positions.device)[None, None, None]
    keep = context.keep.long()
    return ((keep.cumsum(-1) - 1) * keep)[:, None, None]


def _distances(context: Context) -> Tensor:
    """Return key minus query, ``[T, K]``."""
    key = torch.arange(context.keys, device=context.positions.device)
    return key[None, :] - key[context.past :, None]


def _buckets(node: spec.T5Bias, distance: Tensor) -> Tensor:
    """Half of the buckets hold one distance each; the rest grow logarithmically up to ``node.distance``."""
    buckets, offset = node.buckets, torch.zeros_like(distance)
    if node.bidirectional:
        buckets //= 2
        offset = (distance > 0) * buckets
        distance = distance.abs()
    else:
        distance = (-distance).clamp(min=0)
    exact = buckets // 2
    # float32, as in the reference: the edge of a bucket must fall on the same distance.
    ratio = torch.log(distance.float().clamp(min=1) / exact) / math.log(node.distance / exact)
    far = (exact + (ratio * (buckets - exact)).to(torch.long)).clamp(max=buckets - 1)
    return offset + torch.where(distance < exact, distance, far)


@lru_cache(maxsize=16)
def _slopes(heads: int, halvings: float, device: torch.device) -> Tensor:
    """A geometric series to 2^-halvings; where n is no power of two, every second of the next one fills the rest."""
    below = 2 ** math.floor(math.log2(heads))
    slopes = [2 ** (-halvings * (i + 1) / below) for i in range(below)]
    slopes += [2 ** (-halvings * (2 * i + 1) / (2 * below)) for i in range(heads - below)]
    return torch.tensor(slopes, device=device)


@lru_cache(maxsize=16)
def _powers(heads: int, device: torch.device) -> Tensor:
    """The same series as powers taken in float32, whose rounding some models were trained with."""
    below = 2 ** math.floor(math.log2(heads))
    first, between = (torch.tensor(2 ** (-8 / count), device=device) for count in (below, 2 * below))
    exponents = torch.arange(1, below + 1, dtype=torch.int32, device=device)
    return torch.cat((first**exponents, between ** (2 * exponents[: heads - below] - 1)))
