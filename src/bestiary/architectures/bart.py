"""BART: BERT's encoder and GPT's decoder joined, trained to undo noise (Lewis et al. 2019)."""

from __future__ import annotations

from bestiary.spec import (
    MLP,
    Activation,
    Attention,
    Causal,
    CrossAttention,
    EncoderDecoder,
    LayerNorm,
    Learned,
    LMHead,
    Residual,
    SharedTokens,
    Stack,
    Tokens,
    Tower,
)


def bart(
    dim: int,
    encoder_depth: int,
    decoder_depth: int,
    heads: int,
    hidden: int,
    vocab: int,
    length: int = 1024,
    *,
    decoder_heads: int | None = None,
    decoder_hidden: int | None = None,
    activation: Activation = "gelu",
    dropout: float = 0.1,
    attention_dropout: float = 0.0,
    activation_dropout: float = 0.0,
    scaled: bool = False,
) -> EncoderDecoder:
    """BART (Lewis et al. 2019): post-norm on both sides, a norm on each embedding, two unused rows of positions."""
    norm = LayerNorm(1e-5)

    def layer(heads: int, hidden: int, decoder: bool) -> tuple[Residual, ...]:
        mask = (Causal(),) if decoder else ()
        look = Residual(Attention(heads, mask=mask, dropout=attention_dropout), norm, "post", dropout=dropout)
        read = look.replace(op=CrossAttention(heads, dropout=attention_dropout))
        feed = look.replace(op=MLP(hidden, activation, dropout=activation_dropout))
        return (look, read, feed) if decoder else (look, feed)

    position = Learned(length, offset=2)
    encoder = Tower(
        Tokens(vocab, position=position, norm=norm, scaled=scaled, dropout=dropout),
        Stack((layer(heads, hidden, False),) * encoder_depth),
    )
    decoder = Tower(
        SharedTokens(position, norm, scaled=scaled, dropout=dropout),
        Stack((layer(decoder_heads or heads, decoder_hidden or hidden, True),) * decoder_depth),
    )
    return EncoderDecoder(dim, encoder, decoder, {"lm": LMHead(offset=True)})
