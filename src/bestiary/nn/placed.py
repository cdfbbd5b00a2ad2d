"""Attention whose queries and keys are told where they stand: vectors of places are added to what they are made of."""

from __future__ import annotations

from torch import Tensor

from bestiary.nn.attention import Attention, CrossAttention
from bestiary.nn.context import Context


class PlacedAttention(Attention):
    """Self-attention whose queries and keys are told where they stand."""

    def forward(self, x: Tensor, context: Context) -> Tensor:
        """Map ``[B, T, dim]`` to the same shape."""
        assert context.places is not None
        told, keep = x + context.places, context.keep
        q, k = self.split(self.q(told), self.heads), self.split(self.k(told), self.kv_heads)
        v = self.split(self.v(x), self.kv_heads)
        return self.attend(q, k, v, None if keep is None else keep[:, None, None, :])


class PlacedCrossAttention(CrossAttention):
    """The same to the encoder's output, whose places the keys are told."""

    def forward(self, x: Tensor, context: Context) -> Tensor:
        """Map ``[B, T, dim]`` to the same shape, reading ``context.memory``."""
        assert context.places is not None
        return super().forward(x + context.places, context)

    def read(self, context: Context) -> tuple[Tensor, Tensor]:
        """Return keys and values of the encoder's output."""
        assert context.memory is not None and context.memory_places is not None
        k, v = self.k(context.memory + context.memory_places), self.v(context.memory)
        return self.split(k, self.kv_heads), self.split(v, self.kv_heads)
