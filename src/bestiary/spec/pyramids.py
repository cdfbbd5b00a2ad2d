"""Hierarchies of vision: tiers of their own width over maps that shrink, and attention within windows of a map."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, ClassVar

from bestiary.spec.embeddings import Patches
from bestiary.spec.heads import Head
from bestiary.spec.images import Grid, MaskedPatches, StretchedGrid, WindowBias
from bestiary.spec.models import Model, no_heads
from bestiary.spec.node import Named, Node
from bestiary.spec.norms import LayerNorm, Norm
from bestiary.spec.ops import Attention, Op
from bestiary.spec.positions import ScorePosition
from bestiary.spec.stacks import Stack


@dataclass(frozen=True)
class PaddedPatches(Patches):
    """Patches that are normed as they are mapped, of images of any size: zeros at the right and below fill them up.

    Where patches have positions, images are of the one size that has as many (Liu et al. 2021, section 3.1).
    """

    extra: int = 0
    norm: Norm = field(default=LayerNorm(), kw_only=True)


@dataclass(frozen=True)
class MaskedPaddedPatches(PaddedPatches, MaskedPatches):
    """The same; where the input says so, a learned vector stands in place of a normed patch (Xie et al. 2021)."""


@dataclass(frozen=True)
class ContinuousBias(ScorePosition):
    """Biases of offsets within a window, told by an MLP from their logarithms, 16 at most (Liu et al. 2022, 3.3).

    ``trained`` is the side of the windows that the MLP was trained on, where these are others: offsets are measured by
    it, so that windows of another size go on where they were.
    """

    side: int
    trained: int | None = None
    hidden: int = 512


@dataclass(frozen=True)
class CosineAttention(Attention):
    """Attention that scores cosines of queries and keys, times a learned number for each head (Liu et al. 2022, 3.2).

    The number is at most ``limit``.
    """

    limit: float = field(default=100.0, kw_only=True)


@dataclass(frozen=True)
class Windows(Op):
    """Attention within square windows that tile a map, ``side`` places wide (Liu et al. 2021, section 3.2).

    The map is shifted by ``shift`` places first, so that windows of one layer reach over the edges of the last one's;
    what comes together from two ends of it does not see each other. A map that is one window is not shifted. Zeros at
    the right and below fill up a map that windows do not tile.
    """

    slot: ClassVar[str] = "attn"

    attention: Attention
    side: int
    shift: int = 0


@dataclass(frozen=True)
class Merging(Node):
    """What stands between two tiers: four neighbors become one place, twice as wide (Liu et al. 2021, section 3.1)."""

    norm: Norm = field(default=LayerNorm())


@dataclass(frozen=True)
class PatchMerging(Merging):
    """The vectors of four neighbors side by side, normed, then mapped."""


@dataclass(frozen=True)
class NormedMerging(Merging):
    """The same, mapped before it is normed (Liu et al. 2022, published code)."""


@dataclass(frozen=True)
class Tier(Model):
    """Layers of one width over a map, and how its places are merged for the next tier, if there is one."""

    stack: Stack
    merge: Merging | None = None


@dataclass(frozen=True)
class Pyramid(Model):
    """Tiers over the map of an image, each half as high and wide as the one before, and twice as deep in channels.

    ``dim`` is the width of the first; heads read the last. ``drop_path`` grows evenly over the layers of all tiers.
    """

    embed: Patches
    tiers: tuple[Tier, ...]
    heads: Mapping[str, Head] = field(default_factory=no_heads)
    drop_path: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "heads", Named(self.heads))


@dataclass(frozen=True)
class PlaceMean(Head):
    """The mean of all places stands for the image."""


@dataclass(frozen=True)
class PixelBlocks(Head):
    """For each place of the map, a block of pixels ``side`` high and wide: the image again (Xie et al. 2021, 3.3)."""

    side: int
    channels: int = 3


def _padded_patches(node: PaddedPatches, spec: Model) -> Iterator[str]:
    if node.extra:
        yield "tiers read a map of places, which has no room for extra tokens"
    if node.position is not None and (not isinstance(node.position, Grid) or isinstance(node.position, StretchedGrid)):
        yield f"patches take a grid such as LearnedGrid, not {type(node.position).__name__}"
    if node.position is not None and node.image % node.patch:
        yield f"patches of {node.patch} pixels with positions do not tile an image of {node.image}"


def _windows(node: Windows, spec: Model) -> Iterator[str]:
    position = node.attention.position
    if isinstance(position, WindowBias | ContinuousBias) and position.side != node.side:
        yield f"windows are {node.side} wide, but their bias is for windows of {position.side}"
    if node.shift >= node.side:
        yield f"windows are shifted by {node.shift}, which must be less than their side {node.side}"
    if node.attention.mask:
        yield "attention within windows has no order that a mask could follow"


def _cosine(node: CosineAttention, spec: Model) -> Iterator[str]:
    if node.scale is not None or node.kv_heads is not None:
        yield "cosines are scaled by what is learned for each head, so there is neither a scale nor a group of heads"
    if not node.head_dim and spec.dim % node.heads:
        yield f"{node.heads} heads do not divide dim {spec.dim}"


def _pyramid(node: Pyramid, spec: Model) -> Iterator[str]:
    if not node.tiers:
        yield "a pyramid has one tier at least"
        return
    if node.tiers[0].dim != node.dim:
        yield f"dim is {node.dim}, but the first tier is {node.tiers[0].dim} wide"
    for index, (tier, above) in enumerate(pairwise(node.tiers)):
        if tier.merge is None:
            yield f"tiers[{index}]: the next tier is half as high and wide, so its places must be merged"
        if above.dim != 2 * tier.dim:
            yield f"tiers[{index + 1}]: merging gives {2 * tier.dim}, but dim is {above.dim}"
    if node.tiers[-1].merge is not None:
        yield f"tiers[{len(node.tiers) - 1}]: the last tier is not merged"


def _on_map(node: Node, spec: Model) -> Iterator[str]:
    if not isinstance(spec, Pyramid):
        yield "this head reads a map: it needs a Pyramid"


RULES: dict[type[Node], Callable[[Any, Model], Iterator[str]]] = {
    PaddedPatches: _padded_patches,
    MaskedPaddedPatches: _padded_patches,
    Windows: _windows,
    CosineAttention: _cosine,
    Pyramid: _pyramid,
    PlaceMean: _on_map,
    PixelBlocks: _on_map,
}


def map_sides(node: Pyramid) -> list[int]:
    """Return how many places high and wide the map of each tier is, for the image that a pyramid was made for."""
    sides = [-(-node.embed.image // node.embed.patch)]
    for _ in node.tiers[1:]:
        sides.append(-(-sides[-1] // 2))
    return sides
