"""Quantization-aware modules, made from outside of a finished one (Li et al. 2022, section 2.1; Zhang et al. 2020).

Weights stay what they are and keep their names; each pass rounds them, and the inputs of each product, to so few bits.
Gradients pass through the rounding as if it were not there (Bengio et al. 2013), but not to values beyond the limit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bestiary.errors import BestiaryError
from bestiary.nn.attention import Attention, CrossAttention, Projections
from bestiary.nn.base import Model
from bestiary.nn.context import Context
from bestiary.nn.embeddings import SharedTokens
from bestiary.nn.mixing import mix
from bestiary.nn.stack import Stack

TERNARY = 2
"""At two bits a weight is minus, zero or plus one number (Li, Zhang and Liu 2016)."""


@dataclass(frozen=True)
class Quantization:
    """Bits of the matrices in the layers, of the token vectors, and of what goes into a product; ``None`` keeps these.

    Values beyond ``limit`` on either side are brought to it first.
    """

    weights: int = 8
    embeddings: int = 8
    activations: int | None = 8
    limit: float = 2.5

    def __post_init__(self) -> None:
        for name in ("weights", "embeddings", "activations"):
            bits = getattr(self, name)
            if bits is not None and not (isinstance(bits, int) and 2 <= bits <= 16):
                raise BestiaryError(f"{name} is {bits!r}; give from 2 to 16 bits")
        if not self.limit > 0:
            raise BestiaryError(f"limit is {self.limit!r}; give a positive number")


def quantize(model: Model, how: Quantization | None = None) -> Model:
    """Make a model compute with quantized layers and token vectors, in place, and return it.

    Norms, biases, positions and heads keep their precision, and so does a tied output, which reads the table as it is.
    Attention rounds its queries, keys, probabilities and values. Raises ``BestiaryError`` for kinds of attention that
    mix otherwise.
    """
    how = how or Quantization()
    for stack in (module for module in model.modules() if isinstance(module, Stack)):
        for name, module in stack.named_modules():
            if isinstance(module, Projections) and how.activations is not None:
                if type(module) not in (Attention, CrossAttention):
                    raise BestiaryError(f"{name} is {type(module).__name__}, whose products cannot be quantized")
                _become(module, QuantizedMixing, how)
            elif type(module) is nn.Linear:
                _become(module, QuantizedLinear, how)
    for module in list(model.modules()):
        if isinstance(module, SharedTokens):
            _become(module, QuantizedTokens, how)
    return model


class QuantizedLinear(nn.Linear):
    """A linear map of rounded inputs by a rounded matrix, one scale for the whole of each."""

    quantization: Quantization

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002
        """Map ``[..., inputs]`` to ``[..., outputs]``."""
        how = self.quantization
        weight = rounded_weight(self.weight, how.weights, how.limit)
        return F.linear(_rounded_input(input, how), weight, self.bias)


class QuantizedMixing(Projections):
    """Attention whose two products are those of rounded tensors."""

    quantization: Quantization

    def attend(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, causal: bool = False) -> Tensor:
        """Mix values by scores and project the result."""
        return mix(self, q, k, v, mask, causal, self.change)

    def change(self, x: Tensor) -> Tensor:
        """Round what goes into a product."""
        return _rounded_input(x, self.quantization)


class QuantizedTokens(SharedTokens):
    """Token vectors that are rounded as they are looked up, each with a scale of its own."""

    quantization: Quantization

    def look_up(self, context: Context) -> Tensor:
        """Return the token vectors, ``[B, T, width]``."""
        how = self.quantization
        return rounded_weight(super().look_up(context), how.embeddings, how.limit, rows=True)


@cache
def _mixed(first: type[nn.Module], kind: type[nn.Module]) -> type[nn.Module]:
    """Return a class that is ``kind`` but for what ``first`` overrides."""
    return first if issubclass(first, kind) else type(first.__name__, (first, kind), {})


def _become(module: Any, first: type[nn.Module], how: Quantization) -> None:
    """Let a module be of the quantized class; one that is already takes the new bits."""
    if not isinstance(module, first):
        module.__class__ = _mixed(first, type(module))
    module.__dict__["quantization"] = how


def _rounded_input(x: Tensor, how: Quantization) -> Tensor:
    return x if how.activations is None else uniform(x, how.activations, how.limit)


def rounded_weight(x: Tensor, bits: int, limit: float, rows: bool = False) -> Tensor:
    """Round weights: to three values at two bits, else to evenly spaced ones; ``rows`` have a scale each."""
    rule: Callable[..., Tensor] = ternary if bits == TERNARY else uniform
    return rule(x, bits, limit, rows)


def uniform(x: Tensor, bits: int, limit: float, rows: bool = False) -> Tensor:
    """Round to the multiples of a step, as many on either side of zero, so that the largest value is one of them."""
    with torch.no_grad():
        kept = x.clamp(-limit, limit)
        most = kept.abs().amax(-1, keepdim=True) if rows else kept.abs().max()
        step = most / (2 ** (bits - 1) - 1)
        rounded = torch.where(step > 0, (kept / step).round() * step, kept)
    return _Straight.apply(x, rounded, limit)  # type: ignore[no-any-return]


def ternary(x: Tensor, bits: int, limit: float, rows: bool = False) -> Tensor:
    """Round to zero and two opposite values: zero is what is under 0.7 of the mean, the others the rest's mean."""
    with torch.no_grad():
        kept = x.clamp(-limit, limit)
        size = kept.abs()
        mean = size.mean(-1, keepdim=True) if rows else size.mean()
        large = size > 0.7 * mean
        axes = (-1,) if rows else tuple(range(x.dim()))
        level = (size * large).sum(axes, keepdim=True) / large.sum(axes, keepdim=True).clamp(min=1)
        rounded = kept.sign() * large * level
    return _Straight.apply(x, rounded, limit)  # type: ignore[no-any-return]


class _Straight(torch.autograd.Function):
    """The rounded values forward; backward the gradient as it comes, but none to what was beyond the limit."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, rounded: Tensor, limit: float) -> Tensor:
        ctx.save_for_backward(x.abs() < limit)
        return rounded

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[override]
        (inside,) = ctx.saved_tensors
        return gradients[0] * inside, None, None
