"""Sizes of convolutions of maps, and of the blocks that are made of them: parameters, and operations of a pass."""

from __future__ import annotations

from itertools import pairwise

from bestiary.sizing.linear import Linear
from bestiary.spec import GainBlock, MappedResBlock, ResBlock


def conv(inputs: int, outputs: int, kernel: int, side: int, bias: bool = True) -> tuple[int, int]:
    """Return the parameters and the operations of a convolution that gives a map with such a side."""
    linear = Linear(inputs * kernel**2, outputs, bias)
    return linear.parameters, 2 * linear.weights * side**2


def both(*sizes: tuple[int, int]) -> tuple[int, int]:
    """Return sizes added."""
    return sum([first for first, _ in sizes]), sum([second for _, second in sizes])


def res_block(node: ResBlock, entering: int, dim: int, time: int, side: int) -> tuple[int, int]:
    """Size a residual block that gives a map with such a side."""
    told = 0 if node.time is None else dim * _TOLD[type(node.time).__name__]
    return both(
        (2 * entering + 2 * dim, 0),
        conv(entering, dim, 3, side),
        conv(time, told, 1, 1) if told else (0, 0),
        conv(dim, dim, 3, side),
        conv(entering, dim, 1, side) if isinstance(node, MappedResBlock) or entering != dim else (0, 0),
    )


def _gain(node: GainBlock, entering: int, dim: int, side: int) -> tuple[int, int]:
    """Size a block of convolutions at a quarter of the width, and the map on its shortcut."""
    widths = (entering, *(dim // 4 for _ in node.kernels[1:]), dim)
    convs = [conv(*ends, kernel, side) for ends, kernel in zip(pairwise(widths), node.kernels, strict=True)]
    return both(*convs, conv(entering, dim, 1, side) if entering != dim else (0, 0))


def block(node: ResBlock | GainBlock, entering: int, dim: int, time: int, side: int) -> tuple[int, int]:
    """Size any block of a cell."""
    if isinstance(node, GainBlock):
        return _gain(node, entering, dim, side)
    return res_block(node, entering, dim, time, side)


_TOLD = {"Shift": 1, "ScaleShift": 2}
"""How many numbers of each channel the time step gives."""
