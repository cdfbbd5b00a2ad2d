"""SigLIP: texts and images compared pair by pair (Zhai et al. 2023)."""

from __future__ import annotations

from typing import Any

from bestiary.spec import (
    MLP,
    Activation,
    Attention,
    CrossAttention,
    DualEncoder,
    LastSummary,
    LayerNorm,
    Learned,
    LearnedGrid,
    Patches,
    ProbeSummary,
    Residual,
    SigmoidContrast,
    Stack,
    Tokens,
    Transformer,
)


def siglip_text(
    dim: int,
    depth: int,
    heads: int,
    hidden: int,
    vocab: int = 32000,
    length: int = 64,
    width: int | None = None,
    *,
    activation: Activation = "gelu_tanh",
    eps: float = 1e-6,
    attention_dropout: float = 0.0,
) -> Transformer:
    """SigLIP's reader of texts: every token sees every token, padding included, and the last place sums up.

    ``width`` is that of the vector that is compared, the tower's own unless said.
    """
    stack = _stack(depth, heads, hidden, activation, eps, attention_dropout)
    return Transformer(dim, Tokens(vocab, position=Learned(length)), stack, {"pool": LastSummary(width or dim)})


def siglip_vision(
    dim: int,
    depth: int,
    heads: int,
    hidden: int,
    image: int = 224,
    patch: int = 16,
    *,
    channels: int = 3,
    activation: Activation = "gelu_tanh",
    eps: float = 1e-6,
    attention_dropout: float = 0.0,
) -> Transformer:
    """SigLIP's reader of images: a ViT without an extra token, summed up by a learned vector that asks its patches."""
    stack = _stack(depth, heads, hidden, activation, eps, attention_dropout)
    embed = Patches(image, patch, channels, extra=0, position=LearnedGrid())
    summary = ProbeSummary(CrossAttention(heads), MLP(hidden, activation), LayerNorm(eps))
    return Transformer(dim, embed, stack, {"pool": summary})


def siglip(text: Any, image: Any) -> DualEncoder:
    """SigLIP (Zhai et al. 2023): the vectors are compared as wide as the tower of images gives them."""
    return DualEncoder(image.dim, text, image, {"match": SigmoidContrast()})


def _stack(depth: int, heads: int, hidden: int, activation: Activation, eps: float, dropout: float) -> Stack:
    norm = LayerNorm(eps)
    layer = (Residual(Attention(heads, dropout=dropout), norm), Residual(MLP(hidden, activation), norm))
    return Stack((layer,) * depth, norm)
