"""What flows beside the hidden state: positions, padding, the encoder's output, the cache, what is computed once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from torch import Tensor

from bestiary.nn.cache import Cache

Made = TypeVar("Made")


@dataclass
class Context:
    """One forward pass of one tower. Tensors are named by their axes: B batch, T queries, K keys, S encoder tokens."""

    positions: Tensor
    """Position of each query, ``[1 or B, T]``, for rotary and embedding positions; pairs are ``[B, 2, T]``."""

    keys: int
    """K: how many keys self-attention sees, those in the cache included."""

    keep: Tensor | None = None
    """Which keys are real tokens, ``[B, K]`` bool; ``None`` when all are."""

    memory: Tensor | None = None
    """The encoder's output, ``[B, S, dim]``."""

    memory_keep: Tensor | None = None
    """Which of the encoder's tokens are real, ``[B, S]`` bool; ``None`` when all are."""

    cache: Cache | None = None

    pictures: int = 0
    """N: how many pictures the memory holds."""

    shown: Tensor | None = None
    """Which pictures each query sees, ``[B, T, N]`` bool, where the input says it."""

    prefix: Tensor | None = None
    """How many real tokens stand in the prefix that prefix masks leave open, ``[B]``."""

    everywhere: Tensor | None = None
    """Which tokens are global to windowed attention, ``[B, T]`` bool; ``None`` when none is."""

    segments: Tensor | None = None
    """The segment of each token, ``[B, T]``, where a head tells it by the input; ``None`` for segment 0."""

    input_ids: Tensor | None = None

    table: Tensor | None = None
    """The token table, ``[vocab, width]``, which tied heads and a sharing decoder read."""

    token_type_ids: Tensor | None = None
    """The segment of each token, ``[B, T]``, where scores depend on it."""

    unseen: Tensor | None = None
    """Which tokens of its segment a query may not see, ``[B, T, T]`` bool."""

    targets: Tensor | None = None
    """The place of each target, ``[B, P, T]`` of ones and zeros, for a second stream of queries."""

    mems: Sequence[Tensor] | None = None
    """What each attention with a memory remembers of earlier segments, ``[M, B, dim]``, in the order they run."""

    blank: Tensor | None = None
    """Which tokens are as zeros to all that read them, ``[B, T]`` bool: padding that is part of a memory of zeros."""

    new_mems: list[Tensor] = field(default_factory=list[Tensor])
    """What each will remember."""

    bands: Any = None
    """The embedding of tokens in bands, which a head over bands reads."""

    side: Tensor | None = None
    """The second stream of vectors beside those of tokens, ``[B, T, width]``; each fusion puts its own in their place.
    """

    aligned: Tensor | None = None
    """Which tokens the second stream holds something for, ``[B, T]`` bool."""

    candidates: Tensor | None = None
    """The vectors of entities that tokens are scored for, ``[C, width]``."""

    pooled: Tensor | None = None
    """The pooler's output, ``[B, dim]``, for the heads after it."""

    logits_to_keep: int = 0
    """How many of the last tokens a language-model head scores; 0 for all."""

    masked_patches: Tensor | None = None
    """Which patches of an image a learned vector stands for, ``[B, patches]`` bool."""

    noise: Tensor | None = None
    """Random numbers by whose order patches are shuffled, ``[B, patches]``."""

    restore: Tensor | None = None
    """Where each patch stands among the shuffled, ``[B, patches]``; the visible ones come first."""

    told: Tensor | None = None
    """The vector that modulates layers, ``[B, 1, dim]``."""

    asked: Tensor | None = None
    """The queries that a whole map tells for each of its windows, ``[B, T, dim]``."""

    grid: tuple[int, int] | None = None
    """How many places high and wide the map is whose places are the tokens."""

    places: Tensor | None = None
    """What queries and keys are told of where they stand, ``[1 or B, T, dim]``."""

    memory_places: Tensor | None = None
    """The same of the encoder's tokens, ``[B, S, dim]``."""

    maps: Sequence[Tensor] | None = None
    """The maps of a network's stages, ``[B, channels, H, W]``, the last of them as wide as the model."""

    skips: float = 0.0
    """The probability with which the running layer's branches are skipped by a sample that is trained on."""

    depth: int = 0
    """Index of the layer that is running; with the module it tells caches of shared weights apart."""

    entered: Tensor | None = None
    """What entered the running stack, ``[B, T, dim]``."""

    shared_scores: torch.nn.Module | None = None
    """The score position that the running stack shares between its attentions."""

    frequencies: Tensor | None = None
    """Rotary frequencies that the running stack keeps beside its weights, ``[rotated / 2]``."""

    filtered: Tensor | None = None
    """What filters made of a waveform, ``[B, T, channels]``, before it is mapped to the model's width."""

    masked_places: Tensor | None = None
    """Which places of a sound are masked, ``[B, T]``."""

    router_logits: list[Tensor] = field(default_factory=list)
    """What each mixture of experts scored its experts with, in the order of the layers."""

    _made: dict[Any, Any] = field(default_factory=dict)

    @property
    def queries(self) -> int:
        """T: how many queries this pass has."""
        return self.positions.shape[-1]

    @property
    def past(self) -> int:
        """How many tokens the cache held before this pass."""
        return self.keys - self.queries

    def once(self, key: Any, make: Callable[[], Made]) -> Made:
        """Return what ``make`` gives for a key, made at its first use in this pass: masks, rotations, shared biases."""
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]


def padding(attention_mask: Tensor | None) -> Tensor | None:
    """Turn an ``attention_mask`` of ones and zeros into a bool mask, or ``None`` when nothing is padded."""
    if attention_mask is None:
        return None
    keep = attention_mask.bool()
    if torch.compiler.is_compiling() or keep.is_meta or not bool(keep.all()):
        return keep
    return None
