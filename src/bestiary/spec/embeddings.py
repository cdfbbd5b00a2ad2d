"""Embeddings: how tokens or patches become the first hidden state."""

from __future__ import annotations

from dataclasses import dataclass

from bestiary.spec.node import Node
from bestiary.spec.norms import Norm
from bestiary.spec.positions import EmbeddingPosition


@dataclass(frozen=True)
class Embedding(Node):
    """Any embedding."""


@dataclass(frozen=True)
class Tokens(Embedding):
    """A table of ``vocab`` token vectors, plus segment types and positions, then norm and dropout.

    ``types`` is the number of segment types, 0 for none. ``width`` is the table's own width where it is narrower than
    the model, and is then projected up (ALBERT section 3.1). ``scaled`` multiplies the token vectors by the root of
    their width (Vaswani et al. 2017, section 3.4).
    """

    vocab: int
    types: int = 0
    position: EmbeddingPosition | None = None
    norm: Norm | None = None
    width: int | None = None
    scaled: bool = False
    dropout: float = 0.0


@dataclass(frozen=True)
class TaskTokens(Tokens):
    """Tokens that also carry the vector of one of ``tasks`` pretraining tasks (ERNIE 2.0; Sun et al. 2019, 3.2)."""

    tasks: int = 3


@dataclass(frozen=True)
class ScaledTokens(Tokens):
    """Tokens whose vectors are multiplied, as they are looked up, by the root of their width in their own precision.

    Gemma's code rounds the root to the precision of the table (in bfloat16, 55.43 becomes 55.5) and leaves vectors that
    are given instead of tokens alone; ``Tokens(scaled=True)`` does neither.
    """


@dataclass(frozen=True)
class SharedTokens(Embedding):
    """The encoder's token table read again by the decoder, with the decoder's own position and norm."""

    position: EmbeddingPosition | None = None
    norm: Norm | None = None
    scaled: bool = False
    dropout: float = 0.0


@dataclass(frozen=True)
class AdaptiveTokens(Embedding):
    """Tokens in bands, the frequent first, each with a table of its own width (Baevski and Auli 2018, section 3).

    ``cutoffs`` are the ids at which the bands after the first begin. A band with a width is projected to the model's;
    one without, ``None``, is as wide as the model. The vectors are multiplied by the root of the model's width.
    """

    vocab: int
    cutoffs: tuple[int, ...]
    widths: tuple[int | None, ...]
    dropout: float = 0.0


@dataclass(frozen=True)
class NormedTokens(SharedTokens):
    """The same, but the norm acts on the token vectors before the position is added (Roller et al. 2020, 90M)."""


@dataclass(frozen=True)
class Targeted(Embedding):
    """Tokens, and one learned vector in which the query of every target begins (Yang et al. 2019, section 2.3)."""

    tokens: Tokens


@dataclass(frozen=True)
class NarrowTokens(Embedding):
    """A table narrower than the model, on both of its sides (OPT-350M; Zhang et al. 2022).

    It is projected up before positions are added. The last hidden state is projected down again, by a map of its own,
    before heads read it.
    """

    vocab: int
    width: int
    position: EmbeddingPosition | None = None
    dropout: float = 0.0


@dataclass(frozen=True)
class Patches(Embedding):
    """Square patches of a square image, each mapped linearly to a vector, behind ``extra`` learned tokens (ViT)."""

    image: int
    patch: int
    channels: int = 3
    extra: int = 1
    position: EmbeddingPosition | None = None
    dropout: float = 0.0
