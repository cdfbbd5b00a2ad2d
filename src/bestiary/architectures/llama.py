"""LLaMA: a pre-norm decoder with RMSNorm, rotary positions and gated MLPs (Touvron et al. 2023)."""

from __future__ import annotations

from bestiary.spec import (
    GLU,
    Activation,
    Attention,
    Causal,
    LMHead,
    Residual,
    RMSNorm,
    Rotary,
    RotaryScaling,
    Stack,
    Tokens,
    Transformer,
)


def llama(
    dim: int,
    depth: int,
    heads: int,
    hidden: int,
    vocab: int = 32000,
    length: int = 2048,
    kv_heads: int | None = None,
    eps: float = 1e-6,
    *,
    head_dim: int | None = None,
    base: float = 10000.0,
    scaling: RotaryScaling | None = None,
    activation: Activation = "silu",
    tied: bool = False,
    attention_bias: bool = False,
    mlp_bias: bool = False,
    attention_dropout: float = 0.0,
) -> Transformer:
    """LLaMA (Touvron et al. 2023) and the many decoders that keep its shape."""
    norm = RMSNorm(eps)
    attention = Attention(
        heads,
        kv_heads=None if kv_heads == heads else kv_heads,
        head_dim=None if head_dim is not None and head_dim * heads == dim else head_dim,
        bias="qkvo" if attention_bias else "",
        position=Rotary(base, scaling=scaling, length=length),
        mask=(Causal(),),
        dropout=attention_dropout,
    )
    layer = (Residual(attention, norm), Residual(GLU(hidden, activation, bias=mlp_bias), norm))
    return Transformer(dim, Tokens(vocab), Stack((layer,) * depth, norm), {"lm": LMHead(tied=tied)})
