"""Recurrence from one segment of a text to the next: attention that scores distances, and what it remembers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from bestiary.spec.masks import Mask
from bestiary.spec.node import Node
from bestiary.spec.ops import Op
from bestiary.spec.positions import ScorePosition


@dataclass(frozen=True)
class Distances(Node):
    """How distances between tokens become vectors that queries are compared with."""


@dataclass(frozen=True)
class SineDistances(Distances):
    """Sines and cosines of each distance; those beyond ``clamp`` are taken for it (Dai et al. 2019, section 3.3)."""

    base: float = 10000.0
    clamp: int | None = None


@dataclass(frozen=True)
class MirroredDistances(Distances):
    """The same, with the sign turned for the second half of the batch, which holds texts read backwards.

    A model of both directions is pretrained on such batches (Yang et al. 2019, section 2.6).
    """

    base: float = 10000.0
    clamp: int | None = None


@dataclass(frozen=True)
class Recurrence(Node):
    """What an attention remembers of the hidden states that it read, for the next segment (Dai et al. 2019)."""


@dataclass(frozen=True)
class Memory(Recurrence):
    """Empty at first; the last ``length`` states are kept, or all; of each segment only the first ``reuse``, or all."""

    length: int | None = None
    reuse: int | None = None


@dataclass(frozen=True)
class ZeroMemory(Recurrence):
    """Always ``length`` states, which are zeros at first and are attended to as any other."""

    length: int


@dataclass(frozen=True)
class RelativeAttention(Op):
    """Self-attention whose scores compare queries with keys and with distances (Dai et al. 2019, section 3.3).

    A query q scores a key k at distance d as ``(q + u) k + (q + v) r_d``: ``u`` and ``v`` are learned vectors of each
    head, ``r_d`` is a linear map of the distance's vector. Fields are as in ``Attention``.
    """

    slot: ClassVar[str] = "attn"

    heads: int
    kv_heads: int | None = None
    head_dim: int | None = None
    bias: str = ""
    distances: Distances = SineDistances()
    memory: Recurrence | None = None
    mask: tuple[Mask, ...] = ()
    scale: float | None = None
    dropout: float = 0.0


@dataclass(frozen=True)
class TiedRelativeAttention(RelativeAttention):
    """The same with the ``u`` and ``v`` of the stack, its ``QueryBiases``, instead of its own (Dai et al. 2019)."""


@dataclass(frozen=True)
class QueryBiases(ScorePosition):
    """The ``u`` and ``v`` of ``RelativeAttention``, two vectors of each head that all layers of a stack share.

    The paper's formula gives them no layer, and its character models have one pair (Dai et al. 2019, section 3.3).
    """


@dataclass(frozen=True)
class TwoStreamAttention(Op):
    """Relative attention with a second stream of queries, one for each target (Yang et al. 2019, sections 2.3, 2.5).

    A token sees itself whatever the mask; a target's query has the token's place but not its content. Scores have a
    third term: a learned vector of each head for keys of the query's own segment, and one for those of another.
    """

    slot: ClassVar[str] = "attn"

    heads: int
    kv_heads: int | None = None
    head_dim: int | None = None
    bias: str = ""
    distances: Distances = SineDistances()
    memory: Recurrence | None = None
    mask: tuple[Mask, ...] = ()
    scale: float | None = None
    dropout: float = 0.0


Recurrent = RelativeAttention | TwoStreamAttention
"""The ops that may have a memory."""
