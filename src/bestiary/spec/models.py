"""Whole models: the roots of spec trees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Self

from bestiary.spec.control import Steps, Transitions
from bestiary.spec.embeddings import AdaptiveTokens, Embedding, NarrowTokens, Patches, SharedTokens, Targeted, Tokens
from bestiary.spec.heads import Head
from bestiary.spec.node import Named, Node
from bestiary.spec.queries import Queries
from bestiary.spec.robots import Looks
from bestiary.spec.speech import Spectrogram, Waveform
from bestiary.spec.stacks import Stack


@dataclass(frozen=True)
class Model(Node):
    """Any model: a width that flows down the tree, and heads by name."""

    dim: int

    def with_heads(self, heads: Mapping[str, Head]) -> Self:
        """Return the same body with other heads."""
        return self.replace(heads=Named(heads))


def no_heads() -> Mapping[str, Head]:
    """Return no heads."""
    return Named()


@dataclass(frozen=True)
class Transformer(Model):
    """One tower: an encoder or, when its attentions are causal, a decoder."""

    embed: (
        Tokens
        | AdaptiveTokens
        | NarrowTokens
        | Patches
        | Queries
        | Spectrogram
        | Looks
        | Steps
        | Targeted
        | Transitions
        | Waveform
    )
    stack: Stack
    heads: Mapping[str, Head] = field(default_factory=no_heads)

    def __post_init__(self) -> None:
        object.__setattr__(self, "heads", Named(self.heads))


@dataclass(frozen=True)
class Tower(Node):
    """One side of an encoder-decoder."""

    embed: Embedding
    stack: Stack


@dataclass(frozen=True)
class EncoderDecoder(Model):
    """Two towers: the decoder's cross-attentions read the encoder's output (Vaswani et al. 2017)."""

    encoder: Tower
    decoder: Tower
    heads: Mapping[str, Head] = field(default_factory=no_heads)

    def __post_init__(self) -> None:
        object.__setattr__(self, "heads", Named(self.heads))


def model_at(model: Model, name: str) -> Model:
    """Return the part of a model that a parameter's name leads into, where its parts are models: else the whole."""
    for word in name.split("."):
        part = getattr(model, word, None)
        if not isinstance(part, Model):
            break
        model = part
    return model


def text_side(model: Model) -> Model:
    """Return the part of a model that reads and writes texts, where its parts are models: else the whole."""
    while isinstance(part := getattr(model, "text", None), Model):
        model = part
    return model


def heads_of(model: Model) -> Mapping[str, Head]:
    """Return the heads of a model by name; a model that is no tower, and so answers in one way only, has none."""
    return getattr(model, "heads", Named())


def with_heads_of(made: Model, model: Model) -> Model:
    """Return a model with the heads of another one of its kind."""
    return made.with_heads(heads_of(model)) if hasattr(made, "heads") else made


def vocabulary(model: Model) -> Tokens | NarrowTokens | None:
    """Return the node that owns the token table of a model, or ``None`` when it reads no tokens."""
    embed: Embedding | None = None
    model = text_side(model)
    if isinstance(model, Transformer):
        embed = model.embed
    elif isinstance(model, EncoderDecoder):
        embed = model.decoder.embed
        embed = model.encoder.embed if isinstance(embed, SharedTokens) else embed
    embed = embed.tokens if isinstance(embed, Targeted) else embed
    return embed if isinstance(embed, Tokens | NarrowTokens) else None


def as_heads_see(model: Model) -> Model:
    """Return a model as wide as what its heads read."""
    embed = model.embed if isinstance(model, Transformer) else None
    tiers: tuple[Model, ...] = getattr(model, "tiers", ())  # of a pyramid, which is made of models
    width = embed.width if isinstance(embed, NarrowTokens) else tiers[-1].dim if tiers else model.dim
    return model.replace(dim=width)


def vocab_size(model: Model) -> int | None:
    """Return how many tokens a model knows, or ``None`` when it reads none."""
    embed = getattr(text_side(model), "embed", None)
    table = embed if isinstance(embed, AdaptiveTokens) else vocabulary(model)
    return None if table is None else table.vocab


def band_sizes(vocab: int, cutoffs: tuple[int, ...]) -> list[int]:
    """Return how many tokens each band holds."""
    edges = (0, *cutoffs, vocab)
    return [after - before for before, after in pairwise(edges)]


def band_widths(embed: AdaptiveTokens, dim: int) -> list[int]:
    """Return how wide the table of each band is, in a model that is ``dim`` wide."""
    return [width or dim for width in embed.widths]
