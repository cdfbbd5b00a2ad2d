"""CLIP: a tower that reads texts and one that reads images, trained to agree (Radford et al. 2021)."""

from __future__ import annotations

from typing import Any

from bestiary.architectures.heads import Heads
from bestiary.spec import (
    MLP,
    Activation,
    Attention,
    Causal,
    EndSummary,
    HighestSummary,
    LayerNorm,
    Learned,
    Residual,
    Stack,
    TextEmbedding,
    Tokens,
    Transformer,
)


def clip_text(
    dim: int,
    depth: int,
    heads: int,
    hidden: int,
    vocab: int = 49408,
    length: int = 77,
    end: int | None = 49407,
    width: int = 512,
    *,
    activation: Activation = "quick_gelu",
    eps: float = 1e-5,
    attention_dropout: float = 0.0,
) -> Transformer:
    """CLIP's reader of texts (Radford et al. 2021, 2.4): a causal tower, its summary where the text ends.

    ``end`` is the token that ends a text, ``None`` where it is the highest; ``width`` that of the embedding which texts
    and images share.
    """
    norm = LayerNorm(eps)
    attention = Attention(heads, mask=(Causal(),), dropout=attention_dropout)
    layer = (Residual(attention, norm), Residual(MLP(hidden, activation), norm))
    summary = HighestSummary() if end is None else EndSummary(end)
    return Transformer(
        dim,
        Tokens(vocab, position=Learned(length)),
        Stack((layer,) * depth, norm),
        {"pool": summary, "embedding": TextEmbedding(width)},
    )


def summary_alone(spec: Any, labels: int) -> Heads:
    """The summary, not mapped to where texts and images are compared."""
    return {"pool": spec.heads["pool"]}
