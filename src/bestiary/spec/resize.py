"""The same architecture at other sizes: one rule for every model, and with it every entry's ``tiny``."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from bestiary.errors import BestiaryError
from bestiary.spec.check import check
from bestiary.spec.control import IdleTables, Steps
from bestiary.spec.edit import swap, walk_once
from bestiary.spec.embeddings import AdaptiveTokens, NarrowTokens, Patches, Tokens
from bestiary.spec.experts import Experts, TopK
from bestiary.spec.fusion import Fusion
from bestiary.spec.heads import AdaptiveLMHead
from bestiary.spec.images import GridBias, PatchDecoder
from bestiary.spec.masks import BlockSparse, Window
from bestiary.spec.models import EncoderDecoder, Model, Transformer, vocab_size
from bestiary.spec.norms import LayerNorm
from bestiary.spec.ops import GLU, MLP, Attention, CrossAttention, DisentangledAttention, WindowedAttention
from bestiary.spec.positions import (
    DistanceTable,
    Learned,
    LearnedAfterPadding,
    LearnedBlocks,
    LearnedByMask,
    SinusoidalAfterPadding,
    SinusoidalHalves,
    SinusoidalTable,
)
from bestiary.spec.recurrence import Memory, Recurrent, RelativeAttention, TwoStreamAttention, ZeroMemory
from bestiary.spec.speech import Filter, MeanClassifier, QuantizedTargets, SinusoidalRange, UnitScores
from bestiary.spec.stacks import Repeat, Residual, Stack, runs

Spec = TypeVar("Spec", bound=Model)


@dataclass(frozen=True)
class _Sizes:
    dim: int
    depth: int | None
    heads: int | None
    hidden: int | None
    vocab: int | None
    length: int | None
    stretch: float = 1.0
    """The new length over the old one, which the windows of long models follow."""


def resize(
    spec: Spec,
    *,
    dim: int | None = None,
    depth: int | None = None,
    heads: int | None = None,
    hidden: int | None = None,
    vocab: int | None = None,
    length: int | None = None,
) -> Spec:
    """Return the architecture at other sizes; what is not given keeps its proportion to the width.

    ``depth`` counts the layers run in each stack: the pattern of the layers is kept, repeated or cut. ``length`` sets
    learned positions and memories, and sparse attention scales its window or block with it. DeepNorm's scale of the
    branches follows the depth. Explicit head widths, grouped key-value heads, MLP and embedding widths scale with
    ``dim`` (and ``heads``). Raises ``BestiaryError`` with the path when the sizes do not go together.
    """
    parts = [f.name for f in dataclasses.fields(spec) if _of_models(getattr(spec, f.name))]
    if not isinstance(spec, Transformer | EncoderDecoder):
        what = f"is made of models ({', '.join(parts)})" if parts else "is convolutional"
        raise BestiaryError(f"{type(spec).__name__} {what} with sizes of their own: make it anew at other ones")
    lengths = (node.length for _, node in walk_once(spec) if isinstance(node, Learned | LearnedAfterPadding))
    old_length = next(lengths, None)
    stretch = length / old_length if length and old_length else 1.0
    sizes = _Sizes(dim or spec.dim, depth, heads, hidden, vocab, length, stretch)
    old = spec.dim
    resized: Any = swap(spec, Stack, lambda node: _stack(node, sizes, old))
    resized = swap(resized, PatchDecoder, lambda node: _part(node, old, sizes.dim))
    resized = swap(resized, Tokens, lambda node: _tokens(node, sizes, old))
    known = vocab_size(spec)
    if known and vocab:
        resized = swap(resized, AdaptiveLMHead, lambda node: node.replace(
            cutoffs=tuple(_scale(cutoff, known, vocab) for cutoff in node.cutoffs)))  # fmt: skip
    resized = swap(resized, AdaptiveTokens, lambda node: _adaptive(node, sizes, old))
    resized = swap(resized, NarrowTokens, lambda node: _tokens(node, sizes, old))
    lengths = (LearnedBlocks, LearnedByMask, SinusoidalHalves, SinusoidalTable, SinusoidalRange, SinusoidalAfterPadding)
    for kind in (Learned, LearnedAfterPadding, Steps, IdleTables, *lengths):
        resized = swap(resized, kind, lambda node: node.replace(length=length or node.length))
    return check(_sound(resized, sizes, old).replace(dim=sizes.dim))


def tiny(spec: Spec) -> Spec:
    """Return the twin that runs anywhere in seconds.

    It is 64 wide, as deep as its pattern of layers needs (2 at least), with 4 heads, at most 512 tokens of vocabulary
    and 128 positions, 4 experts, and images of 4 x 4 patches.
    """
    table = [node for _, node in walk_once(spec) if isinstance(node, Tokens | NarrowTokens | AdaptiveTokens)]
    few = swap(swap(spec, Experts, _few_experts), Patches, lambda node: node.replace(image=32, patch=8))
    few = swap(few, GridBias, lambda node: node.replace(side=4))
    small: Any = resize(
        few,
        dim=64,
        depth=max(2, *(sum(map(len, _pattern(node))) for _, node in walk_once(spec) if isinstance(node, Stack))),
        heads=4,
        vocab=min([512, *(node.vocab for node in table)]),
        length=128,
    )
    return small


def _of_models(part: Any) -> bool:
    """Tell whether a part of a model is a model, or several."""
    return isinstance(part, Model) or (isinstance(part, tuple) and any(map(_of_models, cast("tuple[Any, ...]", part))))


def _part(part: PatchDecoder, old: int, new: int) -> PatchDecoder:
    """Let the width of a part follow the model's, as its heads divide it."""
    heads = math.lcm(*(node.heads for _, node in walk_once(part.stack) if isinstance(node, Attention)))
    return part.replace(dim=heads * _scale(part.dim // heads, old, new))


def _few_experts(node: Experts) -> Experts:
    experts, router = min(4, node.experts), node.router
    return node.replace(
        experts=experts, router=router.replace(k=min(router.k, experts)) if isinstance(router, TopK) else router
    )


def _sound(spec: Any, sizes: _Sizes, old: int) -> Any:
    """Scale what stands beside the stack of a model that hears: the channels of filters, the widths of its heads."""
    spec = swap(spec, Filter, lambda node: node.replace(channels=_scale(node.channels, old, sizes.dim)))
    for kind in (MeanClassifier, UnitScores):
        spec = swap(spec, kind, lambda node: node.replace(width=_scale(node.width, old, sizes.dim)))
    return swap(spec, QuantizedTargets, lambda node: node.replace(
        code=node.groups * _scale(node.code // node.groups, old, sizes.dim),
        width=_scale(node.width, old, sizes.dim)))  # fmt: skip


def _scale(size: int, old: int, new: int) -> int:
    return max(1, round(size * new / old))


def _tokens(node: Tokens | NarrowTokens, sizes: _Sizes, old: int) -> Tokens | NarrowTokens:
    width = None if node.width is None else _scale(node.width, old, sizes.dim)
    return node.replace(vocab=sizes.vocab or node.vocab, width=width)


def _adaptive(node: AdaptiveTokens, sizes: _Sizes, old: int) -> AdaptiveTokens:
    vocab = sizes.vocab or node.vocab
    cutoffs = tuple(_scale(cutoff, node.vocab, vocab) for cutoff in node.cutoffs)
    widths = tuple(width and _scale(width, old, sizes.dim) for width in node.widths)
    return node.replace(vocab=vocab, cutoffs=cutoffs, widths=widths)


def _stack(stack: Stack, sizes: _Sizes, old: int) -> Stack:
    if sizes.depth is not None:
        old_depth, stack = runs(stack), stack.replace(layers=_layers(stack, sizes.depth))
        new_depth = max(1, runs(stack))
        stack = swap(stack, Residual, lambda node: _deepened(node, old_depth, new_depth))
    for kind in (Attention, CrossAttention, RelativeAttention, TwoStreamAttention):
        stack = swap(stack, kind, lambda node: _attention(node, sizes, old))
    stack = swap(stack, BlockSparse, lambda node: _blocks(node, sizes))
    stack = swap(stack, WindowedAttention, lambda node: _windowed(node, sizes))
    stack = swap(stack, DisentangledAttention, lambda node: node.replace(heads=sizes.heads or node.heads))
    if sizes.length is not None:
        stack = swap(stack, DistanceTable, lambda node: node.replace(span=sizes.length, length=sizes.length))
    side = math.lcm(*(n.attention.heads for _, n in walk_once(stack) if isinstance(n, Fusion) and n.attention))
    stack = swap(stack, Fusion, lambda node: _fusion(node, sizes, old, side))
    for kind in (MLP, GLU):
        stack = swap(stack, kind, lambda node: node.replace(hidden=sizes.hidden or _scale(node.hidden, old, sizes.dim)))
    return stack


def _fusion(node: Fusion, sizes: _Sizes, old: int, heads: int) -> Fusion:
    """Scale the second stream, whose heads stay as many as they are."""
    width = heads * _scale(node.width // heads, old, sizes.dim)
    return node.replace(hidden=sizes.hidden or _scale(node.hidden, old, sizes.dim), width=width)


def _deepened(node: Residual, old: int, new: int) -> Residual:
    """Let a scale that is the root of one over twice the depth follow the depth, and the norm behind it (DeepNorm)."""
    deep = node.placement == "post" and isinstance(node.scale, float) and math.isclose(node.scale, (2 * old) ** -0.5)
    if not deep or not isinstance(node.norm, LayerNorm):
        return node
    assert isinstance(node.scale, float)
    ratio = old / new
    return node.replace(scale=node.scale * ratio**0.5, norm=node.norm.replace(eps=node.norm.eps * ratio))


def _attention(node: Any, sizes: _Sizes, old: int) -> Any:
    heads = sizes.heads or node.heads
    kv_heads = None if node.kv_heads is None else max(1, heads * node.kv_heads // node.heads)
    # An explicit head width keeps the ratio of the inner width (heads x head_dim) to dim, as T5's sizes do not.
    head_dim = node.head_dim and max(2, round(node.heads * node.head_dim / old * sizes.dim / heads / 2) * 2)
    node = node.replace(heads=heads, kv_heads=kv_heads, head_dim=head_dim)
    return _remembering(node, sizes.length) if isinstance(node, Recurrent) else node


def _remembering(node: Any, length: int | None) -> Any:
    """Shorten a memory to the length, and with it a window that is as long."""
    memory = node.memory
    if length is None or not isinstance(memory, Memory | ZeroMemory) or memory.length is None:
        return node
    mask = tuple(Window(length) if part == Window(memory.length) else part for part in node.mask)
    return node.replace(memory=memory.replace(length=length), mask=mask)


def _windowed(node: WindowedAttention, sizes: _Sizes) -> WindowedAttention:
    return node.replace(heads=sizes.heads or node.heads, window=max(1, round(node.window * sizes.stretch)))


def _blocks(node: BlockSparse, sizes: _Sizes) -> BlockSparse:
    return node.replace(block=max(1, round(node.block * sizes.stretch)), length=sizes.length or node.length)


def _layers(stack: Stack, depth: int) -> tuple[Any, ...]:
    if len(stack.layers) == 1 and isinstance(stack.layers[0], Repeat):
        shared = stack.layers[0]
        return (shared.replace(times=max(1, depth // len(shared.layers))),)
    lead, pattern = _pattern(stack)
    return (lead + pattern * (depth // len(pattern) + 1))[:depth]


def _pattern(stack: Stack) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Return the fewest layers that tell the stack: some that come once, and a pattern that repeats (perhaps cut)."""
    layers = stack.layers
    for told in range(1, len(layers) + 1):
        for lead in range(told):
            period = told - lead
            if all(layers[i] == layers[i - period] for i in range(told, len(layers))):
                return layers[:lead], layers[lead:told]
    raise AssertionError("a stack has layers")
