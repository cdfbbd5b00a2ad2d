"""Language models that are shown pictures: what a reader of images gives stands among the vectors of words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from bestiary.spec.edit import walk_once
from bestiary.spec.embeddings import NarrowTokens, Patches
from bestiary.spec.feature_maps import CrossWidthAttention
from bestiary.spec.heads import Head
from bestiary.spec.images import places
from bestiary.spec.models import Model, Transformer, heads_of, no_heads, vocabulary
from bestiary.spec.node import Node
from bestiary.spec.norms import LayerNorm, Norm
from bestiary.spec.ops import Activation
from bestiary.spec.queries import Queries
from bestiary.spec.stacks import runs


@dataclass(frozen=True)
class HiddenVectors(Node):
    """What some layers of a reader of images leave, side by side, but for the ``skipped`` first tokens.

    Layers are counted as lists are: 0 is what enters the first, -1 what the last leaves, before any norm behind it. The
    last but one, -2, knows more of places and less of the whole (Liu et al. 2023, section 5.2).
    """

    layers: tuple[int, ...] = (-2,)
    skipped: int = 1


@dataclass(frozen=True)
class Connector(Node):
    """Any way in which what is read of an image becomes vectors as wide as those of words."""


@dataclass(frozen=True)
class LinearConnector(Connector):
    """One linear map (Liu et al. 2023, section 4.1)."""


@dataclass(frozen=True)
class MLPConnector(Connector):
    """Two linear maps and a nonlinearity, as wide between as the words (Liu et al. 2023, LLaVA 1.5, section 3.3)."""

    activation: Activation = "gelu"
    bias: bool = True


@dataclass(frozen=True)
class NormedMLPConnector(MLPConnector):
    """The same behind a norm, for what several layers leave is not of one size (as released with ViP-LLaVA)."""

    norm: Norm = field(default=LayerNorm(), kw_only=True)


@dataclass(frozen=True)
class QueryConnector(Connector):
    """Learned queries ask what is read of an image; a linear map of their answers (Li et al. 2023, section 3)."""

    former: Transformer


@dataclass(frozen=True)
class VisionLanguage(Model):
    """A language model in whose input an image's vectors stand, in place of as many of one ``token`` (LLaVA, BLIP-2).

    ``reads`` says which vectors of the reader of images are taken, ``None`` for those that it ends with. Its heads are
    the language model's.
    """

    image: Transformer
    connector: Connector
    text: Model
    token: int
    reads: HiddenVectors | None = None

    @property
    def heads(self) -> Mapping[str, Head]:
        """The heads of the language model."""
        return heads_of(self.text)

    def with_heads(self, heads: Mapping[str, Head]) -> Self:
        """Return the same model whose language model has other heads."""
        return self.replace(text=self.text.with_heads(heads))


def as_read(node: VisionLanguage) -> Transformer:
    """Return the reader of images as far as it is run: to the last layer that is read, without what stands behind."""
    if node.reads is None:
        return node.image
    stack = node.image.stack
    layers = stack.layers[: max(layer_of(layer, runs(stack)) for layer in node.reads.layers)]
    return node.image.replace(stack=stack.replace(layers=layers, norm=None), heads=no_heads())


def layer_of(layer: int, depth: int) -> int:
    """Return how many layers have run where a list of what enters and leaves them is read."""
    return layer % (depth + 1)


def read_width(node: VisionLanguage) -> int:
    """Return how wide the vectors are that a connector reads."""
    return node.image.dim * (len(node.reads.layers) if node.reads else 1)


def shown_vectors(node: VisionLanguage) -> int:
    """Return how many vectors an image becomes among those of words."""
    connector, embed = node.connector, node.image.embed
    if isinstance(connector, QueryConnector):
        return connector.former.embed.count  # type: ignore[union-attr]  # by its rule
    assert isinstance(embed, Patches)
    return places(embed) - (node.reads.skipped if node.reads else 0)


def _vision_language(node: VisionLanguage, spec: Model) -> Iterator[str]:
    table = vocabulary(node.text)
    if node.dim != node.text.dim:
        yield f"dim is that of the language model, {node.text.dim}, not {node.dim}"
    if table is None or isinstance(table, NarrowTokens) or table.width is not None:
        yield "text: vectors of an image stand among those of Tokens as wide as the model; give such a language model"
    if not isinstance(node.image.embed, Patches):
        yield "image: what is shown is an image, cut into Patches"
    if node.token < 0:
        yield f"token is {node.token}; give the number of the token in whose place an image's vectors stand"
    if node.reads is not None:
        yield from _hidden_vectors(node.reads, node.image)


def _hidden_vectors(reads: HiddenVectors, image: Transformer) -> Iterator[str]:
    depth = runs(image.stack)
    for layer in reads.layers:
        if not -depth - 1 <= layer <= depth:
            yield f"reads: there is no layer {layer} in a reader of images of {depth}"
    extra = image.embed.extra if isinstance(image.embed, Patches) else 0
    if not 0 <= reads.skipped <= extra:
        yield f"reads: {reads.skipped} first tokens are skipped, but an image has {extra} beside its patches"
    if not reads.layers:
        yield "reads: name one layer at least"


def _query_connector(node: QueryConnector, spec: Model) -> Iterator[str]:
    if not isinstance(node.former.embed, Queries):
        yield "former: what asks an image begins with Queries"
    if isinstance(spec, VisionLanguage):
        for _, part in walk_once(node.former):
            if isinstance(part, CrossWidthAttention) and part.width != read_width(spec):
                yield f"former: it asks vectors {part.width} wide, but what is read of an image is {read_width(spec)}"


RULES: dict[type[Node], Callable[[Any, Model], Iterator[str]]] = {
    VisionLanguage: _vision_language,
    QueryConnector: _query_connector,
}
