"""What attentions keep for the backward pass, as torch's fused kernel computes them.

The kernel keeps queries, keys, values, what it answers and one number for each query: no scores. Where what is added to
the scores is learned, torch's kernel for CPUs does not take it, and scores are computed op by op: all probabilities are
kept. A mask that is not the plain causal one reaches the kernel as a number for each pair, once for each layer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bestiary.sizing.formula import Formula, formula
from bestiary.sizing.kept_norms import norm
from bestiary.sizing.linear import Maps, maps
from bestiary.sizing.lines import FLOAT32
from bestiary.sizing.tape import INDEX, NUMBER, Tape, Tensor, Unknown
from bestiary.spec import (
    Alibi,
    Attention,
    BlockSparse,
    BoundedAttention,
    Causal,
    CoarseAlibi,
    CrossAttention,
    HeadNorm,
    JointNorm,
    KeyAlibi,
    Mask,
    Node,
    QKNormAttention,
    RelativeAttention,
    Rotary,
    RoundedRotary,
    ScorePosition,
    T5Bias,
    Window,
)


def score_bias(node: ScorePosition, heads: int, tape: Tape) -> Tensor:
    """Return what a position adds to the scores, one number for each head and pair."""
    pairs = tape.length * tape.length
    if isinstance(node, T5Bias):
        if tape.trained.weights:  # which bucket each pair falls in
            tape.once(node, pairs, INDEX)
        return Tensor(pairs * heads, tape.trained.weights)
    if isinstance(node, Alibi):
        return Tensor(pairs * heads, False)
    if isinstance(node, KeyAlibi | CoarseAlibi):
        return Tensor(tape.length * heads, False)
    raise Unknown(type(node).__name__)


def _attention(node: Attention, x: Tensor, tape: Tape) -> Tensor:
    if any(isinstance(mask, BlockSparse) for mask in node.mask) or _banded(node.mask):
        raise Unknown("attention in bands or blocks")
    linear = maps(node, tape.model)
    q, k, v = (tape.linear(name, linear[name], x) for name in "qkv")
    q, k, v = _shaped(node, q, k, v, linear, tape)
    mask, pairs = node.mask, tape.length * tape.length
    bias = tape.bias
    if isinstance(node.position, ScorePosition):
        own = score_bias(node.position, node.heads, tape)
        bias = own if bias is None else Tensor(own.numbers, own.grad or bias.grad)
    if bias is None:
        if mask not in ((), (Causal(),)):
            tape.keep_numbers(pairs, NUMBER)
        return _attend(node.heads, tape.length, q, k, v, None, linear, tape)
    if mask:
        if bias.grad:
            tape.keep_numbers(pairs, 1)
        bias = Tensor(pairs * node.heads, bias.grad)
    return _attend(node.heads, tape.length, q, k, v, bias, linear, tape)


def _banded(masks: tuple[Mask, ...]) -> bool:
    return len(masks) == 1 and isinstance(masks[0], Window)


def _shaped(node: Attention, q: Tensor, k: Tensor, v: Tensor, linear: Maps, tape: Tape) -> tuple[Tensor, ...]:
    """Run what stands between the maps and the kernel: norms, bounds, rotations."""
    if isinstance(node, QKNormAttention):
        q, k = _normed(node, q, node.heads, tape), _normed(node, k, node.kv_heads or node.heads, tape)
    elif isinstance(node, BoundedAttention):
        tape.keep(*(one for one in (q, k, v) if one.grad))
        q, k, v = (Tensor(one.numbers, one.grad) for one in (q, k, v))
    if isinstance(node.position, Rotary):
        width = int(linear["q"].outputs // node.heads * node.position.fraction)
        if q.grad or k.grad:
            for wave in ("cos", "sin"):
                tape.once((node.position, width, wave), tape.length * width)
        by_head = width < linear["q"].outputs // node.heads or isinstance(node.position, RoundedRotary)
        q, k = Tensor(q.numbers, q.grad, by_head=by_head), Tensor(k.numbers, k.grad)
    return q, k, v


def _normed(node: QKNormAttention, x: Tensor, heads: int, tape: Tape) -> Tensor:
    if isinstance(node.qk_norm, HeadNorm):
        return norm(node.qk_norm.norm, x, tape.rows * heads, tape)
    if isinstance(node.qk_norm, JointNorm):
        return norm(node.qk_norm.norm, x, tape.rows, tape)
    if x.grad:
        tape.keep(x)
        tape.keep_numbers(tape.rows * heads * 2)
    if tape.trained.weights:
        tape.keep(Tensor(x.numbers))
    return Tensor(x.numbers, x.grad or tape.trained.weights)


def _cross(node: CrossAttention, x: Tensor, tape: Tape) -> Tensor:
    linear = maps(node, tape.model)
    if tape.memory is None:
        raise Unknown("CrossAttention without an encoder")
    read = tape.batch * tape.source
    q = tape.linear("q", linear["q"], x)
    k, v = (tape.linear(name, linear[name], tape.memory, read) for name in "kv")
    return _attend(node.heads, tape.source, q, k, v, None, linear, tape)


def _relative(node: RelativeAttention, x: Tensor, tape: Tape) -> Tensor:
    """Score distances op by op, and add them to the scores of contents, which have a gradient as they do."""
    if node.memory is not None:
        raise Unknown("a memory of earlier segments")
    linear, pairs = maps(node, tape.model), tape.length * tape.length
    causal = Causal() in node.mask
    distances = tape.length + 1 if causal else tape.length * 2
    q, k, v = (tape.linear(name, linear[name], x) for name in "qkv")
    if tape.trained.weights or tape.trained.adapts("r"):
        # The vectors of distances are made once in float32; in half precision each layer rounds its own.
        tape.once((node.distances, causal), distances * tape.model.dim, formula(FLOAT32) - formula("master"))
        tape.keep_numbers(distances * (tape.model.dim // 2), formula("master"))
        tape.keep(Tensor(q.numbers))
    if q.grad or tape.trained.weights:
        tape.keep(Tensor(tape.batch * distances * linear["q"].outputs))
    grad = q.grad or tape.trained.weights
    if grad and node.mask:
        tape.keep_numbers(pairs, 1)
    asked = Tensor(q.numbers, grad)
    return _attend(node.heads, tape.length, asked, k, v, Tensor(pairs * node.heads * tape.batch, grad), linear, tape)


def _attend(
    heads: int, keys: Formula, q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None, linear: Maps, tape: Tape
) -> Tensor:
    """Mix values by scores, and map the result."""
    grad = q.grad or k.grad or v.grad or (bias is not None and bias.grad)
    mixed = Tensor(tape.rows * linear["q"].outputs, grad)
    if bias is not None and bias.grad:
        scored = q.grad or k.grad or bias.grad
        every = tape.batch * keys * linear["q"].outputs  # keys and values, one for each head of queries
        # Op by op all is computed in float32, whatever the precision.
        if q.grad:
            tape.keep_numbers(every)
        if k.grad:
            tape.keep_numbers(q.numbers)
        if scored:
            tape.keep_numbers(tape.rows * keys * heads + every)
    elif grad:
        tape.keep(q, k, v, mixed)
        tape.keep_numbers(tape.rows * heads)
        if bias is not None:
            tape.keep(bias)
    return tape.linear("o", linear["o"], Tensor(mixed.numbers, grad) if q.by_head else mixed)


OPS: dict[type[Node], Callable[[Any, Tensor, Tape], Tensor]] = {
    Attention: _attention,
    QKNormAttention: _attention,
    BoundedAttention: _attention,
    CrossAttention: _cross,
    RelativeAttention: _relative,
}
