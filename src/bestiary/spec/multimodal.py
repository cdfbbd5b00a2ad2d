"""Models of texts and images: two towers that are compared, and how their vectors are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bestiary.spec.embeddings import Patches
from bestiary.spec.heads import Head
from bestiary.spec.models import Model, no_heads
from bestiary.spec.node import Named, Node
from bestiary.spec.norms import LayerNorm, Norm
from bestiary.spec.summaries import Embedded, Summary


@dataclass(frozen=True)
class NormedPatches(Patches):
    """Patches mapped without a bias, a norm behind positions and extra tokens (Radford et al. 2021, section 2.4)."""

    norm: Norm = field(default=LayerNorm(), kw_only=True)


@dataclass(frozen=True)
class Contrast(Head):
    """Likeness of every text to every image: cosines times the exponential of one learned number (Radford et al. 2021).

    Trained so that a text's own image is the likeliest of a batch, and an image's own text (section 2.3).
    """


@dataclass(frozen=True)
class SigmoidContrast(Contrast):
    """The same plus a second learned number; trained on every pair alone, right or wrong (Zhai et al. 2023)."""


@dataclass(frozen=True)
class DualEncoder(Model):
    """A reader of texts and a reader of images, whose vectors of width ``dim`` are compared (Radford et al. 2021)."""

    text: Model
    image: Model
    heads: Mapping[str, Head] = field(default_factory=no_heads)

    def __post_init__(self) -> None:
        object.__setattr__(self, "heads", Named(self.heads))


def offered_width(tower: Model) -> int | None:
    """Return how wide the vector is that a tower offers for comparison, ``None`` where it offers none."""
    heads: Any = getattr(tower, "heads", {})
    maps = [head.width for head in heads.values() if isinstance(head, Embedded)]
    summaries = [getattr(head, "width", None) or tower.dim for head in heads.values() if isinstance(head, Summary)]
    return next(iter(maps or summaries), None)


def _dual_encoder(node: DualEncoder, spec: Model) -> Iterator[str]:
    for side in ("text", "image"):
        width = offered_width(getattr(node, side))
        if width != node.dim:
            yield f"{side}: its summary is {width or 'missing'}, but texts and images are compared at dim {node.dim}"


def _contrast(node: Contrast, spec: Model) -> Iterator[str]:
    if not isinstance(spec, DualEncoder):
        yield "likeness is that of a text to an image: it needs a DualEncoder"


RULES: dict[type[Node], Callable[[Any, Model], Iterator[str]]] = {
    DualEncoder: _dual_encoder,
    Contrast: _contrast,
    SigmoidContrast: _contrast,
}
