"""Sizes of residual networks without norms: each convolution once, for parameters and for operations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from bestiary.errors import BestiaryError
from bestiary.sizing.cost import Pass, cost
from bestiary.sizing.inside import Parts, inside
from bestiary.spec import Model, NormFreeNet
from bestiary.spec.normfree import STEM, map_places


class Kernels(NamedTuple):
    """A convolution, or a map of means (``shrinks`` 0): its module, what each output reads, outputs, how many gains."""

    part: str
    reads: int
    outputs: int
    shrinks: int
    gains: int = 1

    @property
    def parameters(self) -> int:
        """Kernels, biases and gains."""
        return self.outputs * (self.reads + 1 + self.gains)


def kernels(net: NormFreeNet) -> Iterator[Kernels]:
    """Yield every convolution of a network and the two maps of each block's weighing."""
    inputs, shrinks = net.channels, 1
    for share, stride in zip(STEM, (2, 1, 1, 2), strict=True):
        shrinks *= stride
        yield Kernels("stem", 9 * inputs, net.stem // share, shrinks)
        inputs = net.stem // share
    for number, stage in enumerate(net.stages):
        inner = stage.width // 2
        for index in range(stage.blocks):
            before, shrinks = shrinks, shrinks * (2 if number and not index else 1)
            yield Kernels("blocks", inputs, inner, before)
            yield Kernels("blocks", 9 * net.group, inner, shrinks)
            yield Kernels("blocks", 9 * net.group, inner, shrinks)
            yield Kernels("blocks", inner, stage.width, shrinks)
            if not index and (number or inputs != stage.width):
                yield Kernels("blocks", inputs, stage.width, shrinks)
            yield Kernels("blocks", stage.width, inner, 0, 0)
            yield Kernels("blocks", inner, stage.width, 0, 0)
            inputs = stage.width
    yield Kernels("last", inputs, net.dim, shrinks)


def norm_free_net(node: NormFreeNet, width: int, model: Model) -> Parts:
    """Yield the parts of a network."""
    sums: Counter[str] = Counter()
    for one in kernels(node):
        sums[one.part] += one.parameters
    sums["blocks"] += sum(stage.blocks for stage in node.stages)  # each scales its branch by one number
    yield from sums.items()
    for name, head in node.heads.items():
        yield from inside(f"heads.{name}", head, node.dim, node)


def whole(spec: NormFreeNet, context: int | None, source: int | None) -> tuple[int, list[tuple[str, int]]]:
    """Return how many places a pass reads, and what its modules cost for one image."""
    if spec.image is None:
        raise BestiaryError("this network reads images of any size; give its spec an 'image' to count operations for")
    sums: Counter[str] = Counter()
    for one in kernels(spec):
        places = (-(-spec.image // one.shrinks)) ** 2 if one.shrinks else 1
        sums[one.part] += 2 * one.reads * one.outputs * places
    tokens = map_places(spec, spec.image)
    costs = [(f"heads.{name}", cost(head, Pass(spec, tokens))) for name, head in spec.heads.items()]
    return tokens, [*sums.items(), *costs]
