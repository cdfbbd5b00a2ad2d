"""Attention to pictures: of texts, to those that each token sees, and of the learned vectors that sum one up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from bestiary import spec
from bestiary.errors import BestiaryError
from bestiary.nn.attention import Attention, biased
from bestiary.nn.context import Context
from bestiary.nn.cross_width import CrossWidthAttention
from bestiary.nn.norms import norm
from bestiary.nn.qk_norm import NormedProjection

SEEN = "pictures"
"""Under this a cache keeps which pictures the last token of each row saw, ``[B, N]``."""


class ImageAttention(CrossWidthAttention):
    """Cross-attention to the vectors of pictures; a token that sees none is given zeros."""

    def __init__(self, node: spec.ImageAttention, dim: int) -> None:
        super().__init__(node, dim)
        self.mask = node.mask
        self.read_norm = None if node.norm is None else norm(node.norm, node.width)
        if node.qk_norm is not None:
            self.q = NormedProjection(node.qk_norm, dim, self.heads, self.head_dim, "q" in node.bias)
            self.k = NormedProjection(node.qk_norm, node.width, self.kv_heads, self.head_dim, "k" in node.bias)

    def forward(self, x: Tensor, context: Context) -> Tensor:
        """Map ``[B, T, dim]`` to the same shape, reading ``context.memory``, the vectors of all pictures."""
        if not context.pictures:
            return torch.zeros_like(x)
        q = self.split(self.q(x), self.heads)
        k, v = (
            self.read(context)
            if context.cache is None
            else context.cache.fixed((context.depth, self), lambda: self.read(context))
        )
        seen = seen_pictures(self.mask, context)
        each = k.shape[2] // context.pictures
        vectors = context.once(("vectors", self.mask), lambda: seen.repeat_interleave(each, dim=-1)[:, None])
        told = self.attend(q, k, v, biased(q.new_zeros(1), vectors))
        return told.masked_fill(~seen.any(-1, keepdim=True), 0.0)

    def read(self, context: Context) -> tuple[Tensor, Tensor]:
        """Return keys and values of all pictures' vectors."""
        assert context.memory is not None, "layers that look at pictures were run without the vectors of these"
        memory = context.memory if self.read_norm is None else self.read_norm(context.memory)
        return self.split(self.k(memory), self.kv_heads), self.split(self.v(memory), self.kv_heads)


class LatentAttention(Attention):
    """Self-attention of learned vectors, to themselves and to what is read."""

    def __init__(self, node: spec.LatentAttention, dim: int) -> None:
        super().__init__(node, dim)
        self.read_norm = norm(node.norm, dim)
        if node.qk_norm is not None:
            self.q = NormedProjection(node.qk_norm, dim, self.heads, self.head_dim, "q" in node.bias)
            self.k = NormedProjection(node.qk_norm, dim, self.kv_heads, self.head_dim, "k" in node.bias)

    def forward(self, x: Tensor, context: Context) -> Tensor:
        """Map ``[B, T, dim]`` to the same shape, reading ``context.memory``, ``[B, S, dim]``."""
        assert context.memory is not None, "learned vectors were run without what they ask"
        both = torch.cat((self.read_norm(context.memory), x), dim=1)
        q, k, v = self.split(self.q(x), self.heads), self.k(both), self.v(both)
        return self.attend(q, self.split(k, self.kv_heads), self.split(v, self.kv_heads), None)


def seen_pictures(masks: tuple[spec.Mask, ...], context: Context) -> Tensor:
    """Return which pictures each query sees, ``[B, T, N]`` bool: as the input says, else as the masks do."""
    return context.once((SEEN, masks), lambda: _conjunction(masks, context))


def _conjunction(masks: tuple[spec.Mask, ...], context: Context) -> Tensor:
    if context.shown is not None:
        return context.shown
    (mask,) = masks
    return _SEEN[type(mask)](mask, context)


def _last_image(mask: spec.LastImage, context: Context) -> Tensor:
    """Count the pictures that were shown up to each query; what was read before is as the cache kept it."""
    ids, rows = context.input_ids, {} if context.cache is None else context.cache.rows
    if SEEN not in rows and (mask.token is None or ids is None):
        raise BestiaryError(
            "no token shows pictures to this model: say with image_attention_mask, [batch, tokens, images], which of"
            " them each token sees"
        )
    numbers = torch.arange(1, context.pictures + 1, device=context.positions.device)
    before = rows[SEEN] if SEEN in rows else torch.zeros(len(ids), context.pictures, device=ids.device).bool()  # type: ignore[arg-type,union-attr]
    if mask.token is None or ids is None:
        return before[:, None].expand(-1, context.queries, -1)
    shown = (ids == mask.token).cumsum(-1)
    last = (before * numbers).amax(-1, keepdim=True) + shown
    return torch.where((shown > 0)[..., None], last[..., None] == numbers, before[:, None])


_SEEN: dict[type[spec.Mask], Callable[[Any, Context], Tensor]] = {spec.LastImage: _last_image}
