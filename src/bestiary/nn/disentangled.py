"""Disentangled attention: scores between contents, and between contents and distances (He et al. 2020)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bestiary import spec
from bestiary.nn.attention import Projections, biased
from bestiary.nn.context import Context
from bestiary.nn.masks import self_mask
from bestiary.nn.norms import norm


class DistanceTable(nn.Module):
    """A learned vector for each distance from ``-span`` to ``span - 1``; what is farther takes the last one."""

    def __init__(self, node: spec.DistanceTable | spec.BucketTable, dim: int) -> None:
        super().__init__()
        self.span, self.dropout = node.rows // 2, node.dropout
        self.exact = node.exact
        self.weight = nn.Parameter(torch.empty(node.rows, dim))
        self.norm = None if node.norm is None else norm(node.norm, dim)

    def read(self, context: Context) -> tuple[Tensor, Tensor]:
        """Return the vectors that distances of this pass reach, ``[R, dim]``, and which each pair takes, ``[T, K]``."""
        vectors, places = context.once(self, lambda: self.reached(context))
        return F.dropout(vectors, self.dropout, self.training), places

    def reached(self, context: Context) -> tuple[Tensor, Tensor]:
        """Return the same before dropout, which each attention draws anew."""
        key = torch.arange(context.keys, device=context.positions.device)
        places = self.numbered(key[context.past :, None] - key[None, :]) + self.span
        # Distances up to ``exact`` have their own rows, so that a short text reads few; a longer one may read all.
        farthest = context.keys - 1 if context.keys <= self.exact else self.span
        first, last = self.span - min(farthest, self.span), self.span + min(farthest, self.span - 1)
        # Looked up, not sliced: a view of a parameter asks for gradients even where none are kept.
        vectors = F.embedding(torch.arange(first, last + 1, device=key.device), self.weight)
        vectors = vectors if self.norm is None else self.norm(vectors)
        return vectors, places.clamp(0, 2 * self.span - 1) - first

    def numbered(self, distance: Tensor) -> Tensor:
        """Return the number of each distance, negative where the key comes after the query."""
        return distance


class BucketTable(DistanceTable):
    """A learned vector for each bucket of distance: near ones have buckets of their own, far ones share them."""

    def __init__(self, node: spec.BucketTable, dim: int) -> None:
        super().__init__(node, dim)
        self.farthest = node.distance

    def numbered(self, distance: Tensor) -> Tensor:
        """Return the bucket of each distance: itself up to half of the buckets, then logarithmic up to the farthest."""
        exact = self.exact
        far = distance.abs().clamp(min=exact)
        # float32, as in the reference: the edge of a bucket must fall on the same distance.
        ratio = torch.log(far.float() / exact) / torch.log(
            torch.tensor((self.farthest - 1) / exact, dtype=torch.float32)
        )
        bucket = (torch.ceil(ratio * (exact - 1)) + exact).long() * distance.sign()
        return torch.where(distance.abs() <= exact, distance, bucket)


TABLES: dict[type[spec.DistanceVectors], Callable[[Any, int], DistanceTable]] = {
    spec.DistanceTable: DistanceTable,
    spec.BucketTable: BucketTable,
}


class DisentangledAttention(Projections):
    """Self-attention whose scores are sums: content with content, content with distance, distance with content."""

    def __init__(self, node: spec.DisentangledAttention, dim: int) -> None:
        terms = 1 + (node.to_position is not None) + (node.from_position is not None)
        # The root is taken in float32, as in the reference, whatever the dtype of the scores.
        root = torch.tensor(float(dim // node.heads * terms), dtype=torch.float32, device="cpu").sqrt().item()
        super().__init__(spec.Attention(node.heads, bias=node.bias, scale=1 / root, dropout=node.dropout), dim)
        self.to_position, self.from_position = node.to_position, node.from_position
        self.position_k, self.position_q = _own(node.to_position, dim), _own(node.from_position, dim)

    def forward(self, x: Tensor, context: Context) -> Tensor:
        """Map ``[B, T, dim]`` to the same shape. Padding sees all tokens alike, as in the reference."""
        q, k, v = (self.split(project(x), self.heads) for project in (self.q, self.k, self.v))
        mask = self_mask((), context)
        if mask is not None:
            mask = mask & mask.transpose(-1, -2)
        return self.attend(q, k, v, biased(self.bias(q, k, context), mask))

    def bias(self, q: Tensor, k: Tensor, context: Context) -> Tensor:
        """Return what distances add to the scores, ``[B, heads, T, K]``."""
        table = context.shared_scores
        assert isinstance(table, DistanceTable), "disentangled attention was run in a stack without a table"
        vectors, places = table.read(context)
        shape = (*q.shape[:3], k.shape[2])
        terms: list[Tensor] = []
        if self.to_position is not None:
            keys = self.rows(vectors, self.position_k or self.k)
            terms.append((q @ keys.transpose(-1, -2)).gather(-1, places.expand(shape)))
        if self.from_position is not None:
            queries = self.rows(vectors, self.position_q or self.q)
            by_key = (k @ queries.transpose(-1, -2)).gather(-1, places.t().expand(*k.shape[:3], q.shape[2]))
            terms.append(by_key.transpose(-1, -2))
        assert self.scale is not None
        return (terms[0] if len(terms) == 1 else terms[0] + terms[1]) * self.scale

    def rows(self, vectors: Tensor, project: nn.Linear) -> Tensor:
        """Project ``[R, dim]`` to ``[heads, R, head_dim]``."""
        return project(vectors).unflatten(-1, (self.heads, self.head_dim)).transpose(0, 1)


def _own(node: spec.PositionMap | None, dim: int) -> nn.Linear | None:
    return nn.Linear(dim, dim, bias=node.bias) if isinstance(node, spec.OwnMap) else None
