"""Attention to vectors of another width: alone, or joined with a sequence's own."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from bestiary import spec
from bestiary.nn.attention import Attention, CrossAttention
from bestiary.nn.context import Context
from bestiary.nn.norms import norm


class CrossWidthAttention(CrossAttention):
    """Cross-attention whose keys and values come from vectors of a width of their own."""

    def __init__(self, node: spec.CrossWidthAttention, dim: int) -> None:
        super().__init__(node, dim)
        inner = self.kv_heads * self.head_dim
        self.k = nn.Linear(node.width, inner, bias="k" in node.bias)
        self.v = nn.Linear(node.width, inner, bias="v" in node.bias)


class JoinedAttention(Attention):
    """Self-attention to a sequence's own keys and values and to those of another."""

    def __init__(self, node: spec.JoinedAttention, dim: int) -> None:
        super().__init__(node, dim)
        inner = self.kv_heads * self.head_dim
        self.k_read = nn.Linear(node.width, inner, bias="k" in node.bias)
        self.v_read = nn.Linear(node.width, inner, bias="v" in node.bias)

    def forward(self, x: Tensor, context: Context) -> Tensor:
        """Map ``[B, T, dim]`` to the same shape, reading ``context.memory``."""
        memory, keep = context.memory, context.memory_keep
        assert memory is not None, "attention that joins another sequence was run without one"
        q = self.split(self.q(x), self.heads)
        k, v = (
            torch.cat((self.split(read(memory), self.kv_heads), self.split(own(x), self.kv_heads)), dim=2)
            for read, own in ((self.k_read, self.k), (self.v_read, self.v))
        )
        mask = None if keep is None else torch.cat((keep, keep.new_ones(x.shape[:2])), dim=1)[:, None, None, :]
        return self.attend(q, k, v, mask)


class NormedWidthAttention(CrossWidthAttention):
    """Cross-attention to vectors that are normed as they are read."""

    def __init__(self, node: spec.NormedWidthAttention, dim: int) -> None:
        super().__init__(node, dim)
        self.read_norm = norm(node.read_norm, node.width)

    def read(self, context: Context) -> tuple[Tensor, Tensor]:
        """Return keys and values of the vectors, normed."""
        return super().read(_normed(context, self.read_norm))


class NormedJoinedAttention(JoinedAttention):
    """Self-attention that vectors join which are normed as they are read."""

    def __init__(self, node: spec.NormedJoinedAttention, dim: int) -> None:
        super().__init__(node, dim)
        self.read_norm = norm(node.read_norm, node.width)

    def forward(self, x: Tensor, context: Context) -> Tensor:
        """Map ``[B, T, dim]`` to the same shape, reading ``context.memory``."""
        return super().forward(x, _normed(context, self.read_norm))


def _normed(context: Context, read_norm: nn.Module) -> Context:
    assert context.memory is not None, "attention to other vectors was run without any"
    return replace(context, memory=read_norm(context.memory))
