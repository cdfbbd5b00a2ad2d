"""What models must keep to whose U-Nets read one text tower, beyond the types of their fields."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from bestiary.spec.edit import walk_once
from bestiary.spec.feature_maps import CrossWidthAttention, GainBlock, JoinedAttention, ResBlock
from bestiary.spec.map_rules import divides
from bestiary.spec.models import Model
from bestiary.spec.node import Node
from bestiary.spec.shared_text import (
    DownLevel,
    EfficientUNet,
    NoiseLevel,
    PooledText,
    SharedTextCascade,
    ToldDiffusion,
    ToldUpscaler,
    UpLevel,
)


def late_levels(node: EfficientUNet) -> Iterator[tuple[UpLevel, int]]:
    """Yield the levels of the way up, each with how many channels enter it, those from opposite among them."""
    width = node.down[-1].dim if node.down else node.dim
    for level, opposite in zip(node.up, reversed(node.down), strict=False):
        yield level, width + opposite.dim
        width = level.dim


def _pooled(node: PooledText, spec: Model) -> Iterator[str]:
    if node.width % node.heads:
        yield f"{node.heads} heads do not divide vectors {node.width} wide"


def _noise_level(node: NoiseLevel, spec: Model) -> Iterator[str]:
    if node.width % 2 or node.width < 4:
        yield f"waves of a noise level come in pairs, two at least, but they are {node.width} wide"


def _level(node: DownLevel | UpLevel, spec: Model) -> Iterator[str]:
    if not node.cells:
        yield "a level needs at least one cell"
    if any(isinstance(cell.res, GainBlock) or cell.res.time is not None for cell in node.cells):
        yield "the cells of this level are residual blocks told nothing: it is modulated once, before them"


def _cells(level: DownLevel | UpLevel, entering: int) -> Iterator[str]:
    for place, cell in enumerate(level.cells):
        if isinstance(cell.res, ResBlock):
            yield from divides(cell.res.norm, [level.dim if place else entering, level.dim])


def _unet(node: EfficientUNet, spec: Model) -> Iterator[str]:
    if len(node.down) != len(node.up):
        yield f"the way down halves {len(node.down)} times, the way up doubles {len(node.up)} times; they must meet"
    waves = node.time.width or node.dim
    if waves % 2 or waves < 4:
        yield f"waves of the time step come in pairs, two at least, but they are {waves} wide"
    for level in node.down:
        yield from divides(level.told.norm, [level.dim])
        yield from _cells(level, level.dim)
    for level, width in late_levels(node):
        yield from divides(level.told.norm, [width])
        yield from _cells(level, width)


def _told(node: ToldDiffusion, spec: Model) -> Iterator[str]:
    if node.dim != node.unet.dim:
        yield f"dim is {node.dim}, but the U-Net's is {node.unet.dim}"
    times = 1 + isinstance(node, ToldUpscaler)
    images = node.unet.channels // times
    if node.unet.channels % times or node.unet.out not in (images, 2 * images):
        yield f"a U-Net that reads {node.unet.channels} channels cannot answer {node.unet.out} of an image"
    levels = sum(isinstance(each, NoiseLevel) for each in node.unet.conditions)
    if levels != isinstance(node, ToldUpscaler):
        yield f"the U-Net is told {levels} noise levels: what enlarges is told one, what draws none"


def _cascade(node: SharedTextCascade, spec: Model) -> Iterator[str]:
    if node.text.dim != node.dim:
        yield f"the text's vectors are {node.text.dim} wide, but dim, which the U-Nets read, is {node.dim}"
    parts: list[ToldDiffusion] = [node.base, *node.upscalers]
    for part in parts:
        reads = [
            n.width for _, n in walk_once(part) if isinstance(n, CrossWidthAttention | JoinedAttention | PooledText)
        ]
        for width in dict.fromkeys(reads):
            if width != node.dim:
                yield f"a U-Net reads vectors {width} wide, but the text's are {node.dim}"
    sides = [part.unet.size for part in parts]
    if sides != sorted(set(sides)):
        yield f"pictures grow from one part to the next, but their sides are {sides}"
    if isinstance(node.base, ToldUpscaler):
        yield "the first part draws, and has nothing to enlarge"


RULES: dict[type[Node], Callable[[Any, Model], Iterator[str]]] = {
    PooledText: _pooled,
    NoiseLevel: _noise_level,
    DownLevel: _level,
    UpLevel: _level,
    EfficientUNet: _unet,
    ToldDiffusion: _told,
    ToldUpscaler: _told,
    SharedTextCascade: _cascade,
}
