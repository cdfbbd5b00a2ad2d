"""wav2vec 2.0 and HuBERT: encoders of waveforms that learn from sound alone (Baevski et al. 2020; Hsu et al. 2021)."""

from __future__ import annotations

from typing import Literal

from bestiary.architectures.heads import Heads
from bestiary.architectures.vary import varies
from bestiary.errors import BestiaryError
from bestiary.spec import (
    MLP,
    Activation,
    Attention,
    ConvolvedPosition,
    CTCHead,
    Filter,
    LayerNorm,
    MeanClassifier,
    Norm,
    QuantizedTargets,
    Residual,
    Stack,
    TimeNorm,
    Transformer,
    UnitScores,
    Waveform,
)

Normed = Literal["first", "every"]
"""Whether the first filter alone is normed, each channel over time, or every one over its channels."""


def wav2vec2(
    dim: int,
    depth: int,
    heads: int,
    hidden: int,
    code: int = 256,
    width: int = 256,
    *,
    normed: Normed = "first",
    pre_norm: bool = False,
    conv_bias: bool = False,
    channels: tuple[int, ...] = (512,) * 7,
    kernels: tuple[int, ...] = (10, 3, 3, 3, 3, 2, 2),
    strides: tuple[int, ...] = (5, 2, 2, 2, 2, 2, 2),
    position_kernel: int = 128,
    position_groups: int = 16,
    masked: bool = True,
    groups: int = 2,
    entries: int = 320,
    activation: Activation = "gelu",
    eps: float = 1e-5,
    dropout: float = 0.1,
    attention_dropout: float = 0.1,
    activation_dropout: float = 0.1,
    filtered_dropout: float = 0.0,
    target_dropout: float = 0.0,
) -> Transformer:
    """wav2vec 2.0 (Baevski et al. 2020): filters, positions by convolution, and codebooks that give the targets.

    ``code`` is the width of a codebook's entries together, ``width`` that in which targets are compared.
    """
    norm = LayerNorm(eps)
    attention = Attention(heads, dropout=attention_dropout)
    feed = MLP(hidden, activation, dropout=activation_dropout)
    placement = "pre" if pre_norm else "post"
    layer = (
        Residual(attention, norm, placement, dropout=dropout),
        Residual(feed, norm, placement, dropout=dropout),
    )
    embed = Waveform(
        _filters(channels, kernels, strides, normed, conv_bias),
        norm,
        ConvolvedPosition(position_kernel, position_groups),
        None if pre_norm else norm,
        masked,
        filtered_dropout,
        dropout,
    )
    targets = QuantizedTargets(groups, entries, code, width, target_dropout)
    return Transformer(dim, embed, Stack((layer,) * depth, norm if pre_norm else None), {"targets": targets})


@varies(wav2vec2, fixed={"groups": 2, "entries": 320, "code": 256, "target_dropout": 0.0})
def hubert(model: Transformer, *, units: int = 504, filtered_norm: bool = True) -> Transformer:
    """HuBERT (Hsu et al. 2021): the same body, which tells which hidden unit is behind a mask.

    ``units`` are the clusters and four marks of the library that it was trained in; ``width`` is that of their vectors.
    """
    embed = model.embed if filtered_norm else model.at("embed.filtered_norm", None).embed
    width: int = model.at("heads.targets.width")
    return model.replace(embed=embed).with_heads({"units": UnitScores(units, width)})


def write_letters(spec: Transformer, labels: int) -> Heads:
    """A letter, or a blank, for each place."""
    return {"ctc": CTCHead(32, dropout=spec.at("embed.dropout"))}


def classify_sound(spec: Transformer, labels: int) -> Heads:
    """A label for the whole sound."""
    return {"classifier": MeanClassifier(labels)}


def _filters(
    channels: tuple[int, ...], kernels: tuple[int, ...], strides: tuple[int, ...], normed: Normed, bias: bool
) -> tuple[Filter, ...]:
    if not len(channels) == len(kernels) == len(strides):
        raise BestiaryError(
            f"there are {len(channels)} channels, {len(kernels)} kernels and {len(strides)} strides of filters:"
            " give as many of each"
        )
    rest: Norm | None = LayerNorm(1e-5) if normed == "every" else None
    norms = (rest or TimeNorm(), *(rest for _ in kernels[1:]))
    sizes = zip(channels, kernels, strides, norms, strict=True)
    return tuple(Filter(width, kernel, stride, norm, bias) for width, kernel, stride, norm in sizes)
