"""What one node costs in one pass: what the rules of FLOPs are written with."""

from __future__ import annotations

from dataclasses import dataclass

from bestiary.sizing.maps import maps
from bestiary.spec import Model, Node


@dataclass(frozen=True)
class Pass:
    """What a cost depends on beside the node: the nearest model, the tokens read, and the encoder's tokens."""

    model: Model
    tokens: int
    source: int = 0


def cost(node: Node, run: Pass) -> int:
    """Return the operations of a node in a pass."""
    from bestiary.sizing.flops import RULES  # the table of the rules, which come back here for what stands inside

    return RULES[type(node)](node, run)


def once(node: Node, run: Pass) -> int:
    """The node's linear maps on one vector."""
    return 2 * sum(linear.weights for linear in maps(node, run.model).values())


def each(node: Node, run: Pass) -> int:
    """The node's linear maps on each token."""
    return run.tokens * once(node, run)
