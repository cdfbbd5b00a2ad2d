"""The heads that tasks put on a model, where families agree. Each returns a few heads by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bestiary.spec import Classifier, Head, Spans

Heads = Mapping[str, Head]
Task = Callable[[Any, int], Heads]
"""A function of the model and a number of labels."""


def no_head(spec: Any, labels: int) -> Heads:
    """The bare model."""
    return {}


def tag_tokens(spec: Any, labels: int) -> Heads:
    """A label for each token."""
    return {"tags": Classifier(labels, "every", dropout=_dropout(spec))}


def find_spans(spec: Any, labels: int) -> Heads:
    """The span of the text that answers a question."""
    return {"spans": Spans()}


def _dropout(spec: Any) -> float:
    return spec.embed.dropout
