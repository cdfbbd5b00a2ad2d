"""Sizes of what reads texts and images together: parts and operations of its nodes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bestiary.sizing.cost import Pass, once
from bestiary.sizing.inside import Parts, Rule, each_map, inside, nothing
from bestiary.spec import EndSummary, FirstSummary, HighestSummary, ImageEmbedding, Model, Node, TextEmbedding


def _first_summary(node: FirstSummary, width: int, model: Model) -> Parts:
    yield from inside("norm", node.norm, width, model)


PARTS: dict[type[Node], Rule] = {
    EndSummary: nothing,
    HighestSummary: nothing,
    FirstSummary: _first_summary,
    TextEmbedding: each_map,
    ImageEmbedding: each_map,
}

FLOPS: dict[type[Node], Callable[[Any, Pass], int]] = {
    EndSummary: once,
    HighestSummary: once,
    FirstSummary: once,
    TextEmbedding: once,
    ImageEmbedding: once,
}
