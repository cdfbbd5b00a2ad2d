"""T5: an encoder-decoder with relative biases on the scores and no other position (Raffel et al. 2019).

mT5 (Xue et al. 2020) and ByT5 are T5 1.1 at other sizes and vocabularies. UL2 (Tay et al. 2022) is T5 1.1 with
SiLU.
"""

from __future__ import annotations

from bestiary.architectures.vary import varies
from bestiary.spec import (
    GLU,
    MLP,
    Activation,
    Attention,
    Causal,
    CrossAttention,
    EncoderDecoder,
    LMHead,
    RescaleNorm,
    Residual,
    SharedTokens,
    Stack,
    T5Bias,
    Tokens,
    Tower,
    Transformer,
    swap,
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
    norm = RescaleNorm(eps)
    width = None if head_dim * heads == dim else head_dim
    last = Residual(MLP(hidden, activation, bias=False, dropout=dropout), norm, dropout=dropout)
    look = Residual(Attention(heads, head_dim=width, bias="", scale=1.0, dropout=dropout), norm, dropout=dropout)
    past = look.at("mask", (Causal(),))
    read = look.replace(op=CrossAttention(heads, head_dim=width, bias="", scale=1.0, dropout=dropout))
    encoder = Tower(
        Tokens(vocab, dropout=dropout),
        Stack(((look, last),) * depth, norm, T5Bias(buckets, distance)),
    )
    decoder = Tower(
        SharedTokens(dropout=dropout),
        Stack(((past, read, last),) * (decoder_depth or depth), norm, T5Bias(buckets, distance, bidirectional=False)),
    )
    return EncoderDecoder(dim, encoder, decoder, {"lm": LMHead(tied, scaled=scaled)})


@varies(t5, activation="gelu_tanh", tied=False, scaled=False)
def t5_1_1(model: EncoderDecoder) -> EncoderDecoder:
    """T5 1.1 (Shazeer 2020): gated MLPs, and an output matrix of its own, so that scores need no scaling."""
    return swap(model, MLP, lambda mlp: GLU(mlp.hidden, mlp.activation, dropout=mlp.dropout))


@varies(t5_1_1, vocab=256384)
def umt5(model: EncoderDecoder) -> EncoderDecoder:
    """UMT5 (Chung et al. 2023): mT5 in which every layer has a relative bias of its own."""
    return swap(model, Stack, _own_positions)


_ALONE = {"decoder_depth": 1, "tied": False, "scaled": False}
"""What an encoder alone does not ask for, since it is the decoder's."""


@varies(t5, fixed=_ALONE)
def t5_encoder(model: EncoderDecoder) -> Transformer:
    """T5 1.0's encoder alone, which embeds sentences (Ni et al. 2021)."""
    return _encoder(model)


@varies(t5_1_1, fixed=_ALONE)
def t5_1_1_encoder(model: EncoderDecoder) -> Transformer:
    """T5 1.1's encoder alone, which reads the prompts of image generators (Saharia et al. 2022)."""
    return _encoder(model)


@varies(umt5, fixed=_ALONE)
def umt5_encoder(model: EncoderDecoder) -> Transformer:
    """UMT5's encoder alone."""
    return _encoder(model)


def _own_positions(stack: Stack) -> Stack:
    """Give the position that a stack shares to each of its attentions instead."""
    owned = swap(stack, Attention, lambda attention: attention.replace(position=stack.position))
    return owned.replace(position=None)


def _encoder(model: EncoderDecoder) -> Transformer:
    embed = model.encoder.embed
    assert isinstance(embed, Tokens)
    return Transformer(model.dim, embed, model.encoder.stack)
