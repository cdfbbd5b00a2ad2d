"""Sizes of convolutional networks: each convolution once, for parameters and for operations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from bestiary.sizing.inside import Parts, inside
from bestiary.spec import Averaged, ConvNet, DeepStem, FrozenBatchNorm, Model
from bestiary.spec.convolutional import WIDENING


class Convolution(NamedTuple):
    """A square kernel over a map: the module it is in, its channels, and by how much the image is shrunk behind it."""

    part: str
    inputs: int
    outputs: int
    kernel: int
    shrinks: int

    @property
    def weights(self) -> int:
        """Entries of the kernel, which are the multiply-adds that a place costs."""
        return self.inputs * self.outputs * self.kernel**2


def convolutions(net: ConvNet) -> Iterator[Convolution]:
    """Yield every convolution of a network, each followed by a norm."""
    width, half = net.stem.width, net.stem.width // 2
    if isinstance(net.stem, DeepStem):
        yield Convolution("stem", net.channels, half, 3, 2)
        yield Convolution("stem", half, half, 3, 2)
        yield Convolution("stem", half, width, 3, 2)
    else:
        yield Convolution("stem", net.channels, width, 7, 2)
    shrinks, inputs = 4, width
    for index, stage in enumerate(net.stages):
        part, outputs = f"stages.{index}", WIDENING * stage.width
        for block in range(stage.blocks):
            halves = stage.halving is not None and not block
            before, shrinks = shrinks, shrinks * (2 if halves else 1)
            averaged = halves and isinstance(stage.halving, Averaged)
            yield Convolution(part, inputs, stage.width, 1, before)
            yield Convolution(part, stage.width, stage.width, 3, before if averaged else shrinks)
            yield Convolution(part, stage.width, outputs, 1, shrinks)
            if halves or inputs != outputs:
                yield Convolution(part, inputs, outputs, 1, shrinks)
            inputs = outputs


def conv_net(node: ConvNet, width: int, model: Model) -> Parts:
    """Yield the parts of a network; the constants of frozen norms are no parameters."""
    affine = 0 if isinstance(node.norm, FrozenBatchNorm) else 2
    sums: Counter[str] = Counter()
    for one in convolutions(node):
        sums[one.part] += one.weights + affine * one.outputs
    yield from sums.items()
    for name, head in node.heads.items():
        yield from inside(f"heads.{name}", head, node.dim, node)


def places(node: ConvNet, image: int) -> int:
    """Return how many places the last map of an image has."""
    return map_places(node.shrinks, (image, image))


def map_places(shrinks: int, image: tuple[int, int]) -> int:
    """Return how many places a map has that is so many times less high and wide than an image."""
    height, width = (-(-side // shrinks) for side in image)
    return height * width


def conv_costs(node: ConvNet, image: tuple[int, int]) -> Iterator[tuple[str, int]]:
    """Yield what the stem and each stage cost for one image, of this height and width."""
    sums: Counter[str] = Counter()
    for one in convolutions(node):
        sums[one.part] += 2 * one.weights * map_places(one.shrinks, image)
    yield from sums.items()
