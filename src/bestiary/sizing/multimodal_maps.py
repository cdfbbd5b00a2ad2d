"""The linear maps of what reads texts and images together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bestiary.sizing.linear import Linear, Maps
from bestiary.spec import Embedded, EndSummary, FirstSummary, HighestSummary, ImageEmbedding, Model, Node, TextEmbedding


def _embedded(node: Embedded, model: Model) -> Maps:
    return {"output": Linear(model.dim, node.width, node.bias)}


MAPS: dict[type[Node], Callable[[Any, Model], Maps]] = {
    EndSummary: lambda node, model: {},
    HighestSummary: lambda node, model: {},
    FirstSummary: lambda node, model: {},
    TextEmbedding: _embedded,
    ImageEmbedding: _embedded,
}
