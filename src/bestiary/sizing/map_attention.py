"""Sizes of attention to vectors of another width."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bestiary.sizing.cost import Pass
from bestiary.sizing.inside import Parts, Rule, inside, linear_parts
from bestiary.sizing.linear import Linear, Maps, maps
from bestiary.spec import CrossWidthAttention, JoinedAttention, Model, Node, NormedJoinedAttention, NormedWidthAttention


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
    NormedWidthAttention: lambda node, model: _cross_width(node, model, "k", "v"),
    JoinedAttention: _joined,
    NormedJoinedAttention: _joined,
}


def _normed_reading(node: NormedWidthAttention | NormedJoinedAttention, width: int, model: Model) -> Parts:
    yield from linear_parts(node, width, model)
    yield from inside("read_norm", node.read_norm, node.width, model)


PARTS: dict[type[Node], Rule] = {
    CrossWidthAttention: linear_parts,
    JoinedAttention: linear_parts,
    NormedWidthAttention: _normed_reading,
    NormedJoinedAttention: _normed_reading,
}


def _joined_cost(node: JoinedAttention, run: Pass) -> int:
    linear = maps(node, run.model)
    each = sum([linear[name].weights for name in "qkvo"])
    read = linear["k_read"].weights + linear["v_read"].weights
    seen = 4 * linear["q"].outputs * run.tokens * (run.tokens + run.source)
    return 2 * (run.tokens * each + run.source * read) + seen


FLOPS: dict[type[Node], Callable[[Any, Pass], int]] = {
    JoinedAttention: _joined_cost,
    NormedJoinedAttention: _joined_cost,
}
