"""Attention in a band, with global tokens that see and are seen by all (Beltagy et al. 2020, section 3)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bestiary import spec
from bestiary.nn.attention import Projections
from bestiary.nn.bands import chunks, columns, neighbors, rows, windows
from bestiary.nn.context import Context


class Places(NamedTuple):
    """Where the global tokens of a batch are: G is the most that one text has."""

    index: Tensor
    """Their positions in order, ``[B, G]``, then any others where a text has fewer."""
    real: Tensor
    """Which of these are global, ``[B, G]`` bool."""


class WindowedAttention(Projections):
    """Self-attention in a band, whose cost grows linearly with the tokens."""

    def __init__(self, node: spec.WindowedAttention, dim: int) -> None:
        super().__init__(spec.Attention(node.heads, dropout=node.dropout), dim)
        self.window, self.factor = node.window, self.head_dim**-0.5
        self.q_global, self.k_global, self.v_global = (nn.Linear(dim, dim) for _ in range(3))

    def forward(self, x: Tensor, context: Context) -> Tensor:
        """Map ``[B, T, dim]`` to the same shape."""
        q, k, v = (self.split(project(x), self.heads) for project in (self.q, self.k, self.v))
        q = q * self.factor
        places = context.once("global tokens", lambda: _places(context, len(x)))
        visible = context.once(("windowed", self.window), lambda: _visible(context, self.window, x))
        scores = self.band(q, k).masked_fill(~visible, torch.finfo(torch.float32).min)
        if places is not None:
            near = (q @ _pick(k, places.index).transpose(-1, -2)).float()
            near = near.masked_fill(~places.real[:, None, None], torch.finfo(torch.float32).min)
            scores = torch.cat((near, scores), dim=-1)
        weights = self.weights(scores, x.dtype)
        if context.keep is not None:
            weights = weights.masked_fill(~context.keep[:, None, :, None], 0.0)
        if places is None:
            return self.o(self.mixed(weights, v).transpose(1, 2).flatten(2))
        near, far = weights.split((places.index.shape[1], 2 * self.window + 1), dim=-1)
        mixed = near @ _pick(v, places.index) + self.mixed(far, v)
        mixed = _put(mixed, self.of_global(x, places, context.keep), places)
        return self.o(mixed.transpose(1, 2).flatten(2))

    def band(self, q: Tensor, k: Tensor) -> Tensor:
        """Return the products of each query with the keys around it, ``[B, heads, T, 2 window + 1]`` in float32."""
        w = self.window
        products = chunks(q, w) @ neighbors(k, w).transpose(-1, -2)
        return rows(products, w).flatten(-3, -2)[..., : q.shape[-2], :].float()

    def mixed(self, weights: Tensor, v: Tensor) -> Tensor:
        """Mix the values around each query by weights that ``band`` is laid out like, ``[B, heads, T, head_dim]``."""
        w = self.window
        mixed = columns(chunks(weights, w), w) @ neighbors(v, w)
        return mixed.flatten(-3, -2)[..., : v.shape[-2], :]

    def weights(self, scores: Tensor, dtype: torch.dtype) -> Tensor:
        """Return probabilities, taken in float32 whatever the dtype, as the published code does."""
        return F.dropout(scores.softmax(-1).to(dtype), self.dropout, self.training)

    def of_global(self, x: Tensor, places: Places, keep: Tensor | None) -> Tensor:
        """Return what global tokens read from all tokens, ``[B, heads, G, head_dim]``."""
        asking = x.gather(1, places.index[..., None].expand(-1, -1, x.shape[-1]))
        q = self.split(self.q_global(asking), self.heads) * self.factor
        k, v = (self.split(project(x), self.heads) for project in (self.k_global, self.v_global))
        scores = (q @ k.transpose(-1, -2)).float()
        if keep is not None:
            scores = scores.masked_fill(~keep[:, None, None], torch.finfo(torch.float32).min)
        # The published code pads texts to whole windows, and a sum of so many numbers is rounded in another order.
        scores = F.pad(scores, (0, -x.shape[1] % (2 * self.window)), value=torch.finfo(torch.float32).min)
        return self.weights(scores, x.dtype)[..., : x.shape[1]] @ v


def _places(context: Context, batch: int) -> Places | None:
    found = _global(context)
    if found is None:
        return None
    found = found.expand(batch, -1)
    counts = found.sum(-1)
    most = int(counts.max())
    index = found.int().argsort(dim=-1, descending=True, stable=True)[:, :most]
    return Places(index, torch.arange(most, device=index.device) < counts[:, None]) if most else None


def _global(context: Context) -> Tensor | None:
    """Return which tokens are global, ``[B, T]`` bool: padding never is."""
    found = context.everywhere
    return found if found is None or context.keep is None else found & context.keep


def _visible(context: Context, window: int, x: Tensor) -> Tensor:
    """Return which keys in its window a query sees, ``[1 or B, 1, T, 2 window + 1]``: real ones that are not global."""
    keep = torch.ones(1, x.shape[1], dtype=torch.bool, device=x.device) if context.keep is None else context.keep
    found = _global(context)
    return windows(keep if found is None else keep & ~found, window)[:, None]


def _pick(x: Tensor, index: Tensor) -> Tensor:
    """Return the vectors of ``[B, heads, T, d]`` at ``[B, G]``."""
    return x.gather(2, index[:, None, :, None].expand(-1, x.shape[1], -1, x.shape[-1]))


def _put(x: Tensor, new: Tensor, places: Places) -> Tensor:
    """Replace the vectors of global tokens."""
    new = torch.where(places.real[:, None, :, None], new, _pick(x, places.index))
    return x.scatter(2, places.index[:, None, :, None].expand(-1, x.shape[1], -1, x.shape[-1]), new)
