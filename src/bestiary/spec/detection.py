"""What finds objects in images: queries that are learned, ask a map's places, and are told where all of these stand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bestiary.spec.convolutional import ConvNet
from bestiary.spec.heads import Head
from bestiary.spec.models import Model, no_heads
from bestiary.spec.node import Named, Node
from bestiary.spec.ops import Activation, Attention, CrossAttention
from bestiary.spec.stacks import Stack


@dataclass(frozen=True)
class PlacedAttention(Attention):
    """Self-attention whose queries and keys are told where they stand, in each layer anew; values are not told.

    The model's vectors of places are added to what queries and keys are mapped from (Carion et al. 2020, section 3.2).
    """


@dataclass(frozen=True)
class PlacedCrossAttention(CrossAttention):
    """The same to the encoder's output: queries are told the places of the decoder, keys those of the encoder."""


@dataclass(frozen=True)
class MapSines(Node):
    """Sines and cosines of a place's row, then of its column, as shares of the rows and columns that are no padding.

    The last of these is one turn at the slowest wavelength (Carion et al. 2020, appendix A.4, and published code).
    """

    base: float = 10000.0


@dataclass(frozen=True)
class Detector(Model):
    """Objects in images of any size, in parallel: a network's map, an encoder of its places, a decoder of queries.

    The last map is mapped to ``dim``; the decoder begins with zeros and is told a learned vector for each of
    ``queries`` objects, as the encoder is told ``position``. ``image`` is the height and width of the images that sizes
    are told for (Carion et al. 2020, section 3.2).
    """

    net: ConvNet
    encoder: Stack
    decoder: Stack
    queries: int
    position: MapSines = field(default=MapSines())
    image: tuple[int, int] = (800, 1333)
    heads: Mapping[str, Head] = field(default_factory=no_heads)

    def __post_init__(self) -> None:
        object.__setattr__(self, "heads", Named(self.heads))


@dataclass(frozen=True)
class ObjectClasses(Head):
    """Scores of ``labels`` and of there being no object, for each query (Carion et al. 2020, section 3.2)."""

    labels: int


@dataclass(frozen=True)
class ObjectBoxes(Head):
    """For each query a box: its middle, width and height as shares of the image, told by three linear maps."""


@dataclass(frozen=True)
class ObjectMasks(Head):
    """For each query, which places of the first stage's map its object covers (Carion et al. 2020, section 4.4).

    The attention of ``heads`` heads to the encoder's places goes through convolutions that read finer and finer maps.
    """

    heads: int
    activation: Activation = "relu"


MASK_STEPS = 3
"""How many finer maps the convolutions of masks read."""


def mask_widths(dim: int, heads: int) -> tuple[int, ...]:
    """Return the channels of each convolution of masks, the first of which keeps those that it reads."""
    return (dim + heads, dim + heads, dim // 2, dim // 4, dim // 8, dim // 16)


def group_count(channels: int) -> int:
    """Return how many groups the norm behind a convolution of masks has."""
    return min(8, channels)


def _placed(node: PlacedAttention | PlacedCrossAttention, spec: Model) -> Iterator[str]:
    if not isinstance(spec, Detector):
        yield "attention that is told places needs a model that has vectors of them: a Detector"
    if isinstance(node, PlacedAttention) and (node.position is not None or node.mask):
        yield "places are told by the model's vectors, so there is no other position and no mask"
    if not node.head_dim and spec.dim % node.heads:
        yield f"{node.heads} heads do not divide dim {spec.dim}"


def _detector(node: Detector, spec: Model) -> Iterator[str]:
    if node.dim % 4:
        yield f"dim {node.dim} is not a multiple of 4, so rows and columns do not get as many sines as cosines"
    if node.net.heads:
        yield "the network's heads would not be read; take them off"
    if len(node.image) != 2 or min(node.image) < 1:
        yield f"'image' is {node.image}; give a height and a width"


def _masks(node: ObjectMasks, spec: Model) -> Iterator[str]:
    if not isinstance(spec, Detector):
        yield "masks are told by a Detector's maps"
        return
    if len(spec.net.stages) != MASK_STEPS + 1:
        yield f"masks read the maps of {MASK_STEPS + 1} stages, but the network has {len(spec.net.stages)}"
    if spec.dim % 16 or any(width % group_count(width) for width in mask_widths(spec.dim, node.heads)):
        yield f"convolutions of masks cannot be grouped: dim {spec.dim} and {node.heads} heads leave no eighths"
    if node.heads < 1 or spec.dim % node.heads:
        yield f"{node.heads} heads do not divide dim {spec.dim}"


def _object_head(node: Node, spec: Model) -> Iterator[str]:
    if not isinstance(spec, Detector):
        yield "this head reads queries of objects: it needs a Detector"


RULES: dict[type[Node], Callable[[Any, Model], Iterator[str]]] = {
    PlacedAttention: _placed,
    PlacedCrossAttention: _placed,
    Detector: _detector,
    ObjectClasses: _object_head,
    ObjectBoxes: _object_head,
    ObjectMasks: _masks,
}
