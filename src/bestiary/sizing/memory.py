"""Bytes of weights and of the cache of keys and values, per precision: the plan of serving, evaluated."""

from __future__ import annotations

from dataclasses import dataclass

from bestiary.errors import BestiaryError, nearest
from bestiary.sizing.count import count
from bestiary.sizing.interleaved import shown
from bestiary.sizing.lines import PRECISIONS, numbers
from bestiary.sizing.reach import context_length, source_length
from bestiary.sizing.serving import caches, stored, writer
from bestiary.sizing.table import html, text
from bestiary.spec import EncoderDecoder, Interleaved, Model


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
        return html(self._rows(), ("what", "bytes"), sums=1)

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
    writes = writer(spec)
    read = source_length(writes, source, tokens) if isinstance(writes, EncoderDecoder) else tokens
    read = (source or shown(spec)) if isinstance(spec, Interleaved) else read
    return Memory(weight_bytes(spec, precision), cache_bytes(spec, tokens, read, batch, precision))


def fits(
    spec: Model, bytes: int, precision: str = "bfloat16", context: int | None = None, batch: int = 1,  # noqa: A002
) -> bool:  # fmt: skip
    """Say whether weights and cache fit into so many bytes; leave room for what ``Memory`` does not hold."""
    return memory(spec, precision, context, batch).total <= bytes


def weight_bytes(spec: Model, precision: str = "bfloat16") -> int:
    """Return the bytes of the weights, every one at this precision (quantizers leave norms and biases wider)."""
    return stored(count(spec).total).evaluate(_numbers(precision))


def cache_bytes(spec: Model, context: int, source: int = 0, batch: int = 1, precision: str = "bfloat16") -> int:
    """Return the bytes of the keys and values of ``batch`` sequences of ``context`` tokens.

    ``cache_bytes(spec, 1)`` is what one token adds, until a window is full; ``source=1`` what one encoder token adds.
    ``precision`` is that of the weights: a cache beside quantized ones is kept in the precision that is computed in.
    """
    for name, number, least in (("context", context, 0), ("source", source, 0), ("batch", batch, 1)):
        if number < least:
            raise BestiaryError(f"{name} is {number}; give at least {least}")
    values = {**_numbers(precision), "context": context, "source": source, "batch": batch}
    return sum(line.formula.evaluate(values) for line in caches(spec))


def _numbers(precision: str) -> dict[str, int]:
    if precision not in PRECISIONS:
        raise BestiaryError(
            f"precision is '{precision}'; use one of {', '.join(PRECISIONS)}{nearest(precision, PRECISIONS)}"
        )
    return numbers(PRECISIONS[precision])
