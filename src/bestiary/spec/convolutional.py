"""Convolutional networks that read images: residual networks of bottleneck blocks, with their stems and poolings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bestiary.spec.heads import Head
from bestiary.spec.models import Model, no_heads
from bestiary.spec.node import Named, Node
from bestiary.spec.ops import CrossAttention
from bestiary.spec.summaries import Summary

WIDENING = 4
"""A bottleneck's output has so many times the channels of its inner convolution (He et al. 2015, section 4.1)."""


@dataclass(frozen=True)
class MapNorm(Node):
    """A norm of the channels of a map."""

    eps: float = 1e-5


@dataclass(frozen=True)
class BatchNorm(MapNorm):
    """Channels scaled by statistics of the batch, and outside of training by kept ones (Ioffe and Szegedy 2015)."""


@dataclass(frozen=True)
class FrozenBatchNorm(MapNorm):
    """The same by constants that nobody trains, gains and offsets included (Carion et al. 2020, section 4)."""


@dataclass(frozen=True)
class Stem(Node):
    """Any stem: what makes the first map, a quarter as high and wide as the image."""

    width: int


@dataclass(frozen=True)
class PoolStem(Stem):
    """One convolution of 7 x 7 in steps of two, and the greatest of each 3 x 3 in steps of two (He et al. 2015)."""


@dataclass(frozen=True)
class DeepStem(Stem):
    """Three convolutions of 3 x 3, the first in steps of two, and the mean of each 2 x 2 (Radford et al. 2021, 2.4)."""


@dataclass(frozen=True)
class Halving(Node):
    """How the first block of a stage halves its map."""


@dataclass(frozen=True)
class Strided(Halving):
    """The convolution of 3 x 3, and the shortcut's, in steps of two (He et al. 2015, as in torchvision)."""


@dataclass(frozen=True)
class Averaged(Halving):
    """The mean of each 2 x 2 before the last convolution and the shortcut's (Zhang 2019; Radford et al. 2021, 2.4)."""


@dataclass(frozen=True)
class Stage(Node):
    """Bottleneck blocks of one width: convolutions of 1, 3 and 1 beside a shortcut (He et al. 2015, section 4.1)."""

    width: int
    blocks: int
    halving: Halving | None = None


@dataclass(frozen=True)
class DilatedStage(Stage):
    """The last stage, not halved: but for its first block's, convolutions of 3 x 3 reach twice as far instead.

    (Yu and Koltun 2015; Carion et al. 2020, section 4, as DC5.)
    """


@dataclass(frozen=True)
class ConvNet(Model):
    """A residual network over an image; its heads read the last map's places as tokens of width ``dim``.

    ``image`` is the side of the square images that it reads, ``None`` where any will do.
    """

    stem: Stem
    stages: tuple[Stage, ...]
    norm: MapNorm = field(default=BatchNorm())
    image: int | None = None
    channels: int = 3
    heads: Mapping[str, Head] = field(default_factory=no_heads)

    def __post_init__(self) -> None:
        object.__setattr__(self, "heads", Named(self.heads))

    @property
    def shrinks(self) -> int:
        """How many pixels high and wide a place of the last map is."""
        return 4 * 2 ** sum(stage.halving is not None for stage in self.stages)


@dataclass(frozen=True)
class AttentionSummary(Summary):
    """The mean of all places asks them and itself, each with a learned position (Radford et al. 2021, section 2.4).

    The answer is mapped to ``width`` instead of the model's own.
    """

    attention: CrossAttention
    width: int


def _conv_net(node: ConvNet, spec: Model) -> Iterator[str]:
    if not node.stages or node.dim != WIDENING * node.stages[-1].width:
        last = node.stages[-1].width if node.stages else 0
        yield f"dim is {node.dim}, but the last stage gives {WIDENING * last} channels"
    if node.image is not None and node.image % node.shrinks:
        yield f"an image of {node.image} pixels does not halve to places of {node.shrinks}"
    if any(isinstance(stage, DilatedStage) for stage in node.stages[:-1]):
        yield "only the last stage can be dilated"


def _dilated(node: DilatedStage, spec: Model) -> Iterator[str]:
    if node.halving is not None:
        yield "a dilated stage is not halved; leave 'halving' out"


def _attention_summary(node: AttentionSummary, spec: Any) -> Iterator[str]:
    if getattr(spec, "image", None) is None:
        yield "places have learned positions, so the network must say its 'image' size"


RULES: dict[type[Node], Callable[[Any, Model], Iterator[str]]] = {
    ConvNet: _conv_net,
    DilatedStage: _dilated,
    AttentionSummary: _attention_summary,
}
