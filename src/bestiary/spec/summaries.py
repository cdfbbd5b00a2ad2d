"""Summaries: heads that give one vector for a whole text or image, and what makes vectors of both comparable."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from bestiary.spec.heads import Head, Pooler
from bestiary.spec.models import Model
from bestiary.spec.node import Node
from bestiary.spec.norms import Norm
from bestiary.spec.ops import MLP, CrossAttention


@dataclass(frozen=True)
class Summary(Head):
    """Any head that gives one vector for all that was read."""


@dataclass(frozen=True)
class EndSummary(Summary):
    """The vector at the first ``token``, which ends a text (Radford et al. 2021, section 2.4)."""

    token: int


@dataclass(frozen=True)
class HighestSummary(Summary):
    """The vector at the token of the highest number, which ends a text in CLIP's vocabulary (its published code)."""


@dataclass(frozen=True)
class FirstSummary(Summary):
    """The first token's vector behind a norm of its own (Radford et al. 2021, published code)."""

    norm: Norm


@dataclass(frozen=True)
class LastSummary(Summary):
    """The vector at the last place, padding or not, mapped to ``width`` (Zhai et al. 2023, published code)."""

    width: int


@dataclass(frozen=True)
class ProbeSummary(Summary):
    """A learned vector asks all tokens, and an MLP reads the answer (Zhai et al. 2023, published code)."""

    attention: CrossAttention
    mlp: MLP
    norm: Norm


@dataclass(frozen=True)
class Embedded(Head):
    """Maps the summary before it to ``width``, where texts and images are compared (Radford et al. 2021, section 2)."""

    width: int
    bias: bool = False


@dataclass(frozen=True)
class TextEmbedding(Embedded):
    """The map of a text's summary."""


@dataclass(frozen=True)
class ImageEmbedding(Embedded):
    """The map of an image's summary."""


def _embedded(node: Embedded, spec: Model) -> Iterator[str]:
    heads: Any = getattr(spec, "heads", {})
    before = list(heads.values())[: list(heads.values()).index(node)] if node in heads.values() else []
    if not any(isinstance(head, Summary | Pooler) for head in before):
        yield "what maps a summary needs one before it among the heads"


RULES: dict[type[Node], Callable[[Any, Model], Iterator[str]]] = {TextEmbedding: _embedded, ImageEmbedding: _embedded}
