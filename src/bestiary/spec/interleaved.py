"""Texts with pictures between their words: learned vectors that sum each picture up, and layers that look at them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from bestiary.spec.edit import walk_once
from bestiary.spec.embeddings import Tokens
from bestiary.spec.feature_maps import CrossWidthAttention
from bestiary.spec.heads import Head
from bestiary.spec.masks import Mask
from bestiary.spec.models import Model, Transformer
from bestiary.spec.node import Node
from bestiary.spec.norms import Norm, QKNorm
from bestiary.spec.ops import Attention
from bestiary.spec.stacks import Stack


@dataclass(frozen=True)
class LastImage(Mask):
    """A token sees the last picture that was shown up to it, and none before the first (Alayrac et al. 2022, 3.1.3).

    ``token`` shows a picture in a text; ``None`` where it has no token of its own, and the input says who sees what.
    """

    token: int | None = None


@dataclass(frozen=True)
class ImageAttention(CrossWidthAttention):
    """Cross-attention to the vectors of several pictures, of which masks leave each query some (Alayrac et al. 2022).

    A query that sees none is given zeros. ``norm`` acts on the vectors that are read, ``qk_norm`` on queries and keys.
    """

    mask: tuple[Mask, ...] = (LastImage(),)
    norm: Norm | None = None
    qk_norm: QKNorm | None = None


@dataclass(frozen=True)
class LatentAttention(Attention):
    """Self-attention whose keys and values are joined by those of what is read, by the same maps (Alayrac et al. 2022).

    ``norm`` acts on what is read, ``qk_norm`` on queries and keys (section 3.1.1).
    """

    norm: Norm = field(kw_only=True)
    qk_norm: QKNorm | None = None


@dataclass(frozen=True)
class AddedTokens(Tokens):
    """A token table whose last ``added`` rows are trained though the others stay as they were (Alayrac et al. 2022).

    A mark that ends what is said of a picture, and marks that show one, were no words of the model that lent its table.
    """

    added: int = field(default=1, kw_only=True)


@dataclass(frozen=True)
class Resampler(Model):
    """``latents`` learned vectors that are told what many others hold (Alayrac et al. 2022, section 3.1.1).

    What is read is mapped from ``width`` where it is not as wide as the model. ``frames`` is how many pictures of a
    film have a learned vector for their time; films of more have means of neighbors. ``None`` leaves either out.
    """

    latents: int
    stack: Stack
    width: int | None = None
    frames: int | None = None


@dataclass(frozen=True)
class LookingTransformer(Transformer):
    """One tower some of whose layers look at pictures (Alayrac et al. 2022, section 3.1.2)."""


@dataclass(frozen=True)
class Interleaved(Model):
    """A reader of texts with pictures between their words, ``dim`` wide (Alayrac et al. 2022).

    ``image`` reads each picture, ``resampler`` sums it up in a few vectors, ``text`` looks at these, and at all of a
    picture's where there is no resampler. They are mapped to ``bridge`` before, where that is given.
    """

    image: Model
    resampler: Resampler | None
    text: LookingTransformer
    bridge: int | None = None

    @property
    def heads(self) -> Mapping[str, Head]:
        """The heads of what reads texts."""
        return self.text.heads

    def with_heads(self, heads: Mapping[str, Head]) -> Self:
        """Return the same model, its reader of texts with other heads."""
        return self.replace(text=self.text.with_heads(heads))

    @property
    def summed(self) -> int:
        """How wide the vectors are that stand for a picture."""
        return self.image.dim if self.resampler is None else self.resampler.dim


def image_token(text: Model) -> int | None:
    """Return the token that shows a picture to a model that looks at them, ``None`` where it has none of its own."""
    masks = (mask for _, node in walk_once(text) if isinstance(node, ImageAttention) for mask in node.mask)
    return next((mask.token for mask in masks if isinstance(mask, LastImage)), None)


def _looking_transformer(node: LookingTransformer, spec: Model) -> Iterator[str]:
    looking = [part for _, part in walk_once(node.stack) if isinstance(part, ImageAttention)]
    tokens = {mask.token for part in looking for mask in part.mask if isinstance(mask, LastImage)}
    if not looking:
        yield "stack: none of its layers looks at pictures; take a Transformer"
    if len(tokens) > 1:
        yield "stack: one token shows a picture to all layers, or none does"
    if len({part.width for part in looking}) > 1:
        yield "stack: all layers look at the same vectors, so they read one width"
    vocab = getattr(node.embed, "vocab", 0)
    if any(token is not None and token >= vocab for token in tokens):
        yield f"stack: what shows a picture must be one of {vocab} tokens"


def _added_tokens(node: AddedTokens, spec: Model) -> Iterator[str]:
    if node.added >= node.vocab:
        yield f"added is {node.added}, which must leave some of {node.vocab} tokens"


def _interleaved(node: Interleaved, spec: Model) -> Iterator[str]:
    if node.text.dim != node.dim:
        yield f"dim is {node.dim}, but texts are read at {node.text.dim}"
    read = node.image.dim if node.resampler is None else node.resampler.width or node.resampler.dim
    if read != node.image.dim:
        yield f"resampler: it reads vectors {read} wide, but those of a picture are {node.image.dim}"
    reads = {part.width for _, part in walk_once(node.text) if isinstance(part, ImageAttention)}
    if reads - {node.bridge or node.summed}:
        yield f"text: its layers look at vectors {max(reads)} wide, but are shown {node.bridge or node.summed}"


def _image_attention(node: ImageAttention, spec: Model) -> Iterator[str]:
    if not isinstance(spec, LookingTransformer):
        yield "only a LookingTransformer, inside of an Interleaved, has pictures that its layers could look at"
    if len(node.mask) != 1 or not isinstance(node.mask[0], LastImage):
        yield "which pictures a token sees is said by one mask, LastImage"


def _latent_attention(node: LatentAttention, spec: Model) -> Iterator[str]:
    if not isinstance(spec, Resampler):
        yield "only a Resampler has learned vectors that could ask others"
    if node.mask or node.position is not None:
        yield "learned vectors have no order that masks or positions could speak of"


RULES: dict[type[Node], Callable[[Any, Model], Iterator[str]]] = {
    AddedTokens: _added_tokens,
    ImageAttention: _image_attention,
    LatentAttention: _latent_attention,
    LookingTransformer: _looking_transformer,
    Interleaved: _interleaved,
}
