"""Sizes of what GC ViT brought: squeezed blocks and convolutions, and queries that a map tells."""

from __future__ import annotations

from collections.abc import Callable
from math import isqrt
from typing import Any

from bestiary.sizing.cost import Pass, each
from bestiary.sizing.inside import Parts, Rule, inside, linear_parts
from bestiary.sizing.linear import Linear, Maps
from bestiary.spec import ConvMerging, ConvPatches, GlobalQueryAttention, GlobalTier, Model, Node, Norm

CONVOLUTION = 9
"""Entries of a kernel over 3 x 3 places."""


def squeezed(channels: int) -> int:
    """Return how many channels a squeezed block leaves: a quarter, to a multiple of eight not a tenth less."""
    width = max(8, (channels // 4 + 4) // 8 * 8)
    return width + 8 if width < 0.9 * channels / 4 else width


def _block(channels: int) -> int:
    return channels * (CONVOLUTION + 2 * squeezed(channels) + channels)


def _shrink(norm: Norm, inputs: int, outputs: int, model: Model) -> Parts:
    yield from inside("shrink.norm_in", norm, inputs, model)
    yield "shrink.block", _block(inputs)
    yield "shrink.reduce", CONVOLUTION * inputs * outputs
    yield from inside("shrink.norm_out", norm, outputs, model)


def _conv_patches(node: ConvPatches, width: int, model: Model) -> Parts:
    yield "begin", CONVOLUTION * node.channels * width + width
    yield from _shrink(node.norm, width, width, model)


def _conv_merging(node: ConvMerging, width: int, model: Model) -> Parts:
    return _shrink(node.norm, width, 2 * width, model)


def _global_tier(node: GlobalTier, width: int, model: Model) -> Parts:
    yield "queries", max(1, node.pools) * _block(width)
    yield from inside("stack", node.stack, width, model)
    yield from inside("merge", node.merge, width, model)


def _global_query(node: GlobalQueryAttention, width: int, model: Model) -> Parts:
    yield from linear_parts(node, width, model)
    yield from inside("position", node.position, node.heads, model)


PARTS: dict[type[Node], Rule] = {
    ConvPatches: _conv_patches,
    ConvMerging: _conv_merging,
    GlobalTier: _global_tier,
    GlobalQueryAttention: _global_query,
}


def _global_query_maps(node: GlobalQueryAttention, model: Model) -> Maps:
    inner = node.heads * node.head_dim if node.head_dim else model.dim
    inputs = {name: Linear(model.dim, inner, name in node.bias) for name in "kv"}
    return {**inputs, "o": Linear(inner, model.dim, "o" in node.bias)}


MAPS: dict[type[Node], Callable[[Any, Model], Maps]] = {
    ConvPatches: lambda node, model: {},
    ConvMerging: lambda node, model: {},
    GlobalQueryAttention: _global_query_maps,
}


def _block_cost(channels: int, places: int) -> int:
    return 2 * channels * (places * (CONVOLUTION + channels) + 2 * squeezed(channels))


def _shrink_cost(inputs: int, outputs: int, places: int) -> int:
    """A block on the whole map, and a convolution at a quarter of its places."""
    less = (-(-isqrt(places) // 2)) ** 2
    return _block_cost(inputs, places) + 2 * CONVOLUTION * inputs * outputs * less


def _conv_patches_cost(node: ConvPatches, run: Pass) -> int:
    width, places = run.model.dim, (-(-node.image // 2)) ** 2
    return 2 * CONVOLUTION * node.channels * width * places + _shrink_cost(width, width, places)


def query_cost(tier: GlobalTier, places: int) -> int:
    """Return what the blocks cost that tell a tier's queries."""
    side, total = isqrt(places), 0
    for _ in range(max(1, tier.pools)):
        total += _block_cost(tier.dim, side**2)
        side = -(-side // 2)
    return total


def _global_query_cost(node: GlobalQueryAttention, run: Pass) -> int:
    inner = node.heads * node.head_dim if node.head_dim else run.model.dim
    return each(node, run) + 4 * inner * run.tokens**2


FLOPS: dict[type[Node], Callable[[Any, Pass], int]] = {
    ConvPatches: _conv_patches_cost,
    ConvMerging: lambda node, run: _shrink_cost(run.model.dim, 2 * run.model.dim, run.tokens),
    GlobalQueryAttention: _global_query_cost,
}
