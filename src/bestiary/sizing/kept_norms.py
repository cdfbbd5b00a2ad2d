"""What each kind of norm keeps for the backward pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bestiary.sizing.formula import Formula, formula
from bestiary.sizing.lines import FLOAT32
from bestiary.sizing.tape import Tape, Tensor, Unknown
from bestiary.spec import (
    LayerNorm,
    Node,
    Norm,
    PlainNorm,
    RescaleNorm,
    RMSNorm,
    RoundedLayerNorm,
    ShiftedRMSNorm,
    ZeroCenteredNorm,
)


def norm(node: Norm, x: Tensor, vectors: Formula, tape: Tape) -> Tensor:
    """Norm so many vectors: return the normed ones, and keep on the tape what the derivative needs."""
    rule = NORMS.get(type(node))
    if rule is None:
        raise Unknown(type(node).__name__)
    rule(node, x, vectors, tape)
    return Tensor(x.numbers, x.grad or (tape.trained.weights and not isinstance(node, PlainNorm)))


def _layer_norm(node: LayerNorm | PlainNorm, x: Tensor, vectors: Formula, tape: Tape) -> None:
    """One kernel: what it read, and the mean and spread of each vector in float32."""
    if x.grad or (tape.trained.weights and isinstance(node, LayerNorm)):
        tape.keep(x)
        tape.keep_numbers(vectors * 2)


def _rms(node: RMSNorm | RescaleNorm, x: Tensor, vectors: Formula, tape: Tape) -> None:
    """Op by op: what it read in float32, a scale for each vector, and the product, which the gain multiplies."""
    if x.grad:
        tape.keep_float(x)
        tape.keep_numbers(vectors)
    if tape.trained.weights:
        tape.keep(Tensor(x.numbers))


def _rescale(node: RescaleNorm, x: Tensor, vectors: Formula, tape: Tape) -> None:
    """The same, and the vectors as they came, which are scaled themselves."""
    _rms(node, x, vectors, tape)
    if x.grad:
        tape.keep(x)


def _shifted(node: ShiftedRMSNorm, x: Tensor, vectors: Formula, tape: Tape) -> None:
    if x.grad:
        tape.keep(x, Tensor(x.numbers))
        tape.keep_numbers(vectors, formula("number"))
    if tape.trained.weights:
        tape.keep(Tensor(x.numbers))


def _zero_centered(node: ZeroCenteredNorm, x: Tensor, vectors: Formula, tape: Tape) -> None:
    """All in float32; the gain is one plus what is learned, a new vector."""
    if x.grad:
        tape.keep_float(x)
        tape.keep_numbers(vectors + tape.model.dim)
    if tape.trained.weights:
        tape.keep_numbers(x.numbers, FLOAT32)


def _rounded(node: RoundedLayerNorm, x: Tensor, vectors: Formula, tape: Tape) -> None:
    """Op by op in float32: the difference from the mean twice, the spread, and the quotient as it came."""
    if x.grad:
        tape.keep_numbers(x.numbers * 2 + vectors)
    if tape.trained.weights:
        tape.keep(Tensor(x.numbers))


NORMS: dict[type[Node], Callable[[Any, Tensor, Formula, Tape], None]] = {
    LayerNorm: _layer_norm,
    PlainNorm: _layer_norm,
    RMSNorm: _rms,
    RescaleNorm: _rescale,
    ShiftedRMSNorm: _shifted,
    ZeroCenteredNorm: _zero_centered,
    RoundedLayerNorm: _rounded,
}
