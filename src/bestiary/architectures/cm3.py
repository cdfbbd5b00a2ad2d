"""CM3: fairseq's dense decoder, over pages whose pictures are tokens (Aghajanyan et al. 2022)."""

from __future__ import annotations

from bestiary.spec import (
    MLP,
    Attention,
    Causal,
    LayerNorm,
    LMHead,
    Residual,
    SinusoidalAfterPadding,
    Stack,
    Tokens,
    Transformer,
)


def cm3(
    dim: int, depth: int, heads: int, hidden: int, vocab: int = 50265, length: int = 2048, *, dropout: float = 0.1
) -> Transformer:
    """CM3 (Aghajanyan et al. 2022, A.1): a pre-norm decoder with fixed sinusoids and scaled token vectors.

    That it learns to fill spans at a text's end is a matter of what it is trained on, not of its parts.
    """
    norm = LayerNorm(1e-5)
    attention = Attention(heads, mask=(Causal(),), dropout=dropout)
    layer = (Residual(attention, norm, dropout=dropout), Residual(MLP(hidden), norm, dropout=dropout))
    embed = Tokens(vocab, position=SinusoidalAfterPadding(length), scaled=True, dropout=dropout)
    return Transformer(dim, embed, Stack((layer,) * depth, norm), {"lm": LMHead()})
