"""The parts of what stands inside a node: what the rules for each kind of node are written with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from bestiary.sizing.linear import maps
from bestiary.spec import Model, Node

Parts = Iterator[tuple[str, int]]
"""Names of modules inside a node (empty for the node's own parameters), and how many parameters each has."""

Rule = Callable[[Any, int, Model], Parts]
"""What yields a node's parts: of the node, the width of what it acts on, and the nearest model that it stands in."""


def parts_of(node: Node, width: int, model: Model) -> Parts:
    """Yield a node's parts. ``width`` is that of what it acts on: of vectors, or, for score positions, the heads."""
    return _rules()[type(node)](node, width, model)


def inside(name: str, node: Node | None, width: int, model: Model) -> Parts:
    """Yield the parts of a node that stands at ``name`` in another one, if it is there."""
    if node is not None:
        yield from ((f"{name}.{part}" if part else name, number) for part, number in parts_of(node, width, model))


def model_inside(name: str, model: Model | None) -> Parts:
    """Yield the parts of a model that is a part of another one."""
    if model is not None:
        yield from inside(name, model, model.dim, model)


def nothing(node: Node, width: int, model: Model) -> Parts:
    """The rule of a node without parameters."""
    return iter(())


def linear_parts(node: Node, width: int, model: Model) -> Parts:
    """The rule of a node whose linear maps count as one part."""
    yield "", sum([linear.parameters for linear in maps(node, model).values()])


def each_map(node: Node, width: int, model: Model) -> Parts:
    """The rule of a node whose linear maps are parts by their names."""
    yield from ((name, linear.parameters) for name, linear in maps(node, model).items())


def own(number: Callable[[Any, int], int]) -> Rule:
    """Return the rule of a node that is one module without parts."""
    return lambda node, width, model: iter((("", number(node, width)),))


@cache
def _rules() -> dict[type[Node], Rule]:
    from bestiary.sizing.parts import RULES  # the table of the rules, which come back here for what stands inside

    return RULES
