"""BLIP-2: learned queries between a frozen reader of images and a frozen language model (Li et al. 2023)."""

from __future__ import annotations

from typing import Any

from bestiary.spec import (
    MLP,
    Activation,
    Attention,
    CrossWidthAttention,
    LayerNorm,
    LearnedGrid,
    Patches,
    Queries,
    QueryConnector,
    Residual,
    Stack,
    Transformer,
    VisionLanguage,
)


def blip2_vision(
    dim: int,
    depth: int,
    heads: int,
    hidden: int,
    image: int = 224,
    patch: int = 14,
    *,
    activation: Activation = "gelu",
    eps: float = 1e-6,
    attention_dropout: float = 0.0,
    biased: bool = True,
) -> Transformer:
    """BLIP-2's reader of images: EVA's ViT-g without its last layer (Li et al. 2023, 3.4), a norm behind it.

    ``biased`` says whether queries, keys and values have biases. Those of keys change nothing and were never trained.
    """
    norm = LayerNorm(eps)
    attention = Attention(heads, bias="qkvo" if biased else "o", dropout=attention_dropout)
    layer = (Residual(attention, norm), Residual(MLP(hidden, activation), norm))
    return Transformer(dim, Patches(image, patch, position=LearnedGrid()), Stack((layer,) * depth, norm))


def qformer(
    dim: int = 768,
    depth: int = 12,
    heads: int = 12,
    hidden: int = 3072,
    width: int = 1408,
    queries: int = 32,
    *,
    every: int = 2,
    activation: Activation = "gelu",
    eps: float = 1e-12,
    dropout: float = 0.1,
    attention_dropout: float = 0.1,
) -> Transformer:
    """The Q-Former (Li et al. 2023, 3.1): BERT's layers on learned queries, which ask vectors ``width`` wide.

    One layer of ``every`` asks, the first among them. What it is besides while it learns, a reader and a writer of
    texts, is no part of what comes after.
    """
    norm = LayerNorm(eps)
    look = Residual(Attention(heads, dropout=attention_dropout), norm, "post", dropout=dropout)
    ask = look.replace(op=CrossWidthAttention(heads, width=width, dropout=attention_dropout))
    last = Residual(MLP(hidden, activation), norm, "post", dropout=dropout)
    layers = tuple((look, last) if index % every else (look, ask, last) for index in range(depth))
    return Transformer(dim, Queries(queries, norm, dropout), Stack(layers))


def blip2(image: Any, former: Any, text: Any, token: int, queries: int = 32) -> VisionLanguage:
    """BLIP-2 (Li et al. 2023): what ``queries`` are answered about an image stands in front of a text.

    It stands in place of as many of ``token``, so that it may stand elsewhere too.
    """
    asking = former.replace(embed=former.embed.replace(count=queries))
    return VisionLanguage(text.dim, image, QueryConnector(asking), text, token)
