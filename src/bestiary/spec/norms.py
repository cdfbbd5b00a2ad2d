"""Normalizations. Each acts on the last axis; its width is that of what it normalizes."""

from __future__ import annotations

from dataclasses import dataclass

from bestiary.spec.node import Node


@dataclass(frozen=True)
class Norm(Node):
    """Any normalization."""


@dataclass(frozen=True)
class LayerNorm(Norm):
    """Layer normalization: zero mean, unit variance, learned gain and, mostly, offset (Ba et al. 2016)."""

    eps: float = 1e-5
    bias: bool = True


@dataclass(frozen=True)
class RMSNorm(Norm):
    """Root-mean-square normalization: no mean, a learned gain (Zhang and Sennrich 2019)."""

    eps: float = 1e-6


@dataclass(frozen=True)
class RescaleNorm(Norm):
    """RMSNorm as T5 published it (Raffel et al. 2019, section 2.1: layer normalization that only rescales).

    The formula is the same; T5's code rounds the mean of squares to float32 and nothing else, where the LLaMA line
    rounds the whole vector. Up to float32 the two are equal to the bit; in float64 they are not, and a model is held to
    its own reference.
    """

    eps: float = 1e-6


@dataclass(frozen=True)
class ShiftedRMSNorm(Norm):
    """The mean taken out, but divided by the root mean square of what it was taken out of; gain and offset learned.

    Layer normalization as AlexaTM's released code has it (Soltan et al. 2022): the variance is not that about the mean.
    """

    eps: float = 1e-12


@dataclass(frozen=True)
class ZeroCenteredNorm(Norm):
    """RMSNorm whose gain is one plus what is learned, so that decay pulls it to one (Gemma Team 2024).

    The gain is applied in float32 and the product rounded once, where RMSNorm rounds before the gain.
    """

    eps: float = 1e-6


@dataclass(frozen=True)
class QKNorm(Node):
    """How queries and keys are normalized before they meet (Henry et al. 2020; Dehghani et al. 2023, section 2)."""

    norm: Norm


@dataclass(frozen=True)
class HeadNorm(QKNorm):
    """Each head's vector, with one gain that all heads share (Qwen3; Yang et al. 2025)."""


@dataclass(frozen=True)
class OwnHeadNorm(QKNorm):
    """Each head's vector, with a gain of its own for each head (Stable LM 2; Bellagente et al. 2024)."""

    norm: LayerNorm


@dataclass(frozen=True)
class JointNorm(QKNorm):
    """The vector of all heads together (OLMo 2; OLMo Team 2024)."""


@dataclass(frozen=True)
class RoundedLayerNorm(Norm):
    """LayerNorm as DeBERTa published it (He et al. 2020): the vector is rounded to float32 before gain and offset.

    As with ``RescaleNorm``, only float64 can tell the two apart.
    """

    eps: float = 1e-7


@dataclass(frozen=True)
class PlainNorm(Norm):
    """Layer normalization with nothing learned: what follows it scales and shifts (Peebles and Xie 2022)."""

    eps: float = 1e-6
