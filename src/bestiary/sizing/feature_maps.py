"""Sizes of models of feature maps: what each convolution and each stack over pixels holds, and what a pass costs.

The width that enters a block, and the height and width of its map, follow from what stands before it; so a model is
walked once, and its pieces give both counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from bestiary.sizing import map_attention
from bestiary.sizing.convolution_blocks import block, both, conv, res_block
from bestiary.sizing.cost import Pass, cost
from bestiary.sizing.inside import Parts, Rule, model_inside, own, parts_of
from bestiary.sizing.layers import runs
from bestiary.sizing.linear import Linear
from bestiary.sizing.multimodal import part_costs
from bestiary.spec import (
    Autoencoder,
    Cell,
    ClassCondition,
    Codebook,
    Condition,
    ConvDown,
    ConvTower,
    ConvUp,
    CornerConvDown,
    GivenCondition,
    GroupNorm,
    LatentDiffusion,
    Level,
    Model,
    NearestUp,
    Node,
    PixelDiffusion,
    PixelStack,
    PixelTransformer,
    Resample,
    ResBlock,
    TransposedConvUp,
    UNet,
)
from bestiary.spec.map_rules import beside

_USUAL_READ = 77
"""Vectors that attention reads where nothing says how many: what CLIP makes of a text."""


class Piece(NamedTuple):
    """A module of a model of maps: its parameters, and the operations of a pass."""

    path: str
    parameters: int
    operations: int


class Map(NamedTuple):
    """A map on its way: its channels and its side."""

    width: int
    side: int


def resampled(node: Resample, side: int) -> int:
    """Return the side of a map whose side this was."""
    if isinstance(node, ConvUp | NearestUp | TransposedConvUp):
        return 2 * side
    return (side + 1) // 2 if isinstance(node, ConvDown) else side // 2


def _attend(node: PixelStack | PixelTransformer, level: Model, side: int, read: int) -> tuple[int, int]:
    dim = level.dim
    run = Pass(level, side**2, read)
    ops = sum(times * sum(cost(branch.op, run) for branch in layer) for layer, times in runs(node.stack).items())
    held = sum([number for _, number in parts_of(node.stack, dim, level)])
    if isinstance(node, PixelStack):
        return held, ops
    linear = Linear(dim, dim)
    return held + 2 * linear.parameters + 2 * dim, ops + 4 * linear.weights * side**2


def cell_sizes(
    cell: Cell, entering: int, level: Model, time: int, side: int, read: int
) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield the sizes of a cell's modules, by their names."""
    yield "res", block(cell.res, entering, level.dim, time, side)
    if isinstance(cell.attend, PixelStack | PixelTransformer):
        yield "attend", _attend(cell.attend, level, side, read)


def _level(
    path: str,
    level: Level,
    at: Map,
    time: int = 0,
    read: int = 0,
    extra: tuple[int, ...] = (),
    leaving: int | None = None,
) -> Iterator[Piece]:
    """Yield the pieces of a level, its cells summed; ``leaving`` is the side that its map is made to leave with."""
    sums: dict[str, tuple[int, int]] = {}
    for index, cell in enumerate(level.cells):
        entering = (level.dim if index else at.width) + (extra[index] if extra else 0)
        for name, size in cell_sizes(cell, entering, level, time, at.side, read):
            sums[name] = both(sums.get(name, (0, 0)), size)
    yield from (Piece(f"{path}.cells[*].{name}", *size) for name, size in sums.items())
    if level.resample is not None:
        side = _leaves(level, at).side if leaving is None else leaving
        yield Piece(f"{path}.resample", *resample_size(level.resample, level.dim, time, side))


def _leaves(level: Level, at: Map) -> Map:
    node = level.resample
    how = node.resample if isinstance(node, ResBlock) else node
    return Map(level.dim, at.side if how is None else resampled(how, at.side))


def resample_size(node: Resample | ResBlock, dim: int, time: int, side: int) -> tuple[int, int]:
    """Size what changes the resolution, to a side."""
    if isinstance(node, ResBlock):
        return res_block(node, dim, dim, time, side)
    return conv(dim, dim, 3, side) if isinstance(node, ConvDown | CornerConvDown | ConvUp) else (0, 0)


def condition_pieces(conditions: tuple[Condition, ...], node: Model, told: int, read: int) -> Iterator[Piece]:
    """Yield the pieces of what blocks are told beside the time step, in a vector ``told`` wide."""
    run = Pass(node.replace(dim=told), 1, read)
    for index, condition in enumerate(conditions):
        held = sum([number for _, number in parts_of(condition, told, node)])
        yield Piece(f"conditions[{index}]", held, cost(condition, run))


def unet_pieces(node: UNet, read: int = 0) -> Iterator[Piece]:
    """Yield the pieces of a U-Net, whose attention reads so many vectors."""
    time = node.time.hidden
    yield Piece("enter", *conv(node.channels, node.dim, 3, node.size))
    yield Piece("time", *both(conv(node.time.width or node.dim, time, 1, 1), conv(time, time, 1, 1)))
    yield from condition_pieces(node.conditions, node, time, read)
    at, sides = Map(node.dim, node.size), list[int]()
    for index, level in enumerate(node.down):
        yield from _level(f"down[{index}]", level, at, time, read)
        sides += [at.side] if level.resample is not None else []
        at = _leaves(level, at)
    yield from _level("middle", node.middle, at, time, read)
    at = _leaves(node.middle, at)
    for index, (level, extra) in enumerate(beside(node)):
        side = sides.pop() if level.resample is not None and sides else at.side  # as it was on the way down
        yield from _level(f"up[{index}]", level, at, time, read, extra, side)
        at = Map(level.dim, side)
    yield Piece("norm", 2 * at.width, 0)
    yield Piece("leave", *conv(at.width, node.out, 3, at.side))


def _tower_pieces(node: ConvTower, side: int) -> Iterator[Piece]:
    yield Piece("enter", *conv(node.channels, node.dim, 3, side))
    yield from levels_pieces(node.levels, node.dim, side)
    at = Map(node.dim, side)
    for level in node.levels:
        at = _leaves(level, at)
    yield Piece("norm", 2 * at.width, 0)
    yield Piece("leave", *conv(at.width, node.out, 3, at.side))


def levels_pieces(levels: tuple[Level, ...], width: int, side: int) -> Iterator[Piece]:
    """Yield the pieces of levels one after another, which read a map of a width and a side."""
    at = Map(width, side)
    for index, level in enumerate(levels):
        yield from _level(f"levels[{index}]", level, at)
        at = _leaves(level, at)


def latent_side(node: Autoencoder) -> int:
    """Return the side of the latent maps of images of the autoencoder's size."""
    at = Map(0, node.size)
    for level in node.encoder.levels:
        at = _leaves(level, at)
    return at.side


def autoencoder_pieces(node: Autoencoder) -> Iterator[Piece]:
    """Yield the pieces of an autoencoder: a pass is there and back."""
    side = latent_side(node)
    for piece in _tower_pieces(node.encoder, node.size):
        yield piece._replace(path=f"encoder.{piece.path}")
    book = node.code if isinstance(node.code, Codebook) else None
    yield Piece("enter", *conv(node.encoder.out, node.dim if book else 2 * node.dim, 1, side))
    if book:  # a map is held against it as it leaves the encoder, and as it enters the decoder
        compared = conv(node.dim, book.entries, 1, side, bias=False)
        yield Piece("code", compared[0], 2 * compared[1])
    yield Piece("leave", *conv(node.dim, node.decoder.channels, 1, side))
    for piece in _tower_pieces(node.decoder, side):
        yield piece._replace(path=f"decoder.{piece.path}")


def _unet(node: UNet, width: int, model: Model) -> Parts:
    yield from ((piece.path, piece.parameters) for piece in unet_pieces(node))


def _autoencoder(node: Autoencoder, width: int, model: Model) -> Parts:
    yield from ((piece.path, piece.parameters) for piece in autoencoder_pieces(node))


def _diffusion(node: LatentDiffusion | PixelDiffusion, width: int, model: Model) -> Parts:
    for name in ("text", "unet", "autoencoder"):
        yield from model_inside(name, getattr(node, name, None))


PARTS: dict[type[Node], Rule] = {
    UNet: _unet,
    Autoencoder: _autoencoder,
    LatentDiffusion: _diffusion,
    PixelDiffusion: _diffusion,
    ClassCondition: own(lambda node, width: node.classes * width),
    **map_attention.PARTS,
    GroupNorm: own(lambda node, width: 2 * width),
}


FLOPS: dict[type[Node], Callable[[Any, Pass], int]] = {
    **map_attention.FLOPS,
    ClassCondition: lambda node, run: 0,
    GivenCondition: lambda node, run: 0,
}


Costs = Iterable[tuple[str, int]]


def usual_read(source: int | None) -> int:
    """Return how many vectors attention reads, where nothing says how many."""
    return _USUAL_READ if source is None else source


def unet_pass(node: UNet, context: int | None, source: int | None) -> tuple[int, Costs]:
    """One map; ``source`` counts the vectors that attention reads."""
    pieces = unet_pieces(node, usual_read(source))
    return 1, [(piece.path, piece.operations) for piece in pieces]


def _autoencoder_pass(node: Autoencoder, context: int | None, source: int | None) -> tuple[int, Costs]:
    """One image, there and back."""
    return 1, [(piece.path, piece.operations) for piece in autoencoder_pieces(node)]


def _pixel_pass(node: PixelDiffusion, context: int | None, source: int | None) -> tuple[int, Costs]:
    """One step."""
    return 1, [(f"unet.{path}", number) for path, number in part_costs(node.unet, None)[1]]


def decoding(node: Autoencoder) -> Iterator[tuple[str, int]]:
    """Yield what it costs to make an image of a latent map."""
    for piece in autoencoder_pieces(node):
        if piece.path.startswith(("decoder.", "leave")):
            yield piece.path, piece.operations


def _latent_pass(node: LatentDiffusion, context: int | None, source: int | None) -> tuple[int, Costs]:
    """Reading the text, one step of the U-Net, and decoding; each further step is one more of the U-Net."""
    tokens, text = part_costs(node.text, None)
    parts = {
        "text": text,
        "unet": unet_pass(node.unet, None, tokens)[1],
        "autoencoder": decoding(node.autoencoder),
    }
    return 1, [(f"{name}.{path}", number) for name, costs in parts.items() for path, number in costs]


WHOLE: dict[type[Model], Callable[[Any, int | None, int | None], tuple[int, Costs]]] = {
    UNet: unet_pass,
    Autoencoder: _autoencoder_pass,
    PixelDiffusion: _pixel_pass,
    LatentDiffusion: _latent_pass,
}
