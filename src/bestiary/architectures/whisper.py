"""Whisper: an encoder that hears log-mel spectrograms, a decoder that writes what was said (Radford et al. 2022)."""

from __future__ import annotations

from bestiary.architectures.vary import varies
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
    SinusoidalRange,
    Spectrogram,
    Stack,
    Tokens,
    Tower,
    Transformer,
)


def whisper(
    dim: int,
    encoder_depth: int,
    decoder_depth: int,
    heads: int,
    hidden: int,
    vocab: int = 51865,
    mels: int = 80,
    *,
    source: int = 1500,
    length: int = 448,
    decoder_heads: int | None = None,
    decoder_hidden: int | None = None,
    activation: Activation = "gelu",
    dropout: float = 0.0,
    attention_dropout: float = 0.0,
    activation_dropout: float = 0.0,
) -> EncoderDecoder:
    """Whisper (Radford et al. 2022): norms first, keys without bias, fixed places for sound and learned ones for text.

    ``source`` is the places of the encoder, each 20 ms of sound; ``length`` those of the decoder.
    """
    norm = LayerNorm(1e-5)

    def layer(heads: int, hidden: int, decoder: bool) -> tuple[Residual, ...]:
        mask = (Causal(),) if decoder else ()
        look = Residual(Attention(heads, bias="qvo", mask=mask, dropout=attention_dropout), norm, dropout=dropout)
        read = look.replace(op=CrossAttention(heads, bias="qvo", dropout=attention_dropout))
        feed = look.replace(op=MLP(hidden, activation, dropout=activation_dropout))
        return (look, read, feed) if decoder else (look, feed)

    encoder = Tower(
        Spectrogram(mels, SinusoidalRange(source), dropout),
        Stack((layer(heads, hidden, False),) * encoder_depth, norm),
    )
    decoder = Tower(
        Tokens(vocab, position=Learned(length), dropout=dropout),
        Stack((layer(decoder_heads or heads, decoder_hidden or hidden, True),) * decoder_depth, norm),
    )
    return EncoderDecoder(dim, encoder, decoder, {"lm": LMHead()})


_ALONE = {"decoder_depth": 1, "vocab": 1, "length": 1, "decoder_heads": None, "decoder_hidden": None}


@varies(whisper, fixed=_ALONE)
def whisper_encoder(model: EncoderDecoder) -> Transformer:
    """Whisper's encoder alone, which labels sounds."""
    assert isinstance(model.encoder.embed, Spectrogram)
    return Transformer(model.dim, model.encoder.embed, model.encoder.stack)
