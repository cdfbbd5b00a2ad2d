"""The first Transformer: an encoder and a decoder for translation (Vaswani et al. 2017)."""

from __future__ import annotations

from bestiary.spec import (
    MLP,
    Attention,
    Causal,
    CrossAttention,
    EncoderDecoder,
    LayerNorm,
    LMHead,
    Residual,
    SharedTokens,
    Sinusoidal,
    Stack,
    Tokens,
    Tower,
)


def transformer(
    dim: int, depth: int, heads: int, hidden: int, vocab: int, *, dropout: float = 0.1, eps: float = 1e-6
) -> EncoderDecoder:
    """The Transformer (Vaswani et al. 2017): post-norm, sinusoids, one table for both sides and the output.

    Projections in attention have no bias, as in the authors' own code; ``depth`` is that of either side.
    """
    norm = LayerNorm(eps)
    feed = Residual(MLP(hidden, "relu"), norm, "post", dropout=dropout)
    look = Residual(Attention(heads, bias=""), norm, "post", dropout=dropout)
    past = look.replace(op=Attention(heads, bias="", mask=(Causal(),)))
    read = look.replace(op=CrossAttention(heads, bias=""))
    encoder = Tower(Tokens(vocab, position=Sinusoidal(), scaled=True, dropout=dropout), Stack(((look, feed),) * depth))
    embed = SharedTokens(Sinusoidal(), scaled=True, dropout=dropout)
    decoder = Tower(embed, Stack(((past, read, feed),) * depth))
    return EncoderDecoder(dim, encoder, decoder, {"lm": LMHead()})
