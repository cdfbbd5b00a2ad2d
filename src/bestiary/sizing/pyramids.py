"""Sizes of hierarchies of vision: parts, linear maps and operations of tiers, windows and what merges places."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from math import isqrt
from typing import Any

from bestiary.sizing.cost import Pass, branch_costs, cost, each, once
from bestiary.sizing.global_context import query_cost
from bestiary.sizing.inside import Parts, Rule, each_map, inside, linear_parts, model_inside, nothing, own
from bestiary.sizing.linear import Linear, Maps
from bestiary.spec import (
    ContinuousBias,
    CosineAttention,
    GlobalTier,
    Grid,
    MaskedPaddedPatches,
    Merging,
    Model,
    Node,
    NormedMerging,
    PaddedPatches,
    PatchMerging,
    PixelBlocks,
    PlaceMean,
    Pyramid,
    SinusoidalGrid,
    Tier,
    Windows,
    as_heads_see,
    map_sides,
)


def _padded_patches(node: PaddedPatches, width: int, model: Model) -> Parts:
    yield from each_map(node, width, model)
    yield "mask", width if isinstance(node, MaskedPaddedPatches) else 0
    learned = isinstance(node.position, Grid) and not isinstance(node.position, SinusoidalGrid)
    yield "position", (node.image // node.patch) ** 2 * width if learned else 0
    yield from inside("norm", node.norm, width, model)


def _cosine(node: CosineAttention, width: int, model: Model) -> Parts:
    yield from linear_parts(node, width, model)
    yield "q.log_scale", node.heads
    yield from inside("position", node.position, node.heads, model)


def _merging(node: Merging, width: int, model: Model) -> Parts:
    yield from inside("norm", node.norm, 2 * width if isinstance(node, NormedMerging) else 4 * width, model)
    yield from each_map(node, width, model)


def _tier(node: Tier, width: int, model: Model) -> Parts:
    yield from inside("stack", node.stack, width, model)
    yield from inside("merge", node.merge, width, model)


def _pyramid(node: Pyramid, width: int, model: Model) -> Parts:
    yield from inside("embed", node.embed, width, model)
    for index, tier in enumerate(node.tiers):
        yield from model_inside(f"tiers.{index}", tier)
    seen = as_heads_see(node)
    for name, head in node.heads.items():
        yield from inside(f"heads.{name}", head, seen.dim, seen)


PARTS: dict[type[Node], Rule] = {
    PaddedPatches: _padded_patches,
    MaskedPaddedPatches: _padded_patches,
    CosineAttention: _cosine,
    ContinuousBias: own(lambda node, width: node.hidden * (3 + width)),
    Windows: lambda node, width, model: inside("attention", node.attention, width, model),
    PatchMerging: _merging,
    NormedMerging: _merging,
    Tier: _tier,
    Pyramid: _pyramid,
    PlaceMean: nothing,
    PixelBlocks: each_map,
}


def _patch_maps(node: PaddedPatches, model: Model) -> Maps:
    return {"patches": Linear(node.channels * node.patch**2, model.dim)}


def _merging_maps(node: Merging, model: Model) -> Maps:
    return {"reduce": Linear(4 * model.dim, 2 * model.dim, False)}


MAPS: dict[type[Node], Callable[[Any, Model], Maps]] = {
    PaddedPatches: _patch_maps,
    MaskedPaddedPatches: _patch_maps,
    Windows: lambda node, model: {},
    PatchMerging: _merging_maps,
    NormedMerging: _merging_maps,
    PlaceMean: lambda node, model: {},
    PixelBlocks: lambda node, model: {"output": Linear(model.dim, node.channels * node.side**2)},
}


def _windows(node: Windows, run: Pass) -> int:
    """Attention in each window, those that zeros fill up too, and the MLP of a bias once for a layer."""
    windows = (-(-isqrt(run.tokens) // node.side)) ** 2
    bias, offsets = node.attention.position, (2 * node.side - 1) ** 2
    told = 2 * offsets * bias.hidden * (2 + node.attention.heads) if isinstance(bias, ContinuousBias) else 0
    return windows * cost(node.attention, replace(run, tokens=node.side**2)) + told


def _merged(node: Merging, run: Pass) -> int:
    return (-(-isqrt(run.tokens) // 2)) ** 2 * once(node, run)


FLOPS: dict[type[Node], Callable[[Any, Pass], int]] = {
    PaddedPatches: each,
    MaskedPaddedPatches: each,
    Windows: _windows,
    PatchMerging: _merged,
    NormedMerging: _merged,
    PlaceMean: once,
    PixelBlocks: each,
}

Costs = tuple[int, Iterable[tuple[str, int]]]
"""How many tokens a pass reads, and what its modules cost."""


def _whole_pyramid(spec: Pyramid, context: int | None, source: int | None) -> Costs:
    return map_sides(spec)[0] ** 2, list(_modules(spec))


def _modules(spec: Pyramid) -> Iterator[tuple[str, int]]:
    sides = map_sides(spec)
    yield "embed", cost(spec.embed, Pass(spec, sides[0] ** 2))
    for index, (tier, side) in enumerate(zip(spec.tiers, sides, strict=True)):
        run = Pass(tier, side**2)
        if isinstance(tier, GlobalTier):
            yield f"tiers.{index}.queries", query_cost(tier, side**2)
        branches = branch_costs(tier.stack, run)
        yield from ((f"tiers.{index}.stack.layers[*].{name}", number) for name, number in branches.items())
        if tier.merge is not None:
            yield f"tiers.{index}.merge", cost(tier.merge, run)
    heads = Pass(as_heads_see(spec), sides[-1] ** 2)
    yield from ((f"heads.{name}", cost(head, heads)) for name, head in spec.heads.items())


WHOLE: dict[type[Model], Callable[[Any, int | None, int | None], Costs]] = {Pyramid: _whole_pyramid}
