"""The linear maps of what reads texts and images together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bestiary.sizing.linear import Linear, Maps, maps
from bestiary.spec import (
    AttentionSummary,
    Contrast,
    Embedded,
    EndSummary,
    FirstSummary,
    HighestSummary,
    ImageEmbedding,
    LastSummary,
    Model,
    Node,
    NormedPatches,
    ProbeSummary,
    SigmoidContrast,
    TextEmbedding,
)


def _none(node: Node, model: Model) -> Maps:
    return {}


def _embedded(node: Embedded, model: Model) -> Maps:
    return {"output": Linear(model.dim, node.width, node.bias)}


def _attention_summary(node: AttentionSummary, model: Model) -> Maps:
    linear = maps(node.attention, model)
    return {**linear, "o": Linear(linear["o"].inputs, node.width, linear["o"].bias)}


MAPS: dict[type[Node], Callable[[Any, Model], Maps]] = {
    EndSummary: _none,
    HighestSummary: _none,
    FirstSummary: _none,
    LastSummary: lambda node, model: {"output": Linear(model.dim, node.width)},
    ProbeSummary: _none,
    AttentionSummary: _attention_summary,
    TextEmbedding: _embedded,
    ImageEmbedding: _embedded,
    NormedPatches: lambda node, model: {"patches": Linear(node.channels * node.patch**2, model.dim, False)},
    Contrast: _none,
    SigmoidContrast: _none,
}
