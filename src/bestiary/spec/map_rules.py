"""What nodes of feature maps must keep to: widths that follow each other, groups that divide them, ways that meet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from bestiary.spec.diffusion import LatentDiffusion, PixelDiffusion, UNet
from bestiary.spec.edit import walk_once
from bestiary.spec.feature_maps import (
    ConvTower,
    ConvUp,
    CrossWidthAttention,
    GainBlock,
    GroupNorm,
    JoinedAttention,
    Level,
    NearestUp,
    PixelStack,
    PixelTransformer,
    Resample,
    ResBlock,
    TransposedConvUp,
)
from bestiary.spec.models import Model
from bestiary.spec.node import Node
from bestiary.spec.patch_diffusion import PatchDiffusion


def kept_widths(node: UNet) -> list[int]:
    """Return the widths of the maps that a U-Net keeps on the way down, in order."""
    widths = [node.dim]
    for level in node.down:
        widths += [level.dim] * (len(level.cells) + (level.resample is not None))
    return widths


def beside(node: UNet) -> Iterator[tuple[Level, tuple[int, ...]]]:
    """Yield the levels of the way up, each with the widths that its cells read beside their input."""
    kept = kept_widths(node)
    for level in node.up:
        yield level, tuple(kept.pop() if kept else 0 for _ in level.cells)


def divides(norm: GroupNorm, widths: list[int]) -> Iterator[str]:
    """Yield which widths the groups of a norm do not divide."""
    for width in dict.fromkeys(widths):
        if width % norm.groups:
            yield f"{norm.groups} groups do not divide the {width} channels that are normalized"


def _cells(level: Level, entering: int, extra: tuple[int, ...]) -> Iterator[str]:
    widths = [entering, *(level.dim for _ in level.cells)]
    for cell, width, more in zip(level.cells, widths, extra, strict=False):
        if isinstance(cell.res, GainBlock):
            yield "a GainBlock, which no norm stands in, is for CodeEncoder and CodeDecoder"
            return
        yield from divides(cell.res.norm, [width + more, level.dim])
    if isinstance(level.resample, ResBlock):
        yield from divides(level.resample.norm, [level.dim])


def _level(node: Level, spec: Model) -> Iterator[str]:
    if not node.cells:
        yield "a level needs at least one cell"
    if isinstance(node.resample, ResBlock) and node.resample.resample is None:
        yield "a residual block between levels resamples: say how"


def _attend(node: PixelStack | PixelTransformer, spec: Model) -> Iterator[str]:
    norms = [part for _, part in walk_once(node) if isinstance(part, GroupNorm)]
    for norm in dict.fromkeys(norms):
        yield from divides(norm, [spec.dim])


def _upwards(resample: Resample | ResBlock | None) -> bool:
    how = resample.resample if isinstance(resample, ResBlock) else resample
    return isinstance(how, NearestUp | ConvUp | TransposedConvUp)


def _unet(node: UNet, spec: Model) -> Iterator[str]:
    cells = sum(len(level.cells) for level in node.up)
    if cells != len(kept_widths(node)):
        yield f"{len(kept_widths(node))} maps are kept on the way down, but {cells} cells on the way up read them"
    ways = [sum(level.resample is not None for level in side) for side in (node.down, node.up)]
    if ways[0] != ways[1]:
        yield f"the way down resamples {ways[0]} times, the way up {ways[1]} times; they must meet"
    if any(_upwards(level.resample) for level in node.down) or node.middle.resample is not None:
        yield "the way down halves, and the middle resamples nothing"
    if any(level.resample is not None and not _upwards(level.resample) for level in node.up):
        yield "the way up doubles"
    waves = node.time.width or node.dim
    if waves % 2 or waves < 4:
        yield f"waves of the time step come in pairs, two at least, but they are {waves} wide"
    width = node.dim
    for level in (*node.down, node.middle):
        yield from _cells(level, width, (0,) * len(level.cells))
        width = level.dim
    for level, extra in beside(node):
        yield from _cells(level, width, extra)
        width = level.dim
    yield from divides(node.norm, [width])


def _conv_tower(node: ConvTower, spec: Model) -> Iterator[str]:
    width = node.dim
    for level in node.levels:
        yield from _cells(level, width, (0,) * len(level.cells))
        width = level.dim
    yield from divides(node.norm, [width])
    if any(part.time is not None for _, part in walk_once(node) if isinstance(part, ResBlock)):
        yield "an autoencoder knows no time step that a block could be told"
    if any(isinstance(part, CrossWidthAttention | JoinedAttention) for _, part in walk_once(node)):
        yield "an autoencoder has no other vectors to look at"


def _latent_diffusion(node: LatentDiffusion, spec: Model) -> Iterator[str]:
    if node.text.dim != node.dim:
        yield f"the text's vectors are {node.text.dim} wide, but dim, which the U-Net reads, is {node.dim}"
    reads = [part.width for _, part in walk_once(node.unet) if isinstance(part, CrossWidthAttention | JoinedAttention)]
    for width in dict.fromkeys(reads):
        if width != node.dim:
            yield f"attention in the U-Net reads vectors {width} wide, but the text's are {node.dim}"
    if {node.unet.channels, node.unet.out} != {node.autoencoder.dim}:
        yield (
            f"the U-Net reads {node.unet.channels} channels and answers {node.unet.out}, but latent maps have"
            f" {node.autoencoder.dim}"
        )


def _pixel_diffusion(node: PixelDiffusion, spec: Model) -> Iterator[str]:
    if node.dim != node.unet.dim:
        yield f"dim is {node.dim}, but the U-Net's is {node.unet.dim}"
    if node.unet.out not in (node.unet.channels, 2 * node.unet.channels):
        yield f"of {node.unet.channels} channels {node.unet.out} are predicted; give as many, or twice as many"


def _patch_diffusion(node: PatchDiffusion, spec: Model) -> Iterator[str]:
    channels = node.denoiser.embed.channels
    if node.dim != node.denoiser.dim:
        yield f"dim is {node.dim}, but that of what takes noise out is {node.denoiser.dim}"
    if channels != node.autoencoder.dim or node.denoiser.out not in (channels, 2 * channels):
        yield (
            f"{channels} channels are read and {node.denoiser.out} answered, but latent maps have"
            f" {node.autoencoder.dim}"
        )


RULES: dict[type[Node], Callable[[Any, Model], Iterator[str]]] = {
    Level: _level,
    PixelStack: _attend,
    PixelTransformer: _attend,
    UNet: _unet,
    ConvTower: _conv_tower,
    PixelDiffusion: _pixel_diffusion,
    LatentDiffusion: _latent_diffusion,
    PatchDiffusion: _patch_diffusion,
}
