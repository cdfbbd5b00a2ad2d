"""Robots that follow an instruction: looks at a scene, a few learned tokens of each, and bins of an arm's motions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from bestiary.spec.embeddings import Embedding
from bestiary.spec.heads import Head
from bestiary.spec.masks import Mask
from bestiary.spec.node import Node
from bestiary.spec.norms import LayerNorm
from bestiary.spec.ops import Op
from bestiary.spec.positions import Learned

if TYPE_CHECKING:
    from bestiary.spec.models import Model


@dataclass(frozen=True)
class OneMap(Op):
    """One linear map, where others have an MLP (Brohan et al. 2022, as released)."""

    slot: ClassVar[str] = "mlp"


@dataclass(frozen=True)
class InvertedStage(Node):
    """Blocks that widen ``expand`` times, convolve each channel alone, and narrow again (Tan and Le 2019).

    The first block takes steps of ``stride`` pixels. Channels are weighed by their means in between.
    """

    kernel: int
    blocks: int
    width: int
    expand: int = 6
    stride: int = 1


@dataclass(frozen=True)
class FilmNet(Node):
    """EfficientNet whose every block is scaled and shifted by an instruction's vector (Brohan et al. 2022, 5.1).

    ``context`` is how wide that vector is; it acts once more after the last map is brought to the model's width. Norms
    are of the batch, with ``eps``.
    """

    stem: int
    stages: tuple[InvertedStage, ...]
    top: int
    context: int = 512
    eps: float = 1e-3


@dataclass(frozen=True)
class TokenLearner(Node):
    """A few tokens, each a mean of all places of a map weighted by an MLP (Ryoo et al. 2021, version 1.1)."""

    tokens: int = 8
    hidden: int = 64
    norm: LayerNorm = field(default=LayerNorm(1e-6))


@dataclass(frozen=True)
class Looks(Embedding):
    """The last ``images`` looks of a robot, each behind which ``actions`` empty tokens stand (Brohan et al. 2022).

    Each empty token foretells one number of the arm's motion. The map from ``bins`` that checkpoints hold for tokens of
    past actions is kept, but what it gives is set to zero, as released.
    """

    net: FilmNet
    learner: TokenLearner
    position: Learned
    image: int = 300
    images: int = 6
    actions: int = 11
    bins: int = 256

    @property
    def period(self) -> int:
        """How many tokens a time step is."""
        return self.learner.tokens + self.actions


@dataclass(frozen=True)
class ActionBins(Head):
    """Scores of the bins of each number of a motion, read one token before it (Brohan et al. 2022, as released)."""


@dataclass(frozen=True)
class HiddenActions(Mask):
    """Of every ``seen`` plus ``done`` tokens the last ``done`` hide from one another (Brohan et al. 2022, as released).

    What is foretold reads looks alone, and neither earlier motions nor the rest of its own.
    """

    seen: int
    done: int


def _looks(node: Looks, spec: Model) -> Iterator[str]:
    if node.position.length != node.images * node.period:
        yield f"{node.images} looks are {node.images * node.period} tokens, but there are {node.position.length} places"
    if not node.net.stages:
        yield "the network needs at least one stage"


RULES: dict[type[Node], Callable[[Any, Model], Iterator[str]]] = {Looks: _looks}
