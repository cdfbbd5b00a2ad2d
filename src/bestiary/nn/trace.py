"""What a model computes on the way: hidden states and attention probabilities, recorded from outside."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from torch import Tensor

from bestiary.nn.attention import Attention, CrossAttention
from bestiary.nn.base import Model
from bestiary.nn.embeddings import SharedTokens
from bestiary.nn.mixing import mix, unchanged
from bestiary.nn.stack import Layer


@dataclass
class Trace:
    """By tower (``encoder``, ``decoder``, or ``""`` where there is one): tensors in the order in which they came."""

    hidden: dict[str, list[Tensor]] = field(default_factory=dict[str, list[Tensor]])
    """The embedding's output, then each layer's, ``[B, T, dim]``."""
    attention: dict[str, list[Tensor]] = field(default_factory=dict[str, list[Tensor]])
    """Probabilities of self-attention, ``[B, heads, T, K]``."""
    cross: dict[str, list[Tensor]] = field(default_factory=dict[str, list[Tensor]])
    """Probabilities of attention to the encoder's output."""


@contextmanager
def traced(model: Model) -> Iterator[Trace]:
    """Record what passes compute until the end of the block; gradients flow through what is recorded.

    Kinds of attention that mix otherwise than by a softmax of scores are not recorded.
    """
    trace = Trace()
    handles, watched = [], []
    for name, module in model.named_modules():
        tower = name.split(".")[0] if name.startswith(("encoder.", "decoder.")) else ""
        if isinstance(module, SharedTokens | Layer):
            seen = trace.hidden.setdefault(tower, [])
            handles.append(module.register_forward_hook(lambda _m, _i, output, seen=seen: seen.append(output)))
        elif isinstance(module, Attention | CrossAttention):
            kind = trace.cross if isinstance(module, CrossAttention) else trace.attention
            _watch(module, kind.setdefault(tower, []))
            watched.append(module)
    try:
        yield trace
    finally:
        for handle in handles:
            handle.remove()
        for module in watched:
            del module.__dict__["attend"]


def _watch(module: Attention | CrossAttention, seen: list[Tensor]) -> None:
    change = getattr(module, "change", unchanged)

    def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, causal: bool = False) -> Tensor:
        return mix(module, q, k, v, mask, causal, change, seen.append)

    module.__dict__["attend"] = attend  # shadows the method on this one module
