"""Mixtures of experts: many copies of an op, of which a router picks a few for each token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from bestiary.spec.node import Node
from bestiary.spec.ops import GLU, MLP, Op


@dataclass(frozen=True)
class Router(Node):
    """Any way of choosing experts for a token: a linear map to a score for each expert, and what is made of them.

    ``bias`` adds a learned number to each score.
    """

    bias: bool = False

    @property
    def chosen(self) -> int:
        """How many experts a token passes through."""
        return 1


@dataclass(frozen=True)
class TopK(Router):
    """The ``k`` likeliest experts, weighted by their probabilities, which are made to sum to one (Jiang et al. 2024).

    No token is ever dropped.
    """

    k: int = 2

    @property
    def chosen(self) -> int:
        return self.k


@dataclass(frozen=True)
class Top1(Router):
    """The likeliest expert, weighted by its probability (Switch Transformer; Fedus et al. 2021, section 2.1).

    Of each sequence an expert takes ``capacity`` tokens, the first that come, padding included; those beyond get
    nothing from the branch, and pass it by.
    """

    capacity: int = 64


@dataclass(frozen=True)
class Top2(Router):
    """The two likeliest experts, their probabilities made to sum to one (GShard; Lepikhin et al. 2020, algorithm 1).

    Of a sequence of T tokens an expert takes ``factor`` x 2 T / experts, rounded up: first choices before second ones,
    those that come first before others. That second choices are made by lot is a matter of training.
    """

    factor: float = 1.0

    @property
    def chosen(self) -> int:
        return 2


@dataclass(frozen=True)
class Experts(Op):
    """``experts`` ops of one kind, each with weights of its own, and the router between them (Shazeer et al. 2017)."""

    slot: ClassVar[str] = "mlp"

    expert: MLP | GLU
    experts: int
    router: Router
