"""Transformers on latent patches (Peebles and Xie 2022)."""

from __future__ import annotations

from typing import Literal

from bestiary.spec import (
    MLP,
    Attention,
    ClassCondition,
    Modulated,
    PatchDenoiser,
    Patches,
    PlainNorm,
    Residual,
    SinusoidalGrid,
    Stack,
    TimeCosines,
    TimeRange,
    TimeVector,
)


def dit(
    dim: int,
    depth: int,
    heads: int,
    patch: int,
    size: int = 32,
    channels: int = 4,
    out: int = 8,
    classes: int = 1000,
    *,
    waves: Literal["cosines", "range"] = "cosines",
    bias: bool = True,
    mlp_eps: float = 1e-6,
    dropout: float = 0.0,
) -> PatchDenoiser:
    """DiT with adaLN-Zero (Peebles and Xie 2022, section 3.2): attention and MLP, each modulated by time and class.

    ``size`` is the side of the latent maps, ``classes`` those that it draws; one row more stands for no class. Of
    ``out`` channels the first half is the noise, the second what its variance is made of.
    """
    attend = Modulated(Attention(heads, bias="qkvo" if bias else "o", dropout=dropout), PlainNorm())
    think = Modulated(MLP(4 * dim, "gelu_tanh", dropout=dropout), PlainNorm(mlp_eps))
    return PatchDenoiser(
        dim,
        Patches(size, patch, channels, extra=0, position=SinusoidalGrid()),
        TimeVector(TimeCosines() if waves == "cosines" else TimeRange()),
        Stack(((Residual(attend), Residual(think)),) * depth),
        out,
        conditions=(ClassCondition(classes + 1),),
    )
