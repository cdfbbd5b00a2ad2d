"""Stacks: layers as tuples of residual branches, and the ways of repeating them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from bestiary.spec.node import Node
from bestiary.spec.norms import Norm
from bestiary.spec.ops import Normed, Op
from bestiary.spec.positions import ScorePosition

Placement = Literal["pre", "post", "output", "both"]
"""``pre`` x + op(n(x)); ``post`` n(x + op(x)); ``output`` x + n(op(x)); ``both`` x + n2(op(n1(x)))."""


@dataclass(frozen=True)
class Scale(Node):
    """A learned scale of what a branch adds."""


@dataclass(frozen=True)
class LayerScale(Scale):
    """A learned factor for each coordinate of what a branch adds, ``init`` at first (Touvron et al. 2021)."""

    init: float = 1.0


@dataclass(frozen=True)
class TanhGate(Scale):
    """The hyperbolic tangent of one learned number, ``init`` at first: at zero a branch adds nothing (Alayrac 2022)."""

    init: float = 0.0


@dataclass(frozen=True)
class TanhGates(TanhGate):
    """The same with a number for each coordinate (Laurençon et al. 2023)."""


@dataclass(frozen=True)
class Residual(Node):
    """One residual branch: an op, its norm and where it stands, the scale of what is added, and its dropout."""

    op: Op
    norm: Norm | None = None
    placement: Placement = "pre"
    scale: float | Scale = 1.0
    dropout: float = 0.0


Layer: TypeAlias = tuple[Residual, ...]


@dataclass(frozen=True)
class Repeat(Node):
    """The same layers, with the same weights, run ``times`` times over (ALBERT; Lan et al. 2019)."""

    layers: tuple[Layer, ...]
    times: int


@dataclass(frozen=True)
class Stack(Node):
    """Layers in order, a norm after the last, and the score position that all its self-attentions share, if any.

    While training, a sample skips a branch with a probability that grows evenly over the layers, from 0 at the first to
    ``drop_path`` at the last (stochastic depth; Huang et al. 2016).
    """

    layers: tuple[Layer | Repeat, ...]
    norm: Norm | None = None
    position: ScorePosition | None = None
    drop_path: float = 0.0


def own_layers(stack: Stack) -> tuple[Layer, ...]:
    """Return the layers that have weights of their own, in order: what ``stack.layers[i]`` counts."""
    return tuple(layer for item in stack.layers for layer in (item.layers if isinstance(item, Repeat) else (item,)))


def run_order(stack: Stack) -> tuple[int, ...]:
    """Return, for each layer that is run, its index among ``own_layers``."""
    order: list[int] = []
    first = 0
    for item in stack.layers:
        layers, times = (len(item.layers), item.times) if isinstance(item, Repeat) else (1, 1)
        order += list(range(first, first + layers)) * times
        first += layers
    return tuple(order)


def runs(stack: Stack) -> int:
    """Count the layers that a stack runs, without laying them out."""
    return sum(len(item.layers) * item.times if isinstance(item, Repeat) else 1 for item in stack.layers)


def branch_names(layer: Layer | tuple[Op, ...]) -> tuple[str, ...]:
    """Name the branches of a layer after their ops, numbering the later ones of a kind: ``attn, mlp, mlp_2``."""
    names: list[str] = []
    for branch in layer:
        op = branch.op if isinstance(branch, Residual | Normed) else branch
        slot = op.op.slot if isinstance(op, Normed) else op.slot
        seen = sum(name == slot or name.startswith(slot + "_") for name in names)
        names.append(f"{slot}_{seen + 1}" if seen else slot)
    return tuple(names)
