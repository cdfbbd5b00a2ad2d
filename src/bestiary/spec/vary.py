"""One-line variation by position: take a model's positions out, put others where they act."""

from __future__ import annotations

from typing import TypeVar

from bestiary.errors import BestiaryError
from bestiary.spec.edit import swap
from bestiary.spec.embeddings import Embedding, NarrowTokens, SharedTokens, Tokens
from bestiary.spec.models import Model
from bestiary.spec.ops import Attention
from bestiary.spec.positions import EmbeddingPosition, Rotary, ScorePosition
from bestiary.spec.stacks import Stack

Spec = TypeVar("Spec", bound=Model)
Position = EmbeddingPosition | Rotary | ScorePosition


def with_position(spec: Spec, position: Position | None) -> Spec:
    """Return the model with ``position`` instead of every position that it has; ``None`` leaves it without any.

    An embedding position goes on each token embedding, a rotary one on each self-attention, a score position on each
    stack, shared by its layers. Raises ``BestiaryError`` for models whose embedding is not one of tokens.
    """

    def embed(node: Embedding) -> Embedding:
        if not isinstance(node, Tokens | SharedTokens | NarrowTokens):
            raise BestiaryError(f"with_position moves positions of tokens; this model embeds {type(node).__name__}")
        return node.replace(position=position if isinstance(position, EmbeddingPosition) else None)

    def stack(node: Stack) -> Stack:
        turned = swap(node, Attention, lambda a: a.replace(position=position if isinstance(position, Rotary) else None))
        return turned.replace(position=position if isinstance(position, ScorePosition) else None)

    moved = swap(spec, Embedding, embed)
    return swap(moved, Stack, stack)
