"""What serving keeps in memory: the weights, and keys and values of what was read, by kind of attention."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from bestiary.sizing.count import count
from bestiary.sizing.formula import Formula, formula, least, quotient
from bestiary.sizing.layers import runs
from bestiary.sizing.linear import maps
from bestiary.sizing.lines import Line
from bestiary.sizing.reach import reach
from bestiary.spec import (
    Attention,
    CodeWriter,
    CrossAttention,
    EmbeddingDenoiser,
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


def serving(spec: Model) -> Iterator[Line]:
    """Yield the lines of a model that answers: weights, and what it keeps of the tokens it has read."""
    yield Line("weights", "weights", stored(count(spec).total), _why_weights(spec))
    yield from caches(spec)


def stored(weights: int) -> Formula:
    """Return the bytes of so many weights at the precision that they are stored in."""
    return quotient(weights, "block") * formula("block_bytes")


def caches(spec: Model) -> list[Line]:
    """Return the lines of keys and values, one for each way of keeping them; none of a model that writes no tokens.

    A layer keeps no more tokens than its window shows, and as many caches as it runs times. An encoder, whose
    attentions look ahead, keeps none.
    """
    side = writer(spec)
    kept: Counter[_Kept] = Counter()
    for layer, times in _generating(side):
        for _, op in walk(layer):
            if isinstance(op, Attention | CrossAttention | RelativeAttention):
                kept[_kept(op, side)] += times
    lines: dict[str, Line] = {}
    for way, times in kept.items():
        if way.tokens:
            name = f"keys and values{way.whose}"
            name = name if name not in lines else f"{name} ({len(lines) + 1})"
            numbers = way.tokens * formula("batch") * formula("number") * (times * way.numbers)
            lines[name] = Line(name, "cache", numbers, _why_kept(way, times))
    return list(lines.values())


class _Kept(NamedTuple):
    """One way of keeping keys and values: so many heads of so many numbers, for some tokens."""

    whose: str
    heads: int
    queries: int
    keys: int
    values: int
    tokens: Formula
    which: str

    @property
    def numbers(self) -> int:
        """How many numbers one attention keeps of a token."""
        return self.keys + self.values


def _kept(op: Attention | CrossAttention | RelativeAttention, spec: Model) -> _Kept:
    linear = maps(op, spec)
    whose, tokens, which = _tokens(op)
    return _Kept(whose, op.kv_heads or op.heads, op.heads, linear["k"].outputs, linear["v"].outputs, tokens, which)


def _tokens(op: Attention | CrossAttention | RelativeAttention) -> tuple[str, Formula, str]:
    """Return which tokens an attention keeps: a word for them, how many, and the same in words."""
    if isinstance(op, CrossAttention):
        return " of the source", formula("source"), "each vector of the source, once"
    seen, zeros = reach(op.mask), 0
    if isinstance(op, RelativeAttention) and isinstance(op.memory, ZeroMemory):
        zeros = op.memory.length
    tokens, which = formula("context") + zeros, "each token"
    which += f" and for {zeros:,} zeros that stand before the text" if zeros else ""
    if seen.ahead != 0:
        return "", Formula(), "nothing: it looks ahead, so what it read changes with each token"
    if seen.behind is None:
        return "", tokens, which
    window = seen.behind + 1
    words = f"the last {window:,} tokens, as its window shows no more; an engine that drops no token keeps them all"
    return f", window of {window:,}", least(tokens, window), words


def _why_weights(spec: Model) -> str:
    sizes = count(spec)
    said = f"{sizes.total:,} parameters, each stored at the weights' precision"
    if sizes.active == sizes.total:
        return f"{said}."
    return (
        f"{said}: all experts, though a token passes through {sizes.active:,} parameters only, because the next token "
        "may be sent to others."
    )


def _why_kept(way: _Kept, times: int) -> str:
    width = way.keys // way.heads
    said = (
        f"{times:,} attentions keep a key and a value of {way.heads:,} heads, {width:,} numbers each, for {way.which}: "
        f"{times:,} x 2 x {way.heads:,} x {width:,} = {times * way.numbers:,} numbers"
    )
    if way.heads == way.queries:
        return f"{said}."
    kind = "multi-query" if way.heads == 1 else "grouped-query"
    return f"{said}; {way.queries // way.heads:,} heads of queries share each ({kind} attention)."


def writer(spec: Model) -> Model:
    """Return the part of a model that writes token by token, where its parts are models: else the whole."""
    return text_side(spec) if writes(spec) else spec


def writes(spec: Model) -> bool:
    """Tell whether a model scores each token of a vocabulary."""
    return any(isinstance(head, LMHead) for head in heads_of(text_side(spec)).values())


def _generating(spec: Model) -> Iterable[tuple[Layer, int]]:
    """Return the layers that write token by token, with how often each runs; none of a model that does not."""
    side = None if isinstance(spec, EmbeddingDenoiser) else getattr(spec, "decoder", spec)
    side = spec.text if isinstance(spec, CodeWriter) else side
    stack = getattr(side, "stack", None)
    return runs(stack).items() if isinstance(stack, Stack) else ()
