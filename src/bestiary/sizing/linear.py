"""A linear map as sizes see it: so many inputs, so many outputs, a bias or none."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from bestiary.spec import Model, Node


class Linear(NamedTuple):
    """A matrix from ``inputs`` to ``outputs`` numbers, with a bias or not."""

    inputs: int
    outputs: int
    bias: bool = True

    @property
    def weights(self) -> int:
        """Entries of the matrix, which are the multiply-adds that one vector costs."""
        return self.inputs * self.outputs

    @property
    def parameters(self) -> int:
        """Entries of the matrix and of the bias."""
        return self.weights + self.bias * self.outputs


Maps = dict[str, Linear]


def maps(node: Node, model: Model) -> Maps:
    """Return the linear maps that a node applies, by the names of their modules. ``model`` is the tree it stands in."""
    return _rules()[type(node)](node, model)


@cache
def _rules() -> dict[type[Node], Callable[[Any, Model], Maps]]:
    from bestiary.sizing.maps import RULES  # the table of the rules, some of which come back here for another node's

    return RULES
