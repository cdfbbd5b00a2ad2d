"""Attention over torch's scaled-dot-product kernels: self-attention and cross-attention."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bestiary import spec
from bestiary.nn.context import Context
from bestiary.nn.masks import self_mask
from bestiary.nn.rotary import rotate
from bestiary.nn.scores import score_position


class Projections(nn.Module):
    """The four linear maps around an attention, and the kernel between them."""

    def __init__(self, node: spec.Attention | spec.CrossAttention, dim: int) -> None:
        super().__init__()
        self.heads, self.kv_heads = node.heads, node.kv_heads or node.heads
        self.head_dim = node.head_dim or dim // node.heads
        self.scale, self.dropout = node.scale, node.dropout
        inner, shared = self.heads * self.head_dim, self.kv_heads * self.head_dim
        self.q = nn.Linear(dim, inner, bias="q" in node.bias)
        self.k = nn.Linear(dim, shared, bias="k" in node.bias)
        self.v = nn.Linear(dim, shared, bias="v" in node.bias)
        self.o = nn.Linear(inner, dim, bias="o" in node.bias)

    def split(self, x: Tensor, heads: int) -> Tensor:
        """Split ``[B, T, heads * head_dim]`` into ``[B, heads, T, head_dim]``, a view."""
        return x.unflatten(-1, (heads, self.head_dim)).transpose(1, 2)

    def attend(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, causal: bool = False) -> Tensor:
        """Mix values by scores and project the result; shapes ``[B, heads, T or K, head_dim]`` to ``[B, T, dim]``."""
        dropout = self.dropout if self.training else 0.0
        grouped = self.kv_heads != self.heads
        mixed = F.scaled_dot_product_attention(
            q, k, v, attn_mask=mask, dropout_p=dropout, is_causal=causal, scale=self.scale, enable_gqa=grouped
        )
        return self.o(mixed.transpose(1, 2).flatten(2))


class Attention(Projections):
    """Self-attention: rotary positions act on queries and keys, score positions and masks on their products."""

    def __init__(self, node: spec.Attention, dim: int) -> None:
        super().__init__(node, dim)
        self.mask = node.mask
        self.rotary = node.position if isinstance(node.position, spec.Rotary) else None
        owned = node.position if isinstance(node.position, spec.ScorePosition) else None
        self.position = None if owned is None else score_position(owned, node.heads)

    def forward(self, x: Tensor, context: Context) -> Tensor:
        """Map ``[B, T, dim]`` to the same shape."""
        q, k = self.split(self.q(x), self.heads), self.split(self.k(x), self.kv_heads)
        v = self.split(self.v(x), self.kv_heads)
        if self.rotary is not None:
            q, k = rotate(self.rotary, q, k, context)
        if context.cache is not None:
            k, v = context.cache.extend((context.depth, self), k, v)
        bias = self.bias(q, k, context)
        causal = self.mask == (spec.Causal(),) and bias is None and context.keep is None and context.past == 0
        if causal and context.queries > 1:
            return self.attend(q, k, v, None, causal=True)
        mask = self_mask(self.mask, context)
        return self.attend(q, k, v, mask if bias is None else biased(bias, mask))

    def bias(self, q: Tensor, k: Tensor, context: Context) -> Tensor | None:
        """Return what positions add to the scores, ``[1 or B, heads, T, K]``: this layer's, the stack's, or both."""
        shared = context.shared_scores
        common = None if shared is None else context.once(shared, lambda: shared(q, k, context))
        if self.position is None:
            return common
        own = self.position(q, k, context)
        return own if common is None else own + common


class CrossAttention(Projections):
    """Attention whose keys and values come from the encoder's output, computed once while generating."""

    def forward(self, x: Tensor, context: Context) -> Tensor:
        """Map ``[B, T, dim]`` to the same shape, reading ``context.memory``."""
        q = self.split(self.q(x), self.heads)
        k, v = (
            self.read(context)
            if context.cache is None
            else context.cache.fixed((context.depth, self), lambda: self.read(context))
        )
        keep = context.memory_keep
        return self.attend(q, k, v, None if keep is None else keep[:, None, None, :])

    def read(self, context: Context) -> tuple[Tensor, Tensor]:
        """Return keys and values of the encoder's output."""
        assert context.memory is not None, "a decoder with cross-attention was run without the encoder's output"
        return tuple(self.split(project(context.memory), self.kv_heads) for project in (self.k, self.v))  # type: ignore[return-value]


def biased(bias: Tensor, mask: Tensor | None) -> Tensor:
    """Return scores to add: the bias, and the least number where the mask hides a key.

    Not minus infinity: a query that sees nothing (left padding) would get NaN.
    """
    return bias if mask is None else bias.masked_fill(~mask, torch.finfo(bias.dtype).min)
