"""Gated attention along one axis of an alignment or of pairs (Jumper et al. 2021, supplement, algorithms 7 to 19)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

from bestiary import spec
from bestiary.nn.norms import norm

HIDDEN = -1e9
"""What is added to a score that a mask hides. Not minus infinity: what is all padding would become no number."""


@dataclass(frozen=True)
class Streams:
    """The two streams of one pass, and what of them is real."""

    rows: Tensor
    """The alignment, ``[B, S, N, dim]``."""
    pairs: Tensor
    """``[B, N, N, pair]``."""
    row_mask: Tensor
    """``[B, S, N]``, ones where a row has a residue."""
    pair_mask: Tensor
    """``[B, N, N]``."""

    def plus(self, stream: Literal["rows", "pairs"], update: Tensor) -> Streams:
        """Return the streams with something added to one of them."""
        return replace(self, **{stream: getattr(self, stream) + update})


class GatedAttention(nn.Module):
    """Queries, keys and values without bias, a gate and an output with."""

    def __init__(self, node: spec.GatedAttention, dim: int) -> None:
        super().__init__()
        self.heads, inner = node.heads, node.heads * node.head_dim
        self.q, self.k, self.v = (nn.Linear(dim, inner, bias=False) for _ in "qkv")
        self.gate, self.o = nn.Linear(dim, inner), nn.Linear(inner, dim)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """Map ``[..., T, dim]`` to the same shape; ``bias`` is added to scores ``[..., heads, T, T]``."""
        q, k, v = (project(x).unflatten(-1, (self.heads, -1)).transpose(-2, -3) for project in (self.q, self.k, self.v))
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=bias.expand(*q.shape[:-1], q.shape[-2]))
        return self.o(self.gate(x).sigmoid() * mixed.transpose(-2, -3).flatten(-2))


class RowAttention(nn.Module):
    """The residues of each row, their scores biased by the pairs."""

    def __init__(self, node: spec.RowAttention, dim: int, pair: int) -> None:
        super().__init__()
        self.attention = GatedAttention(node.attention, dim)
        self.pair_norm = norm(spec.LayerNorm(), pair)
        self.bias = nn.Linear(pair, node.attention.heads, bias=False)

    def forward(self, x: Tensor, streams: Streams) -> Tensor:
        """Map the normed alignment to what is added to it."""
        bias = self.bias(self.pair_norm(streams.pairs)).permute(0, 3, 1, 2)[:, None]
        return self.attention(x, bias + hidden(streams.row_mask))


class ColumnAttention(nn.Module):
    """The rows at each residue."""

    def __init__(self, node: spec.ColumnAttention, dim: int, pair: int) -> None:
        super().__init__()
        self.attention = GatedAttention(node.attention, dim)

    def forward(self, x: Tensor, streams: Streams) -> Tensor:
        """Map the normed alignment to what is added to it."""
        return self.attention(x.transpose(1, 2), hidden(streams.row_mask.transpose(1, 2))).transpose(1, 2)


class GlobalColumnAttention(nn.Module):
    """The same with the mean of a column for its one query, and one head of keys and values for all queries."""

    def __init__(self, node: spec.GlobalColumnAttention, dim: int, pair: int) -> None:
        super().__init__()
        self.heads, self.head_dim = node.attention.heads, node.attention.head_dim
        inner = self.heads * self.head_dim
        self.q = nn.Linear(dim, inner, bias=False)
        self.k, self.v = (nn.Linear(dim, self.head_dim, bias=False) for _ in "kv")
        self.gate, self.o = nn.Linear(dim, inner), nn.Linear(inner, dim)

    def forward(self, x: Tensor, streams: Streams) -> Tensor:
        """Map the normed alignment to what is added to it."""
        x, mask = x.transpose(1, 2), streams.row_mask.transpose(1, 2)  # [B, N, S, dim], [B, N, S]
        mean = (x * mask[..., None]).sum(-2) / (mask.sum(-1, keepdim=True) + 1e-10)
        q = self.q(mean).unflatten(-1, (self.heads, self.head_dim)) * self.head_dim**-0.5
        scores = q @ self.k(x).transpose(-1, -2) + (HIDDEN * (1 - mask))[..., None, :]
        mixed = (scores.softmax(-1) @ self.v(x)).flatten(-2)[..., None, :]  # [B, N, 1, inner]
        return self.o(self.gate(x).sigmoid() * mixed).transpose(1, 2)


class TriangleStart(nn.Module):
    """The pairs that start at the same residue, their scores biased by the third edge."""

    def __init__(self, node: spec.TriangleAttention, dim: int, pair: int) -> None:
        super().__init__()
        self.attention = GatedAttention(node.attention, pair)
        self.bias = nn.Linear(pair, node.attention.heads, bias=False)

    def forward(self, x: Tensor, streams: Streams) -> Tensor:
        """Map the normed pairs to what is added to them."""
        return self.along(x, streams.pair_mask)

    def along(self, x: Tensor, mask: Tensor) -> Tensor:
        """Attend along the second residue of each pair."""
        return self.attention(x, self.bias(x).permute(0, 3, 1, 2)[:, None] + hidden(mask))


class TriangleEnd(TriangleStart):
    """The pairs that end at the same residue."""

    def forward(self, x: Tensor, streams: Streams) -> Tensor:
        """Map the normed pairs to what is added to them."""
        return self.along(x.transpose(1, 2), streams.pair_mask.transpose(1, 2)).transpose(1, 2)


def hidden(mask: Tensor) -> Tensor:
    """Return what a mask of keys ``[B, lines, T]`` adds to scores, ``[B, lines, 1, 1, T]``."""
    return (HIDDEN * (1 - mask))[:, :, None, None, :]
