"""Sizes of what images brought: parts, linear maps and operations of its nodes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bestiary.sizing.cost import Pass, branch_costs, once
from bestiary.sizing.inside import Parts, Rule, each_map, inside, nothing, own
from bestiary.sizing.linear import Linear, Maps, maps
from bestiary.spec import (
    DistilledClassifier,
    FirstVector,
    Grid,
    GridBias,
    LearnedGrid,
    MaskedPatches,
    Model,
    Node,
    PatchClassifier,
    Patches,
    PatchMean,
    PatchPixels,
    SinusoidalGrid,
    StretchedGrid,
    Transformer,
    VisiblePatches,
    WindowBias,
)


def _patches(node: Patches, width: int, model: Model) -> Parts:
    yield from each_map(node, width, model)
    yield "extra", node.extra * width
    yield "mask", width if isinstance(node, MaskedPatches) else 0
    yield "position", _grid(node.position, node, width) if isinstance(node.position, Grid) else 0


def _grid(position: Grid, embed: Patches, width: int) -> int:
    return 0 if isinstance(position, SinusoidalGrid) else ((embed.image // embed.patch) ** 2 + embed.extra) * width


def _patch_mean(node: PatchMean, width: int, model: Model) -> Parts:
    return inside("norm", node.norm, width, model)


def _patch_classifier(node: PatchClassifier, width: int, model: Model) -> Parts:
    yield from inside("norm", node.norm, width, model)
    yield from each_map(node, width, model)


def _patch_pixels(node: PatchPixels, width: int, model: Model) -> Parts:
    decoder = node.decoder
    linear = maps(node, model)
    yield "embed", linear["embed"].parameters
    yield "mask", decoder.dim
    embed = _patches_of(model)
    yield "position", _grid(decoder.position, embed, decoder.dim) if embed else 0
    yield from inside("stack", decoder.stack, decoder.dim, decoder)
    yield "output", linear["output"].parameters


def _patches_of(model: Model) -> Patches | None:
    embed = model.embed if isinstance(model, Transformer) else None
    return embed if isinstance(embed, Patches) else None


def _pixel_maps(node: PatchPixels, model: Model) -> Maps:
    embed, width = _patches_of(model), node.decoder.dim
    pixels = embed.channels * embed.patch**2 if embed else 0
    return {"embed": Linear(model.dim, width), "output": Linear(width, pixels)}


def _pixel_cost(node: PatchPixels, run: Pass) -> int:
    embed, linear = _patches_of(run.model), maps(node, run.model)
    assert embed is not None
    whole = (embed.image // embed.patch) ** 2 + embed.extra
    layers = sum(branch_costs(node.decoder.stack, Pass(node.decoder, whole)).values())
    return 2 * (run.tokens * linear["embed"].weights + whole * linear["output"].weights) + layers


def _patches_cost(node: Patches, run: Pass) -> int:
    """Every patch is mapped, those too that are then not read."""
    return (node.image // node.patch) ** 2 * once(node, run)


def _patches_maps(node: Patches, model: Model) -> Maps:
    return {"patches": Linear(node.channels * node.patch**2, model.dim)}


PARTS: dict[type[Node], Rule] = {
    Patches: _patches,
    MaskedPatches: _patches,
    VisiblePatches: _patches,
    LearnedGrid: nothing,  # counted with the patches, whose number it needs
    StretchedGrid: nothing,
    SinusoidalGrid: nothing,
    WindowBias: own(lambda node, width: (2 * node.side - 1) ** 2 * width),
    GridBias: own(lambda node, width: ((2 * node.side - 1) ** 2 + 3) * width),
    FirstVector: nothing,
    PatchMean: _patch_mean,
    DistilledClassifier: each_map,
    PatchClassifier: _patch_classifier,
    PatchPixels: _patch_pixels,
}

MAPS: dict[type[Node], Callable[[Any, Model], Maps]] = {
    Patches: _patches_maps,
    MaskedPatches: _patches_maps,
    VisiblePatches: _patches_maps,
    FirstVector: lambda node, model: {},
    PatchMean: lambda node, model: {},
    DistilledClassifier: lambda node, model: dict.fromkeys(("output", "taught"), Linear(model.dim, node.labels)),
    PatchClassifier: lambda node, model: {"output": Linear(model.dim, node.labels)},
    PatchPixels: _pixel_maps,
}

FLOPS: dict[type[Node], Callable[[Any, Pass], int]] = {
    Patches: _patches_cost,
    MaskedPatches: _patches_cost,
    VisiblePatches: _patches_cost,
    FirstVector: once,
    PatchMean: once,
    DistilledClassifier: once,
    PatchClassifier: lambda node, run: (run.tokens - 1) * once(node, run),
    PatchPixels: _pixel_cost,
}
