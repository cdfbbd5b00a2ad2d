"""A second stream of vectors beside those of tokens, and where the two are fused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from bestiary.spec.edit import walk_once
from bestiary.spec.node import Node
from bestiary.spec.norms import Norm
from bestiary.spec.ops import Activation, Op


@dataclass(frozen=True)
class SideAttention(Node):
    """Self-attention inside a second stream: every place sees the vectors of aligned tokens (Zhang et al. 2019, 3.3).

    Its queries, keys and values are as wide as the stream, all four maps have biases. ``dropout`` acts on the
    probabilities.
    """

    heads: int
    dropout: float = 0.0


@dataclass(frozen=True)
class Fusion(Op):
    """An MLP that a token shares with what it is aligned with in a second stream (Zhang et al. 2019, section 3.3).

    The stream has a vector ``width`` wide for each token, which the input gives for aligned ones. ``hidden`` units read
    both vectors, the second as zero where nothing is aligned; from them, one map gives what is added to the token, and
    another what is added to the second stream. Before that the stream may have an ``attention``. ``norm`` acts after
    each sum in the stream, with weights of its own each time; ``dropout`` acts on what is added there.
    """

    slot: ClassVar[str] = "fusion"

    hidden: int
    width: int
    norm: Norm
    attention: SideAttention | None = None
    activation: Activation = "gelu"
    dropout: float = 0.0


def fusions(model: Node) -> list[Fusion]:
    """Return the different fusions of a model of one tower."""
    return [part for _, part in walk_once(getattr(model, "stack", ())) if isinstance(part, Fusion)]


def side_width(model: Node) -> int | None:
    """Return how wide the second stream of a model is, or ``None`` where it has none."""
    return next((part.width for part in fusions(model)), None)
