"""The linear maps of attention to vectors of another width."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bestiary.sizing.linear import Linear, Maps
from bestiary.spec import CrossWidthAttention, JoinedAttention, Model, Node


def _cross_width(node: CrossWidthAttention | JoinedAttention, model: Model, keys: str, values: str) -> Maps:
    inner = node.heads * node.head_dim if node.head_dim else model.dim
    shared = inner if node.kv_heads is None else inner * node.kv_heads // node.heads
    return {
        "q": Linear(model.dim, inner, "q" in node.bias),
        keys: Linear(node.width, shared, "k" in node.bias),
        values: Linear(node.width, shared, "v" in node.bias),
        "o": Linear(inner, model.dim, "o" in node.bias),
    }


def _joined(node: JoinedAttention, model: Model) -> Maps:
    linear = _cross_width(node, model, "k_read", "v_read")
    shared = linear["k_read"].outputs
    own = {name: Linear(model.dim, shared, name in node.bias) for name in "kv"}
    return {"q": linear["q"], **own, **{name: linear[name] for name in ("o", "k_read", "v_read")}}


MAPS: dict[type[Node], Callable[[Any, Model], Maps]] = {
    CrossWidthAttention: lambda node, model: _cross_width(node, model, "k", "v"),
    JoinedAttention: _joined,
}
