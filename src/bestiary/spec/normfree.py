"""Residual networks without norms: kernels are standardized instead, and branches scaled (Brock et al. 2021)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bestiary.spec.heads import Head
from bestiary.spec.models import Model, no_heads
from bestiary.spec.node import Named, Node

STEM = (8, 4, 2, 1)
"""The stem's four convolutions have these shares of its width; the first and the last take steps of two."""


@dataclass(frozen=True)
class ScaledStage(Node):
    """Blocks of one width: convolutions of 1, 3, 3 and 1, half as wide inside (Brock et al. 2021, section 5)."""

    width: int
    blocks: int


@dataclass(frozen=True)
class NormFreeNet(Model):
    """A residual network whose kernels are standardized, not its maps (Brock et al. 2021).

    Each block divides what it reads by the deviation that is expected there, and adds ``alpha`` times its branch, whose
    channels are weighed by their means and which a learned number scales from zero on. The convolutions of 3 see
    ``group`` channels each. A last convolution brings the map to ``dim`` channels. Its heads read the map's places as
    tokens. ``image`` is the side of the square images that it reads, ``None`` where any will do.
    """

    stem: int
    stages: tuple[ScaledStage, ...]
    group: int = 128
    alpha: float = 0.2
    eps: float = 1e-5
    image: int | None = None
    channels: int = 3
    heads: Mapping[str, Head] = field(default_factory=no_heads)

    def __post_init__(self) -> None:
        object.__setattr__(self, "heads", Named(self.heads))

    @property
    def shrinks(self) -> int:
        """How many pixels high and wide a place of the last map is."""
        return 4 * 2 ** (len(self.stages) - 1)


def map_places(node: NormFreeNet, image: int) -> int:
    """Return how many places the last map of a square image has; a step of two leaves half of a side, rounded up."""
    return (-(-image // node.shrinks)) ** 2


def _norm_free_net(node: NormFreeNet, spec: Model) -> Iterator[str]:
    if not node.stages:
        yield "the network needs at least one stage"
    if node.stem % STEM[0]:
        yield f"the stem's width is {node.stem}, which its first convolution has an eighth of"
    for stage in node.stages:
        if stage.width % (2 * node.group):
            yield f"a stage {stage.width} wide is half as wide inside, which groups of {node.group} do not fill"


RULES: dict[type[Node], Callable[[Any, Model], Iterator[str]]] = {NormFreeNet: _norm_free_net}
