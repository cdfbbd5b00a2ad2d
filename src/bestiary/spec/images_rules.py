"""What the nodes of images must keep to beyond the types of their fields."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from bestiary.spec.embeddings import Patches
from bestiary.spec.images import (
    DistilledClassifier,
    Grid,
    GridBias,
    MaskedPatches,
    PatchClassifier,
    PatchMean,
    PatchPixels,
    VisiblePatches,
)
from bestiary.spec.models import Model, Transformer
from bestiary.spec.node import Node


def _patches(node: Patches, spec: Model) -> Iterator[str]:
    if node.image < node.patch:
        yield f"patches of {node.patch} pixels do not fit into an image of {node.image}"
    if node.position is not None and not isinstance(node.position, Grid):
        yield f"patches take a grid such as LearnedGrid, not {type(node.position).__name__}"


def _visible_patches(node: VisiblePatches, spec: Model) -> Iterator[str]:
    yield from _patches(node, spec)
    if node.image % node.patch:  # all pixels are told
        yield f"patches of {node.patch} pixels do not tile an image of {node.image}"


def _grid_bias(node: GridBias, spec: Model) -> Iterator[str]:
    embed = spec.embed if isinstance(spec, Transformer) else None
    if not isinstance(embed, Patches) or embed.extra != 1:
        yield "a bias of a grid is for patches behind one extra token"
    elif embed.patch and embed.image // embed.patch != node.side:
        yield f"side is {node.side}, but an image is {embed.image // embed.patch} patches wide"


def _reads_patches(node: Node, spec: Model) -> Iterator[str]:
    embed = spec.embed if isinstance(spec, Transformer) else None
    least = 2 if isinstance(node, DistilledClassifier) else 1
    if not isinstance(embed, Patches) or embed.extra < least:
        yield f"this head reads patches behind {least} extra token{'s' * (least > 1)}; embed such Patches"


def _patch_pixels(node: PatchPixels, spec: Model) -> Iterator[str]:
    yield from _reads_patches(node, spec)
    if isinstance(spec, Transformer) and not isinstance(spec.embed, VisiblePatches):
        yield "pixels are told of patches that were not read; embed VisiblePatches"


RULES: dict[type[Node], Callable[[Any, Model], Iterator[str]]] = {
    Patches: _patches,
    MaskedPatches: _patches,
    VisiblePatches: _visible_patches,
    GridBias: _grid_bias,
    PatchMean: _reads_patches,
    DistilledClassifier: _reads_patches,
    PatchClassifier: _reads_patches,
    PatchPixels: _patch_pixels,
}
