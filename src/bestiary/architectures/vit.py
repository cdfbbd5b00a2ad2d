"""ViT and its kin: encoders of image patches (Dosovitskiy et al. 2020)."""

from __future__ import annotations

from bestiary.architectures.heads import Heads
from bestiary.spec import (
    GLU,
    MLP,
    Activation,
    Attention,
    Classifier,
    DistilledClassifier,
    FirstVector,
    GridBias,
    Head,
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


def deit(
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
    """DeiT with its distillation token, a second one that another model teaches (Touvron et al. 2020, section 4)."""
    model = vit(
        dim, depth, heads, hidden, image, patch, labels,
        channels=channels, activation=activation, eps=eps, dropout=dropout, attention_dropout=attention_dropout,
        qkv_bias=qkv_bias,
    )  # fmt: skip
    return model.at("embed.extra", 2).with_heads(taught(model, labels))


def beit(
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
    norm, offsets = LayerNorm(eps), GridBias(image // patch)
    attention = Attention(
        heads, bias="qvo", position=offsets if bias == "own" else None, dropout=attention_dropout
    )  # fmt: skip
    factor = LayerScale(scale) if scale else 1.0
    layer = tuple(
        Residual(op, norm, scale=factor, dropout=dropout) for op in (attention, MLP(hidden, activation))
    )  # fmt: skip
    kind = MaskedPatches if mask else Patches
    embed = kind(image, patch, channels, position=LearnedGrid() if learned_positions else None, dropout=dropout)
    stack = Stack(
        (layer,) * depth, None if pool == "mean" else norm, offsets if bias == "shared" else None, drop_path
    )  # fmt: skip
    return Transformer(dim, embed, stack, {"pool": _pool(pool, norm), "classifier": Classifier(labels, "pooled")})


def _pool(pool: str, norm: LayerNorm) -> Head:
    return PatchMean(norm) if pool == "mean" else FirstVector()


def dinov2(
    dim: int,
    depth: int,
    heads: int,
    ratio: int = 4,
    image: int = 518,
    patch: int = 14,
    *,
    channels: int = 3,
    activation: Activation = "gelu",
    gated: bool = False,
    eps: float = 1e-6,
    dropout: float = 0.0,
    attention_dropout: float = 0.0,
    qkv_bias: bool = True,
    scale: float = 1.0,
    drop_path: float = 0.0,
    mask: bool = True,
) -> Transformer:
    """DINOv2 (Oquab et al. 2023): ViT with scaled branches and positions that stretch over images of other sizes.

    ``gated`` MLPs have SiLU and two thirds of the hidden units, to the next multiple of eight.
    """
    norm = LayerNorm(eps)
    attention = Attention(heads, bias="qkvo" if qkv_bias else "o", dropout=attention_dropout)
    hidden = dim * ratio
    mlp = GLU((hidden * 2 // 3 + 7) // 8 * 8, bias=True) if gated else MLP(hidden, activation)
    layer = tuple(Residual(op, norm, scale=LayerScale(scale), dropout=dropout) for op in (attention, mlp))
    kind = MaskedPatches if mask else Patches
    embed = kind(image, patch, channels, position=StretchedGrid(), dropout=dropout)
    return Transformer(dim, embed, Stack((layer,) * depth, norm, None, drop_path), {"pool": FirstVector()})


def mae(
    dim: int,
    depth: int,
    heads: int,
    hidden: int,
    image: int = 224,
    patch: int = 16,
    *,
    decoder_dim: int = 512,
    decoder_depth: int = 8,
    decoder_heads: int = 16,
    decoder_hidden: int = 2048,
    masked: float = 0.75,
    channels: int = 3,
    activation: Activation = "gelu",
    eps: float = 1e-12,
    dropout: float = 0.0,
    attention_dropout: float = 0.0,
    qkv_bias: bool = True,
) -> Transformer:
    """MAE (He et al. 2021): a masked autoencoder; its ViT reads some patches, its small decoder tells the rest."""
    settings = {
        "channels": channels, "activation": activation, "eps": eps, "dropout": dropout,
        "attention_dropout": attention_dropout, "qkv_bias": qkv_bias,
    }  # fmt: skip
    encoder = vit(dim, depth, heads, hidden, image, patch, **settings)
    decoder = vit(decoder_dim, decoder_depth, decoder_heads, decoder_hidden, image, patch, **settings)
    embed = VisiblePatches(image, patch, channels, position=SinusoidalGrid(), masked=masked)
    head = PatchPixels(PatchDecoder(decoder_dim, decoder.stack))
    return Transformer(dim, embed, encoder.stack, {"pixels": head})


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
