"""ViT: an encoder of image patches (Dosovitskiy et al. 2020)."""

from __future__ import annotations

from bestiary.architectures.heads import Heads
from bestiary.spec import (
    MLP,
    Activation,
    Attention,
    Classifier,
    LayerNorm,
    LearnedGrid,
    Patches,
    Pooler,
    Residual,
    Stack,
    Transformer,
)


def vit(
    dim: int,
    depth: int,
    heads: int,
    hidden: int,
    image: int = 224,
    patch: int = 16,
    labels: int = 1000,
    *,
    channels: int = 3,
    activation: Activation = "gelu",
    eps: float = 1e-12,
    dropout: float = 0.0,
    attention_dropout: float = 0.0,
    qkv_bias: bool = True,
) -> Transformer:
    """ViT (Dosovitskiy et al. 2020): a pre-norm encoder whose first, learned token classifies the image."""
    norm = LayerNorm(eps)
    attention = Attention(heads, bias="qkvo" if qkv_bias else "o", dropout=attention_dropout)
    layer = (
        Residual(attention, norm, dropout=dropout),
        Residual(MLP(hidden, activation), norm, dropout=dropout),
    )
    embed = Patches(image, patch, channels, position=LearnedGrid(), dropout=dropout)
    return Transformer(dim, embed, Stack((layer,) * depth, norm), {"classifier": Classifier(labels, "first")})


def pooled_image(spec: Transformer, labels: int) -> Heads:
    """The first token's vector through a tanh layer."""
    return {"pool": Pooler()}
