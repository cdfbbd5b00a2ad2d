"""The matrices of a model's layers: what adapters stand beside, and what quantizers round."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from bestiary.sizing.formula import Formula, greatest
from bestiary.sizing.layers import owned
from bestiary.sizing.linear import Linear, maps
from bestiary.sizing.maps import has_maps
from bestiary.spec import Experts, Model, Op, Stack, children


class Matrix(NamedTuple):
    """A linear map of an op, how often it stands in the model with weights of its own, and whether in an expert."""

    name: str
    linear: Linear
    times: int
    expert: bool

    @property
    def weights(self) -> int:
        """Entries of all of them."""
        return self.linear.weights * self.times


def matrices(spec: Model) -> list[Matrix]:
    """Return the matrices of all layers; those that share their weights count once, those of experts each."""
    return [
        found
        for stack, model in _stacks(spec, spec)
        for layer, times in owned(stack).items()
        for branch in layer
        for found in _inside(branch.op, model, times, False)
    ]


def at_hand(spec: Model, trained: bool) -> Formula:
    """Return how many numbers a backward pass makes of a token at most before it may let others go.

    Trained maps keep what they read, which is let go as its gradient is made: that of the widest vectors is on top.
    Where weights are frozen nothing is there to be let go, and the gradients on both sides of a product or of a
    nonlinearity are.
    """
    found = matrices(spec)
    widest = greatest(one.linear.outputs for one in found)
    gated = any(one.name == "gate" for one in found)
    return widest + spec.dim if trained else widest * (2 + gated)


def _inside(node: object, model: Model, times: int, expert: bool) -> Iterator[Matrix]:
    if isinstance(node, Op) and has_maps(node):
        yield from (Matrix(name, linear, times, expert) for name, linear in maps(node, model).items())
    if isinstance(node, Experts):
        yield from _inside(node.expert, model, times * node.experts, True)
        return
    for _, child in children(node):
        yield from _inside(child, model, times, expert)


def _stacks(node: object, model: Model) -> Iterator[tuple[Stack, Model]]:
    """Yield the stacks of a model and of the models inside of it, each with the nearest model that it stands in."""
    for _, child in children(node):
        if isinstance(child, Stack):
            yield child, model
        else:
            yield from _stacks(child, child if isinstance(child, Model) else model)
