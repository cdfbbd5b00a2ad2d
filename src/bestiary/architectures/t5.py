"""T5: an encoder-decoder with relative biases on the scores and no other position (Raffel et al. 2019)."""

from __future__ import annotations

from bestiary.spec import (
    GLU,
    MLP,
    Activation,
    Attention,
    Causal,
    CrossAttention,
    EncoderDecoder,
    LMHead,
    Op,
    RescaleNorm,
    Residual,
    SharedTokens,
    Stack,
    T5Bias,
    Tokens,
    Tower,
)


def t5(
    dim: int,
    depth: int,
    heads: int,
    head_dim: int,
    hidden: int,
    vocab: int = 32128,
    *,
    decoder_depth: int | None = None,
    buckets: int = 32,
    distance: int = 128,
    activation: Activation = "relu",
    eps: float = 1e-6,
    dropout: float = 0.1,
    tied: bool = True,
    scaled: bool = True,
) -> EncoderDecoder:
    """T5 1.0 (Raffel et al. 2019): pre-norm without biases, unscaled scores, one token table for everything.

    ``depth`` is the encoder's, and the decoder's too unless ``decoder_depth`` says otherwise.
    """
    feed = MLP(hidden, activation, bias=False, dropout=dropout)
    model = _t5(dim, depth, decoder_depth or depth, heads, head_dim, feed, vocab, buckets, distance, eps, dropout)
    return model.with_heads({"lm": LMHead(tied, scaled=scaled)})


def t5_1_1(
    dim: int,
    depth: int,
    heads: int,
    head_dim: int,
    hidden: int,
    vocab: int = 32128,
    *,
    decoder_depth: int | None = None,
    buckets: int = 32,
    distance: int = 128,
    activation: Activation = "gelu_tanh",
    eps: float = 1e-6,
    dropout: float = 0.1,
    tied: bool = False,
    scaled: bool = False,
) -> EncoderDecoder:
    """T5 1.1 (Shazeer 2020): gated MLPs, and an output matrix of its own, so that scores need no scaling."""
    feed = GLU(hidden, activation, dropout=dropout)
    model = _t5(dim, depth, decoder_depth or depth, heads, head_dim, feed, vocab, buckets, distance, eps, dropout)
    return model.with_heads({"lm": LMHead(tied, scaled=scaled)})


def _t5(
    dim: int, depth: int, decoder_depth: int, heads: int, head_dim: int, feed: Op, vocab: int, buckets: int,
    distance: int, eps: float, dropout: float,
) -> EncoderDecoder:  # fmt: skip
    norm = RescaleNorm(eps)
    head_width = None if head_dim * heads == dim else head_dim
    last = Residual(feed, norm, dropout=dropout)
    look = Residual(Attention(heads, head_dim=head_width, bias="", scale=1.0, dropout=dropout), norm, dropout=dropout)
    past = look.at("mask", (Causal(),))
    read = look.replace(op=CrossAttention(heads, head_dim=head_width, bias="", scale=1.0, dropout=dropout))
    encoder = Tower(
        Tokens(vocab, dropout=dropout),
        Stack(((look, last),) * depth, norm, T5Bias(buckets, distance)),
    )
    decoder = Tower(
        SharedTokens(dropout=dropout),
        Stack(((past, read, last),) * decoder_depth, norm, T5Bias(buckets, distance, bidirectional=False)),
    )
    return EncoderDecoder(dim, encoder, decoder)
