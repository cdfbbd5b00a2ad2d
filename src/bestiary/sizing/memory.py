"""Bytes that serving takes: weights and the cache of keys and values, per precision. Training is another matter."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from bestiary.errors import BestiaryError, nearest
from bestiary.sizing.count import count
from bestiary.sizing.interleaved import shown
from bestiary.sizing.layers import runs
from bestiary.sizing.linear import maps
from bestiary.sizing.reach import context_length, reach, source_length
from bestiary.sizing.table import html, text
from bestiary.spec import (
    Attention,
    CodeWriter,
    CrossAttention,
    EmbeddingDenoiser,
    EncoderDecoder,
    Interleaved,
    Layer,
    LMHead,
    Model,
    RelativeAttention,
    Stack,
    ZeroMemory,
    heads_of,
    text_side,
    walk,
)


class Precision(NamedTuple):
    """Numbers are stored in blocks of ``values`` that take ``bytes``, a scale for each block included."""

    values: int
    bytes: int
    cache: str
    """The precision that the cache is kept in beside weights of this one."""


PRECISIONS: dict[str, Precision] = {
    "float32": Precision(1, 4, "float32"),
    "bfloat16": Precision(1, 2, "bfloat16"),
    "float16": Precision(1, 2, "float16"),
    # A float16 scale for 32 values, as in GGUF's Q8_0 and Q4_0: 8.5 and 4.5 bits a value. Only weights are quantized.
    "int8": Precision(32, 34, "float16"),
    "int4": Precision(32, 18, "float16"),
}

GPU_MEMORY: dict[str, int] = {
    # In bytes, the gigabytes of the name read as powers of ten: a driver reports a little more or less as usable.
    "T4": 16 * 10**9,  # 16 GB GDDR6: topcpu.net/en/gpu-c/tesla-t4-vs-geforce-rtx-4090
    "RTX 4090": 24 * 10**9,  # 24 GB GDDR6X: the same page
    "A100 40GB": 40 * 10**9,  # 40 GB HBM2: glennklockwood.com/garden/processors/A100, after NVIDIA's data sheet
    "A100 80GB": 80 * 10**9,  # 80 GB HBM2e: the same page
    "H100 80GB": 80 * 10**9,  # 80 GB: docs.nvidia.com/launchpad/ai/h100-mig/latest/h100-mig-gpu.html
}


@dataclass(frozen=True)
class Memory:
    """Bytes of weights and cache. Activations and the framework's own come on top and depend on the engine."""

    weights: int
    cache: int

    @property
    def total(self) -> int:
        """Weights and cache together."""
        return self.weights + self.cache

    def __str__(self) -> str:
        return text(self._rows())

    def _repr_html_(self) -> str:
        return html(self._rows(), ("what", "bytes"))

    def _rows(self) -> list[tuple[str, str]]:
        sums = {"weights": self.weights, "cache": self.cache, "total": self.total}
        return [(name, f"{number:,}") for name, number in sums.items()]


def memory(
    spec: Model, precision: str = "bfloat16", context: int | None = None, batch: int = 1, source: int | None = None
) -> Memory:
    """Return the bytes that a model takes while it generates.

    ``context`` is the tokens of each of ``batch`` sequences, the model's own length unless said; ``source`` those of
    the encoder, as many unless said, or of pictures, those of one. Raises ``BestiaryError`` naming an argument that
    cannot be.
    """
    tokens = context_length(spec, context)
    writer = _writer(spec)
    read = source_length(writer, source, tokens) if isinstance(writer, EncoderDecoder) else tokens
    read = (source or shown(spec)) if isinstance(spec, Interleaved) else read
    return Memory(weight_bytes(spec, precision), cache_bytes(spec, tokens, read, batch, _known(precision).cache))


def fits(
    spec: Model, bytes: int, precision: str = "bfloat16", context: int | None = None, batch: int = 1,  # noqa: A002
) -> bool:  # fmt: skip
    """Say whether weights and cache fit into so many bytes; leave room for what ``Memory`` does not hold."""
    return memory(spec, precision, context, batch).total <= bytes


def weight_bytes(spec: Model, precision: str = "bfloat16") -> int:
    """Return the bytes of the weights, every one at this precision (quantizers leave norms and biases wider)."""
    return _stored(count(spec).total, _known(precision))


def cache_bytes(spec: Model, context: int, source: int = 0, batch: int = 1, precision: str = "bfloat16") -> int:
    """Return the bytes of the keys and values of ``batch`` sequences of ``context`` tokens.

    ``cache_bytes(spec, 1)`` is what one token adds, until a window is full; ``source=1`` what one encoder token adds.
    A layer keeps no more tokens than its window shows, and as many caches as it runs times. An encoder, whose
    attentions look ahead, keeps none.
    """
    for name, number, least in (("context", context, 0), ("source", source, 0), ("batch", batch, 1)):
        if number < least:
            raise BestiaryError(f"{name} is {number}; give at least {least}")
    kept, spec = 0, _writer(spec)
    for layer, times in _generating(spec):
        for _, op in walk(layer):
            if isinstance(op, Attention | CrossAttention | RelativeAttention):
                width = maps(op, spec)["k"].outputs + maps(op, spec)["v"].outputs
                kept += times * width * (source if isinstance(op, CrossAttention) else _kept(op, context))
    return _stored(kept * batch, _known(precision))


def _writer(spec: Model) -> Model:
    """Return the part of a model that writes token by token, where its parts are models: else the whole."""
    writes = any(isinstance(head, LMHead) for head in heads_of(text_side(spec)).values())
    return text_side(spec) if writes else spec


def _kept(op: Attention | RelativeAttention, context: int) -> int:
    seen = reach(op.mask)
    if isinstance(op, RelativeAttention) and isinstance(op.memory, ZeroMemory):
        context += op.memory.length
    if seen.ahead != 0:
        return 0
    return context if seen.behind is None else min(context, seen.behind + 1)


def _generating(spec: Model) -> Iterable[tuple[Layer, int]]:
    """Return the layers that write token by token, with how often each runs; none of a model that does not."""
    side = None if isinstance(spec, EmbeddingDenoiser) else getattr(spec, "decoder", spec)
    side = spec.text if isinstance(spec, CodeWriter) else side
    stack = getattr(side, "stack", None)
    return runs(stack).items() if isinstance(stack, Stack) else ()


def _stored(numbers: int, precision: Precision) -> int:
    return -(-numbers // precision.values) * precision.bytes


def _known(precision: str) -> Precision:
    if precision not in PRECISIONS:
        raise BestiaryError(
            f"precision is '{precision}'; use one of {', '.join(PRECISIONS)}{nearest(precision, PRECISIONS)}"
        )
    return PRECISIONS[precision]
