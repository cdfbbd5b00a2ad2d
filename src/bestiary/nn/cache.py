"""The cache of keys and values: what was already read is kept, so that each new token costs one step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Pair = tuple[Tensor, Tensor]


class Cache:
    """Keys and values of every attention, by depth and module.

    Buffers are preallocated for ``length`` tokens (doubled when it was too short) and written in place; what attention
    reads is a view. Cross-attentions store the encoder's keys and values once.
    """

    def __init__(self, length: int = 64) -> None:
        self.length = length
        self.seen = 0
        """How many tokens every self-attention has read."""
        self.keep: Tensor | None = None
        """Which cached tokens are real, ``[B, seen]``; ``None`` when all are."""
        self.rows: dict[str, Tensor] = {}
        """What else a model keeps of what each row of the batch has read."""
        self._buffers: dict[Any, Pair] = {}
        self._fixed: dict[Any, Pair] = {}

    def extend(self, slot: Any, k: Tensor, v: Tensor) -> Pair:
        """Append ``[B, heads, T, head_dim]`` keys and values at a slot; return all that the slot now holds."""
        end = self.seen + k.shape[2]
        if slot not in self._buffers:
            self._buffers[slot] = (self._room(k, end), self._room(v, end))
        elif self._buffers[slot][0].shape[2] < end:
            held = self._buffers[slot]
            self._buffers[slot] = (self._room(k, 2 * end), self._room(v, 2 * end))
            for buffer, old in zip(self._buffers[slot], held, strict=True):
                buffer[:, :, : self.seen] = old[:, :, : self.seen]
        keys, values = self._buffers[slot]
        keys[:, :, self.seen : end] = k
        values[:, :, self.seen : end] = v
        return keys[:, :, :end], values[:, :, :end]

    def fixed(self, slot: Any, make: Callable[[], Pair]) -> Pair:
        """Return the keys and values that a slot computed at its first use."""
        if slot not in self._fixed:
            self._fixed[slot] = make()
        return self._fixed[slot]

    def select(self, rows: Tensor) -> None:
        """Keep only some rows of the batch, in this order: finished sequences leave, beams are reordered."""
        for store in (self._buffers, self._fixed):
            for slot, (k, v) in store.items():
                store[slot] = (k.index_select(0, rows), v.index_select(0, rows))
        self.rows = {name: kept.index_select(0, rows) for name, kept in self.rows.items()}
        if self.keep is not None:
            self.keep = self.keep.index_select(0, rows)

    def nbytes(self) -> int:
        """Return the bytes that the cache holds, room for tokens not yet read included."""
        return sum(t.nbytes for store in (self._buffers, self._fixed) for pair in store.values() for t in pair)

    def _room(self, like: Tensor, least: int) -> Tensor:
        batch, heads, _, width = like.shape
        return torch.empty(batch, heads, max(self.length, least), width, dtype=like.dtype, device=like.device)
