"""PaLM and LaMDA: decoders of Google's that were described and never released."""

from __future__ import annotations

from bestiary.spec import (
    GLU,
    Activation,
    Attention,
    Causal,
    LayerNorm,
    LMHead,
    Parallel,
    RescaleNorm,
    Residual,
    Rotary,
    Stack,
    T5Bias,
    Tokens,
    Transformer,
)


def palm(
    dim: int,
    depth: int,
    heads: int,
    hidden: int,
    vocab: int = 256000,
    length: int = 2048,
    kv_heads: int = 1,
    *,
    head_dim: int | None = 256,
    base: float = 10000.0,
    eps: float = 1e-5,
    tied: bool = True,
) -> Transformer:
    """PaLM (Chowdhery et al. 2022, section 2): attention and SwiGLU side by side on one norm, no bias anywhere.

    All queries share one head of keys and values, and the scores of a tied table are divided by the root of the width
    (section 5). The base of the rotary positions and the norm's epsilon were not published; no count depends on them.
    """
    attention = Attention(
        heads,
        kv_heads=None if kv_heads == heads else kv_heads,
        head_dim=None if head_dim is not None and head_dim * heads == dim else head_dim,
        bias="",
        position=Rotary(base, length=length),
        mask=(Causal(),),
    )
    norm = LayerNorm(eps, bias=False)
    layer = (Residual(Parallel((attention, GLU(hidden))), norm),)
    return Transformer(dim, Tokens(vocab), Stack((layer,) * depth, norm), {"lm": LMHead(tied, scaled=tied)})


def lamda(
    dim: int,
    depth: int,
    heads: int,
    hidden: int,
    vocab: int = 32000,
    *,
    head_dim: int | None = 128,
    buckets: int = 32,
    distance: int = 128,
    activation: Activation = "gelu_tanh",
    eps: float = 1e-6,
    tied: bool = True,
) -> Transformer:
    """LaMDA (Thoppilan et al. 2022, section 3): a decoder with T5's relative attention and gated GELU.

    The paper names no norm, no bucket and no tie: they are T5's here.
    """
    norm = RescaleNorm(eps)
    inner = None if head_dim is not None and head_dim * heads == dim else head_dim
    attention = Attention(heads, head_dim=inner, bias="", mask=(Causal(),), scale=1.0)
    layer = (Residual(attention, norm), Residual(GLU(hidden, activation), norm))
    stack = Stack((layer,) * depth, norm, T5Bias(buckets, distance, bidirectional=False))
    return Transformer(dim, Tokens(vocab), stack, {"lm": LMHead(tied)})
