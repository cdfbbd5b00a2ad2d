"""Sizes of models whose U-Nets read one text tower, and of U-Nets that halve before they compute."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from bestiary.sizing.convolution_blocks import both, conv
from bestiary.sizing.cost import Pass, branch_costs, cost
from bestiary.sizing.feature_maps import Piece, cell_sizes, condition_pieces, resampled, usual_read
from bestiary.sizing.inside import Parts, Rule, inside, model_inside
from bestiary.sizing.linear import Linear
from bestiary.sizing.multimodal import part_costs
from bestiary.sizing.reach import context_length
from bestiary.spec import (
    DownLevel,
    EfficientUNet,
    Model,
    Modulation,
    Node,
    NoiseLevel,
    PooledText,
    SharedTextCascade,
    ToldDiffusion,
    ToldUpscaler,
    TransposedConvUp,
    UpLevel,
)
from bestiary.spec.shared_text_rules import late_levels

Costs = Iterable[tuple[str, int]]


def _modulation(node: Modulation, dim: int, told: int) -> tuple[int, int]:
    return both((2 * dim, 0), conv(told, 2 * dim, 1, 1))


def _cells(path: str, level: DownLevel | UpLevel, entering: list[int], side: int, read: int) -> Iterator[Piece]:
    sums: dict[str, tuple[int, int]] = {}
    for cell, width in zip(level.cells, entering, strict=True):
        for name, size in cell_sizes(cell, width, level, 0, side, read):
            sums[name] = both(sums.get(name, (0, 0)), size)
    yield from (Piece(f"{path}.cells[*].{name}", *size) for name, size in sums.items())


def efficient_pieces(node: EfficientUNet, read: int = 0) -> Iterator[Piece]:
    """Yield the pieces of a U-Net that halves before it computes, whose attention reads so many vectors."""
    told, width, side = node.time.hidden, node.dim, node.size
    yield Piece("enter", *conv(node.channels, width, 3, side))
    yield Piece("time", *both(conv(node.time.width or width, told, 1, 1), conv(told, told, 1, 1)))
    yield from condition_pieces(node.conditions, node, told, read)
    sides: list[int] = []
    for index, level in enumerate(node.down):
        path = f"down[{index}]"
        sides.append(side)
        side = resampled(level.enter, side)
        yield Piece(f"{path}.enter", *conv(width, level.dim, 3, side))
        yield Piece(f"{path}.told", *_modulation(level.told, level.dim, told))
        yield from _cells(path, level, [level.dim] * len(level.cells), side, read)
        width = level.dim
    for index, (level, entering) in enumerate(late_levels(node)):
        path = f"up[{index}]"
        yield Piece(f"{path}.told", *_modulation(level.told, entering, told))
        widths = [entering, *[level.dim] * (len(level.cells) - 1)]
        yield from _cells(path, level, widths, side, read)
        width = level.dim
        leaves = sides.pop()
        parameters, _ = conv(width, width, 3, leaves)
        # A transposed convolution multiplies each pixel that enters; one behind doubling, each that leaves.
        at = side if isinstance(level.leave, TransposedConvUp) else leaves
        yield Piece(f"{path}.leave", parameters, conv(width, width, 3, at)[1])
        side = leaves
    yield Piece("leave", *conv(width, node.out, 1, side))


def _efficient(node: EfficientUNet, width: int, model: Model) -> Parts:
    yield from ((piece.path, piece.parameters) for piece in efficient_pieces(node))


def _pooled(node: PooledText, width: int, model: Model) -> Parts:
    held = node.width + 3 * Linear(node.width, node.width).parameters + Linear(node.width, width).parameters
    norms = [number for size in (node.width, width) for _, number in inside("norm", node.norm, size, model)]
    yield "", held + sum(norms)


def _noise_level(node: NoiseLevel, width: int, model: Model) -> Parts:
    yield "", Linear(node.width, width).parameters + Linear(width, width).parameters


def _told(node: ToldDiffusion, width: int, model: Model) -> Parts:
    yield from model_inside("unet", node.unet)


def _cascade(node: SharedTextCascade, width: int, model: Model) -> Parts:
    yield from model_inside("text", node.text)
    yield from model_inside("base", node.base)
    for index, part in enumerate(node.upscalers):
        yield from model_inside(f"upscalers[{index}]", part)


PARTS: dict[type[Node], Rule] = {
    EfficientUNet: _efficient,
    PooledText: _pooled,
    NoiseLevel: _noise_level,
    ToldDiffusion: _told,
    ToldUpscaler: _told,
    SharedTextCascade: _cascade,
}


def _pooled_cost(node: PooledText, run: Pass) -> int:
    """The vectors and the one that asks them are read; it alone asks."""
    read = run.source + 1
    return 2 * node.width * ((1 + 2 * read) * node.width + run.model.dim) + 4 * node.width * read


FLOPS: dict[type[Node], Callable[[Any, Pass], int]] = {
    PooledText: _pooled_cost,
    NoiseLevel: lambda node, run: 2 * (node.width + run.model.dim) * run.model.dim,
}


def efficient_pass(node: EfficientUNet, context: int | None, source: int | None) -> tuple[int, Costs]:
    """One map; ``source`` counts the vectors that attention reads."""
    return 1, [(piece.path, piece.operations) for piece in efficient_pieces(node, usual_read(source))]


def _told_pass(node: ToldDiffusion, context: int | None, source: int | None) -> tuple[int, Costs]:
    """One step."""
    return 1, [(f"unet.{path}", number) for path, number in part_costs(node.unet, None, source)[1]]


def _cascade_pass(node: SharedTextCascade, context: int | None, source: int | None) -> tuple[int, Costs]:
    """Reading the text, and one step of each part."""
    tokens = context_length(node.text, usual_read(context))
    run = Pass(node.text, tokens)
    costs = [("text.embed", cost(node.text.embed, run))]
    costs += [(f"text.stack.layers[*].{name}", number) for name, number in branch_costs(node.text.stack, run).items()]
    parts = {"base": node.base, **{f"upscalers[{index}]": part for index, part in enumerate(node.upscalers)}}
    for name, part in parts.items():
        costs += [(f"{name}.{path}", number) for path, number in _told_pass(part, None, tokens)[1]]
    return 1, costs


WHOLE: dict[type[Model], Callable[[Any, int | None, int | None], tuple[int, Costs]]] = {
    EfficientUNet: efficient_pass,
    ToldDiffusion: _told_pass,
    ToldUpscaler: _told_pass,
    SharedTextCascade: _cascade_pass,
}
