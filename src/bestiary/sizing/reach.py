"""How far attention sees: lengths of contexts, and the keys that masks leave to a query."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from bestiary.errors import BestiaryError
from bestiary.spec import (
    Attention,
    BlockSparse,
    BucketTable,
    CaptionedGrid,
    Causal,
    DistanceTable,
    Embedding,
    EncoderDecoder,
    FoldingModel,
    HiddenActions,
    LastHidden,
    Learned,
    LearnedAfterPadding,
    LearnedByMask,
    Looks,
    Mask,
    MemorySpan,
    Model,
    Patches,
    PictureColumn,
    PictureRow,
    PictureWindow,
    Prefix,
    Pyramid,
    Queries,
    Rotary,
    SinusoidalHalves,
    SinusoidalTable,
    Spectrogram,
    Stack,
    Steps,
    Transformer,
    Window,
    places,
    text_side,
    walk_once,
)


class Reach(NamedTuple):
    """How many keys before a query, and how many after it, a mask leaves visible; ``None`` is all of them."""

    behind: int | None = None
    ahead: int | None = None


_REACH: dict[type[Mask], Callable[[Any], Reach]] = {
    Causal: lambda mask: Reach(ahead=0),
    Window: lambda mask: Reach(mask.size - 1, mask.size - 1),
    HiddenActions: lambda mask: Reach(),  # some pairs of each period: counted as seen, as kernels compute them
    LastHidden: lambda mask: Reach(),  # one key of each period: counted as seen, as kernels compute it
    MemorySpan: lambda mask: Reach(behind=0),  # as many as are remembered: counted as none
    BlockSparse: lambda mask: Reach(),
    PictureRow: lambda mask: Reach(),  # of a picture alone, whose text all see: counted as seen, as kernels compute
    PictureColumn: lambda mask: Reach(),
    PictureWindow: lambda mask: Reach(),
    Prefix: lambda mask: Reach(ahead=0),  # the prefix's length is the input's, not the model's: counted as none
}


def reach(masks: Iterable[Mask]) -> Reach:
    """Return the reach of a conjunction of masks."""
    sides = [_REACH[type(mask)](mask) for mask in masks]
    return Reach(_least(side.behind for side in sides), _least(side.ahead for side in sides))


def pairs(masks: Iterable[Mask], tokens: int) -> int:
    """Return how many pairs of a query and a key it sees a sequence has; without masks, ``tokens ** 2``."""
    masks = tuple(masks)
    blocks = next((mask for mask in masks if isinstance(mask, BlockSparse)), None)
    if blocks is not None:
        return _block_pairs(blocks, tokens)
    seen = reach(masks)
    return tokens + _beside(seen.behind, tokens) + _beside(seen.ahead, tokens)


def positions(embed: Embedding) -> int | None:
    """Return how many tokens an embedding has positions for; ``None`` where nothing bounds their sum."""
    if isinstance(embed, Patches):
        return places(embed)
    if isinstance(embed, Queries):
        return embed.count
    if isinstance(embed, Spectrogram):
        return embed.position.length
    if isinstance(embed, Steps):
        return 3 * embed.length  # a return to go, a state and an action each
    position = getattr(embed, "position", None)
    return position.length if isinstance(position, _BOUNDED) else None


_BOUNDED = (Learned, LearnedAfterPadding, LearnedByMask, CaptionedGrid, SinusoidalTable, SinusoidalHalves)


def context_length(spec: Model, context: int | None = None) -> int:
    """Return ``context`` if the model can read so many tokens, or the length that the model was made for.

    Raises ``BestiaryError`` when the context is not positive, is longer than the learned positions, or is not given
    for a model whose spec says no length.
    """
    if isinstance(spec, FoldingModel):
        return _positive("context", spec.length if context is None else context)
    spec = text_side(spec)
    embed = _reader(spec)
    if embed is None:
        return _one_input(context)
    most = positions(embed)
    if context is None:
        trained = (node.position.length for _, node in walk_once(spec) if _has_length(node))
        context = getattr(getattr(embed, "position", None), "length", None) if most is None else most
        context = next(trained, None) if context is None else context
        if context is None:
            raise BestiaryError("context: this model's positions have no length of their own; say how many tokens")
    return checked_tokens("context", context, embed)


def longest(spec: Model) -> int | None:
    """Return how many tokens a model can read at most; ``None`` where nothing bounds them."""
    embed = _reader(text_side(spec))
    if embed is None:
        return None if isinstance(spec, FoldingModel) else 1
    return positions(embed)


def counted_by(spec: Model) -> str:
    """Return what costs are told for: a ``token``, or an ``input`` where a model reads one of a set size whole."""
    if isinstance(spec, EncoderDecoder):
        readers = [spec.encoder.embed, spec.decoder.embed]
    elif isinstance(spec, Transformer):
        readers = [spec.embed]
    else:
        return "input"
    return "input" if any(isinstance(embed, Patches | Spectrogram | Looks) for embed in readers) else "token"


def checked_tokens(name: str, tokens: int, embed: Embedding) -> int:
    """Return a number of tokens that an embedding can read; raises ``BestiaryError`` naming the argument."""
    most = positions(embed)
    _positive(name, tokens)
    if most is not None and tokens > most:
        raise BestiaryError(f"{name} is {tokens}, more than the {most} positions of this model; give at most {most}")
    if isinstance(embed, Patches | Spectrogram | Looks | Queries) and tokens != most:
        what = "a piece of sound" if isinstance(embed, Spectrogram) else "what is seen"
        raise BestiaryError(f"{name} is {tokens}, but {what} is always {most} tokens to this model; leave it out")
    return tokens


def source_length(spec: EncoderDecoder, source: int | None, tokens: int) -> int:
    """Return how many tokens an encoder reads: as many as asked for, those of a piece of sound, or ``tokens``."""
    embed = spec.encoder.embed
    if source is None:
        source = embed.position.length if isinstance(embed, Spectrogram) else tokens
    return checked_tokens("source", source, embed)


def _one_input(context: int | None) -> int:
    """Return the length of what is no sequence: a model of feature maps reads one input at a time."""
    if context not in (None, 1):
        raise BestiaryError(f"context is {context}, but this model reads no sequence of tokens; leave it out")
    return 1


def _positive(name: str, tokens: int) -> int:
    if tokens < 1:
        raise BestiaryError(f"{name} is {tokens}; give at least one token")
    return tokens


def _reader(spec: Model) -> Embedding | None:
    if isinstance(spec, EncoderDecoder):
        return spec.decoder.embed
    return spec.embed if isinstance(spec, Transformer | Pyramid) else None


def _has_length(node: Any) -> bool:
    """Tell whether a node's position says the context that the model was trained for."""
    position = node.position if isinstance(node, Attention | Stack) else None
    return isinstance(position, Rotary | DistanceTable | BucketTable) and position.length is not None


def _least(limits: Iterable[int | None]) -> int | None:
    return min((limit for limit in limits if limit is not None), default=None)


def _beside(limit: int | None, tokens: int) -> int:
    """Sum over queries of the keys seen on one side: the i-th query from that end has i keys there, at most limit."""
    most = tokens - 1 if limit is None else min(limit, tokens - 1)
    return most * (most + 1) // 2 + (tokens - 1 - most) * most


def _block_pairs(mask: BlockSparse, tokens: int) -> int:
    """Count what block-sparse attention computes: blocks that are seen twice, as a random one may be, twice."""
    size = mask.block
    if tokens <= (5 + 2 * mask.random) * size:
        return tokens**2
    inner = -(-tokens // size) - 2
    last = tokens - (inner + 1) * size
    # The first and the last block see all; an inner one the first, three around, some others and the last. Beside the
    # ends one of the three is an end again, and counts once.
    return (size + last) * tokens + size * (inner * ((4 + mask.random) * size + last) - 2 * size)
