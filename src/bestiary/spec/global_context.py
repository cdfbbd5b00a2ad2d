"""What GC ViT brought: convolutions that begin and merge maps, and queries that a whole map tells."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from bestiary.spec.embeddings import Patches
from bestiary.spec.models import Model
from bestiary.spec.node import Node
from bestiary.spec.norms import LayerNorm, Norm
from bestiary.spec.ops import Attention
from bestiary.spec.pyramids import Merging, Tier


@dataclass(frozen=True)
class ConvPatches(Patches):
    """Places of four pixels by two convolutions over 3 x 3 in steps of two; a squeezed block and norms between them.

    The block is a fused inverted residual one (Hatamizadeh et al. 2022, published code).
    """

    patch: int = 4
    extra: int = 0
    norm: Norm = field(default=LayerNorm(), kw_only=True)


@dataclass(frozen=True)
class ConvMerging(Merging):
    """A squeezed block, then a convolution over 3 x 3 in steps of two; a norm before and behind them."""


@dataclass(frozen=True)
class GlobalTier(Tier):
    """A tier whose map also tells the queries of its windows: blocks and poolings shrink it to the size of one.

    ``pools`` is how often it is halved (Hatamizadeh et al. 2022, section 3.2).
    """

    pools: int = 0


@dataclass(frozen=True)
class GlobalQueryAttention(Attention):
    """Attention within windows whose queries are those that the whole map tells, the same in each window.

    Keys and values are the window's own (Hatamizadeh et al. 2022, section 3.2).
    """


def _conv_patches(node: ConvPatches, spec: Model) -> Iterator[str]:
    if node.patch != 4 or node.extra or node.position is not None:
        yield "convolutions make places of 4 pixels, without positions and extra tokens"


def _global_query(node: GlobalQueryAttention, spec: Model) -> Iterator[str]:
    if not isinstance(spec, GlobalTier):
        yield "queries that a map tells need a GlobalTier around them"
    if "q" in node.bias or node.kv_heads is not None or node.mask:
        yield "queries are given, so they have no bias, no groups of heads and no mask"
    if not node.head_dim and spec.dim % node.heads:
        yield f"{node.heads} heads do not divide dim {spec.dim}"


RULES: dict[type[Node], Callable[[Any, Model], Iterator[str]]] = {
    ConvPatches: _conv_patches,
    GlobalQueryAttention: _global_query,
}
