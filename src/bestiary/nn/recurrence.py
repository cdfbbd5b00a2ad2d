"""Attention that scores distances, in one stream or two, and the memory that it reads before its own segment."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bestiary import spec
from bestiary.errors import BestiaryError
from bestiary.nn.attention import Projections, biased
from bestiary.nn.context import Context
from bestiary.nn.masks import self_mask


class QueryBiases(nn.Module):
    """Two vectors of each head: added to queries that keys are compared with, and distances."""

    def __init__(self, heads: int, head_dim: int) -> None:
        super().__init__()
        self.content_bias = nn.Parameter(torch.empty(heads, head_dim))
        self.distance_bias = nn.Parameter(torch.empty(heads, head_dim))


class TiedRelativeAttention(Projections):
    """Queries against keys and against distances, with the stack's biases of queries (Dai et al. 2019, section 3.3)."""

    def __init__(self, node: spec.RelativeAttention | spec.TwoStreamAttention, dim: int) -> None:
        super().__init__(node, dim)  # type: ignore[arg-type]
        self.mask, self.distances = node.mask, node.distances
        self.r = nn.Linear(dim, self.heads * self.head_dim, bias=False)

    def forward(self, x: Tensor, context: Context) -> Tensor:
        """Map ``[B, M + T, dim]``, what is remembered and what is new, to ``[B, T, dim]``."""
        q = self.split(self.q(x[:, -context.queries :]), self.heads)
        k, v = (self.split(project(x), self.kv_heads) for project in (self.k, self.v))
        if context.cache is not None:
            k, v = context.cache.extend((context.depth, self), k, v)
        mask = self_mask(self.mask, context)
        biases = self.biases(context)
        scores = biased(self.distance_scores(q + biases.distance_bias[:, None], context), mask)
        return self.attend(q + biases.content_bias[:, None], k, v, scores)

    def biases(self, context: Context) -> QueryBiases | RelativeAttention:
        """Return what holds the vectors that are added to queries."""
        assert isinstance(context.shared_scores, QueryBiases), "tied attention was run in a stack without biases"
        return context.shared_scores

    def distance_scores(self, q: Tensor, context: Context) -> Tensor:
        """Return the scores of distances, ``[B, heads, T, K]``, by queries with their bias; hidden keys' are any."""
        ahead = 0 if spec.Causal() in self.mask else context.queries - 1
        vectors = context.once(
            (self.distances, ahead), lambda: _vectors(self.distances, self.q.in_features, ahead, context)
        )
        r = self.split(self.r(vectors.to(q.dtype)), self.heads)
        if len(q) % len(r):
            raise BestiaryError(
                f"half of each batch is read backwards, and {len(q)} texts have no half: give an even number"
            )
        if len(r) > 1:
            r = r.repeat_interleave(len(q) // len(r), dim=0)
        return _scale(self) * _aligned(q @ r.transpose(-1, -2))[..., : context.keys]


class RelativeAttention(TiedRelativeAttention):
    """The same with biases of its own."""

    def __init__(self, node: spec.RelativeAttention | spec.TwoStreamAttention, dim: int) -> None:
        super().__init__(node, dim)
        self.content_bias = nn.Parameter(torch.empty(self.heads, self.head_dim))
        self.distance_bias = nn.Parameter(torch.empty(self.heads, self.head_dim))

    def biases(self, context: Context) -> QueryBiases | RelativeAttention:
        """Return what holds the vectors that are added to queries."""
        return self


class TwoStreamAttention(RelativeAttention):
    """The same with scores of segments, and with queries of targets behind those of tokens (Yang et al. 2019)."""

    def __init__(self, node: spec.TwoStreamAttention, dim: int) -> None:
        super().__init__(node, dim)
        self.segment_bias = nn.Parameter(torch.empty(self.heads, self.head_dim))
        self.segments = nn.Parameter(torch.empty(2, self.heads, self.head_dim))

    def forward(self, x: Tensor, context: Context) -> Tensor:
        """Map ``[B, M + T + P, dim]``, with P targets, to ``[B, T + P, dim]``."""
        past, tokens = context.past, context.queries
        read, asked = x[:, : past + tokens], self.q(x[:, past:])
        k, v = (self.split(project(read), self.kv_heads) for project in (self.k, self.v))
        mask = self_mask(self.mask, context)
        seen = None if mask is None else context.once(("itself", self.mask), lambda: mask | _itself(context))
        content = self.stream(asked[:, :tokens], k, v, seen, context)
        if context.targets is None:
            return content
        # A target's query asks from the place of the token that it stands for.
        placed = context.targets.transpose(1, 2) @ asked[:, tokens:]
        target = context.targets @ self.stream(placed, k, v, mask, context)
        return torch.cat((content, target), dim=1)

    def stream(self, asked: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, context: Context) -> Tensor:
        """Answer one query for each place, ``[B, T, heads * head_dim]``, with ``[B, T, dim]``."""
        q = self.split(asked, self.heads)
        scores = self.distance_scores(q + self.distance_bias[:, None], context)
        if context.token_type_ids is not None:
            scores = scores + self.segment_scores(q, context.token_type_ids, context)
        return self.attend(q + self.content_bias[:, None], k, v, biased(scores, mask))

    def segment_scores(self, q: Tensor, types: Tensor, context: Context) -> Tensor:
        """Return a score for keys of the same segment and another for the rest; what is remembered is of segment 0."""
        of_keys = F.pad(types, (context.past, 0))
        other = (types[:, :, None] != of_keys[:, None, :])[:, None]
        same_score, other_score = torch.einsum("bhtd,shd->sbht", q + self.segment_bias[:, None], self.segments)
        return _scale(self) * torch.where(other, other_score[..., None], same_score[..., None])


def recall(node: spec.Recurrence, x: Tensor, context: Context) -> Tensor:
    """Return what an attention remembers before what it reads, ``[B, M + T.., dim]``; note what to remember next.

    Memories are ``[M, B, dim]``, as in transformers.
    """
    if context.blank is not None:
        x = x.masked_fill(context.blank[..., None], 0.0)
    held = None if context.mems is None else context.mems[len(context.new_mems)]
    context.new_mems.append(_renewed(node, held, x[:, : context.queries]))
    return x if held is None else torch.cat((held.transpose(0, 1), x), dim=1)


def _renewed(node: spec.Recurrence, held: Tensor | None, x: Tensor) -> Tensor:
    reuse = node.reuse if isinstance(node, spec.Memory) else None
    length = node.length if isinstance(node, spec.Memory | spec.ZeroMemory) else None
    new = x.detach().transpose(0, 1)[:reuse]
    both = new if held is None else torch.cat((held, new))
    return both if length is None else both[-length:]


def _vectors(node: spec.Distances, width: int, ahead: int, context: Context) -> Tensor:
    """Return the vectors of distances from K, which no key has, to ``-ahead``: ``[1 or 2, K + 1 + ahead, width]``.

    In float32 whatever the dtype, as in the reference: sines on the first half of the coordinates, cosines on the rest.
    """
    assert isinstance(node, spec.SineDistances | spec.MirroredDistances)
    device = context.positions.device
    distance = torch.arange(context.keys, -ahead - 1, -1, device=device, dtype=torch.float32)
    if node.clamp is not None:
        distance = distance.clamp(-node.clamp, node.clamp)
    frequencies = 1 / node.base ** (torch.arange(0, width, 2, device=device, dtype=torch.float32) / width)
    ways = (distance, -distance) if isinstance(node, spec.MirroredDistances) else (distance,)
    angles = torch.stack(ways)[..., None] * frequencies
    return torch.cat((angles.sin(), angles.cos()), dim=-1)


def _aligned(scores: Tensor) -> Tensor:
    """Turn scores by distance, the same distances in every row, into scores by key: each row a step further right.

    A view: without the first T numbers, rows that are one shorter begin where each query's own keys do.
    """
    tokens, distances = scores.shape[-2:]
    return scores.flatten(-2)[..., tokens:].unflatten(-1, (tokens, distances - 1))


def _itself(context: Context) -> Tensor:
    place = torch.arange(context.keys, device=context.positions.device)
    return place[context.past :, None] == place


def _scale(module: Projections) -> float:
    return module.head_dim**-0.5 if module.scale is None else module.scale
