"""ViT and its kin: encoders of image patches (Dosovitskiy et al. 2020)."""

from __future__ import annotations

from typing import Any

from bestiary.architectures.heads import Heads
from bestiary.architectures.vary import varies
from bestiary.spec import (
    GLU,
    MLP,
    Activation,
    Attention,
    Classifier,
    DistilledClassifier,
    FirstVector,
    GridBias,
    LayerNorm,
    LayerScale,
    LearnedGrid,
    MaskedPatches,
    PatchClassifier,
    PatchDecoder,
    Patches,
    PatchMean,
    PatchPixels,
    Pooler,
    Residual,
    SinusoidalGrid,
    Stack,
    StretchedGrid,
    Transformer,
    VisiblePatches,
    resize,
    swap,
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


@varies(vit)
def deit(model: Transformer) -> Transformer:
    """DeiT with its distillation token, a second one that another model teaches (Touvron et al. 2020, section 4)."""
    labels = model.at("heads.classifier.labels")
    return model.at("embed.extra", 2).with_heads(taught(model, labels))


@varies(vit, fixed={"qkv_bias": True})
def beit(
    model: Transformer,
    *,
    scale: float = 0.1,
    drop_path: float = 0.0,
    bias: str = "own",
    learned_positions: bool = False,
    mask: bool = False,
    pool: str = "mean",
) -> Transformer:
    """BEiT (Bao et al. 2021): ViT with biases of offsets, scaled branches and, for its pretraining, a mask vector.

    ``bias`` says whose the biases of offsets are: each layer's ``own``, ``shared`` by all, or ``none``. ``pool`` is
    what stands for an image: the ``mean`` of its patches or the ``first`` token. A ``scale`` of 0 scales no branch.
    """
    embed: Any = model.embed
    offsets, norm = GridBias(embed.image // embed.patch), model.stack.norm
    assert isinstance(norm, LayerNorm)
    model = model.at("stack.layers[*].attn.op.bias", "qvo")  # a key's bias says nothing to the softmax
    model = model.at("stack.layers[*].attn.position", offsets) if bias == "own" else model
    model = _scaled(model, scale) if scale else model
    stack = model.stack.replace(
        norm=None if pool == "mean" else norm, position=offsets if bias == "shared" else None, drop_path=drop_path
    )
    embed = _masked(embed, mask).replace(position=LearnedGrid() if learned_positions else None)
    summary = PatchMean(norm) if pool == "mean" else FirstVector()
    labels = model.at("heads.classifier.labels")
    heads = {"pool": summary, "classifier": Classifier(labels, "pooled")}
    return model.replace(embed=embed, stack=stack, heads=heads)


@varies(vit, fixed={"hidden": 1, "labels": 1}, image=518, patch=14, eps=1e-6)
def dinov2(
    model: Transformer,
    *,
    ratio: int = 4,
    gated: bool = False,
    scale: float = 1.0,
    drop_path: float = 0.0,
    mask: bool = True,
) -> Transformer:
    """DINOv2 (Oquab et al. 2023): ViT with scaled branches and positions that stretch over images of other sizes.

    MLPs are ``ratio`` times as wide as the model; ``gated`` ones have SiLU and two thirds of that, to the next multiple
    of eight.
    """
    hidden = model.dim * ratio
    mlp = model.at("stack.layers[0].mlp.op").replace(hidden=hidden)
    model = model.at("stack.layers[*].mlp", GLU((hidden * 2 // 3 + 7) // 8 * 8, bias=True) if gated else mlp)
    stack = _scaled(model, scale).stack.replace(drop_path=drop_path)
    embed = _masked(model.embed, mask).replace(position=StretchedGrid())
    return model.replace(embed=embed, stack=stack, heads={"pool": FirstVector()})


def _scaled(model: Transformer, scale: float) -> Transformer:
    return swap(model, Residual, lambda branch: branch.replace(scale=LayerScale(scale)))


def _masked(embed: Any, mask: bool) -> Patches:
    """Return patches that may be masked, or as they are."""
    kind = MaskedPatches if mask else Patches
    return kind(embed.image, embed.patch, embed.channels, position=embed.position, dropout=embed.dropout)


@varies(vit, fixed={"labels": 1})
def mae(
    model: Transformer,
    *,
    decoder_dim: int = 512,
    decoder_depth: int = 8,
    decoder_heads: int = 16,
    decoder_hidden: int = 2048,
    masked: float = 0.75,
) -> Transformer:
    """MAE (He et al. 2021): a masked autoencoder; its ViT reads some patches, its small decoder tells the rest."""
    embed: Any = model.embed
    small = resize(model, dim=decoder_dim, depth=decoder_depth, heads=decoder_heads, hidden=decoder_hidden)
    embed = VisiblePatches(embed.image, embed.patch, embed.channels, position=SinusoidalGrid(), masked=masked)
    return model.replace(embed=embed, heads={"pixels": PatchPixels(PatchDecoder(decoder_dim, small.stack))})


def pooled_image(spec: Transformer, labels: int) -> Heads:
    """The first token's vector through a tanh layer."""
    return {"pool": Pooler()}


def classify_first(spec: Transformer, labels: int) -> Heads:
    """Labels from the class token."""
    return {"classifier": Classifier(labels, "first")}


def taught(spec: Transformer, labels: int) -> Heads:
    """The mean of two classifiers, one of which another model taught."""
    return {"classifier": DistilledClassifier(labels)}


def pooled_patches(spec: Transformer, labels: int) -> Heads:
    """The vector that stands for the image."""
    return {"pool": spec.heads["pool"]}


VISUAL_WORDS = 8192
"""The codes of the tokenizer of images that BEiT's patches are told by (Ramesh et al. 2021)."""


def visual_words(spec: Transformer, labels: int) -> Heads:
    """A word of the visual vocabulary for each patch; how many classes there are is another thing."""
    norm = spec.at("stack.layers[0].attn.norm")
    return {"words": PatchClassifier(VISUAL_WORDS, norm)}


def classify_first_and_mean(spec: Transformer, labels: int) -> Heads:
    """Labels from the class token beside the mean of the patches."""
    return {"classifier": Classifier(labels, "first_and_mean")}
