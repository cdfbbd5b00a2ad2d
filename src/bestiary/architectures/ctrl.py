"""CTRL: a decoder with fixed sines, whose first token says in which style it writes (Keskar et al. 2019)."""

from __future__ import annotations

from bestiary.spec import (
    MLP,
    Attention,
    Causal,
    LayerNorm,
    LMHead,
    Residual,
    SinusoidalHalves,
    Stack,
    Tokens,
    Transformer,
)


def ctrl(
    dim: int,
    depth: int,
    heads: int,
    hidden: int,
    vocab: int = 246534,
    length: int = 256,
    *,
    eps: float = 1e-6,
    dropout: float = 0.1,
    embedding_dropout: float = 0.1,
    tied: bool = True,
) -> Transformer:
    """CTRL (Keskar et al. 2019): the first transformer's layers with their norms in front, scores with a bias.

    ``eps`` is the last norm's; those of the layers have 1e-6.
    """
    norm = LayerNorm(1e-6)
    layer = (
        Residual(Attention(heads, mask=(Causal(),)), norm, dropout=dropout),
        Residual(MLP(hidden, "relu"), norm, dropout=dropout),
    )
    embed = Tokens(vocab, position=SinusoidalHalves(length), scaled=True, dropout=embedding_dropout)
    return Transformer(dim, embed, Stack((layer,) * depth, LayerNorm(eps)), {"lm": LMHead(tied, bias=True)})
