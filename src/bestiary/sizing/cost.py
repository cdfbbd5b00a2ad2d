"""What one node costs in one pass: what the rules of FLOPs are written with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from bestiary.sizing.layers import runs
from bestiary.sizing.linear import maps
from bestiary.spec import Model, Node, Stack, branch_names


@dataclass(frozen=True)
class Pass:
    """What a cost depends on beside the node: the nearest model, the tokens read, and the encoder's tokens."""

    model: Model
    tokens: int
    source: int = 0


def cost(node: Node, run: Pass) -> int:
    """Return the operations of a node in a pass."""
    return _rules()[type(node)](node, run)


def once(node: Node, run: Pass) -> int:
    """The node's linear maps on one vector."""
    return 2 * sum(linear.weights for linear in maps(node, run.model).values())


def each(node: Node, run: Pass) -> int:
    """The node's linear maps on each token."""
    return run.tokens * once(node, run)


def branch_costs(stack: Stack, run: Pass) -> Counter[str]:
    """Return what the branches of a stack's layers cost, by their names, each layer as often as it runs."""
    sums: Counter[str] = Counter()
    for layer, times in runs(stack).items():
        for name, branch in zip(branch_names(layer), layer, strict=True):
            sums[name] += times * cost(branch.op, run)
    return sums


@cache
def _rules() -> dict[type[Node], Callable[[Any, Pass], int]]:
    from bestiary.sizing.flops import RULES  # the table of the rules, which come back here for what stands inside

    return RULES
