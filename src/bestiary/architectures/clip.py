"""CLIP: a tower that reads texts and one that reads images, trained to agree (Radford et al. 2021)."""

from __future__ import annotations

from typing import Any

from bestiary.architectures.heads import Heads
from bestiary.spec import (
    MLP,
    Activation,
    Attention,
    AttentionSummary,
    Averaged,
    Causal,
    Contrast,
    ConvNet,
    CrossAttention,
    DeepStem,
    DualEncoder,
    EndSummary,
    FirstSummary,
    HighestSummary,
    ImageEmbedding,
    LayerNorm,
    Learned,
    LearnedGrid,
    Model,
    NormedPatches,
    Residual,
    Stack,
    Stage,
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
    end: int | None = None,
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


def clip_vision(
    dim: int,
    depth: int,
    heads: int,
    hidden: int,
    image: int = 224,
    patch: int = 32,
    width: int = 512,
    *,
    channels: int = 3,
    activation: Activation = "quick_gelu",
    eps: float = 1e-5,
    attention_dropout: float = 0.0,
) -> Transformer:
    """CLIP's reader of images as a ViT (Radford et al. 2021, 2.4): a norm before the layers, one behind its summary."""
    norm = LayerNorm(eps)
    layer = (Residual(Attention(heads, dropout=attention_dropout), norm), Residual(MLP(hidden, activation), norm))
    embed = NormedPatches(image, patch, channels, position=LearnedGrid(), norm=norm)
    return Transformer(
        dim, embed, Stack((layer,) * depth), {"pool": FirstSummary(norm), "embedding": ImageEmbedding(width)}
    )


def clip_resnet(
    stem: int,
    blocks: tuple[int, ...],
    image: int = 224,
    width: int = 1024,
    *,
    channels: int = 3,
    heads: int | None = None,
) -> ConvNet:
    """CLIP's reader of images as a ResNet (Radford et al. 2021, 2.4): three stem convolutions, means, attention.

    A head of attention for each 64 channels of the last map, unless said.
    """
    stages = tuple(Stage(stem * 2**index, count, Averaged() if index else None) for index, count in enumerate(blocks))
    dim = 4 * stages[-1].width
    summary = AttentionSummary(CrossAttention(heads or dim // 64), width)
    return ConvNet(dim, DeepStem(stem), stages, image=image, channels=channels, heads={"pool": summary})


def clip(dim: int, text: Any, image: Any) -> DualEncoder:
    """CLIP (Radford et al. 2021): texts and images compared by vectors ``dim`` wide."""
    return DualEncoder(dim, _offering(text, dim), _offering(image, dim), {"match": Contrast()})


def _offering(tower: Any, dim: int) -> Model:
    """Return a tower that maps its summary, if it does, to this width."""
    heads = {name: head.replace(width=dim) if hasattr(head, "width") else head for name, head in tower.heads.items()}
    return tower.with_heads(heads)


def summary_alone(spec: Any, labels: int) -> Heads:
    """The summary, not mapped to where texts and images are compared."""
    return {"pool": spec.heads["pool"]}
