"""BART and its kin: BERT's encoder and GPT's decoder joined (Lewis et al. 2019).

They differ in where norms stand and in how positions are said, so each is an edit of BART's tree.
"""

from __future__ import annotations

from typing import Any

from bestiary.architectures.heads import Heads
from bestiary.architectures.vary import varies
from bestiary.spec import (
    MLP,
    Activation,
    Attention,
    Causal,
    Classifier,
    CrossAttention,
    EncoderDecoder,
    LayerNorm,
    Learned,
    LMHead,
    NormedTokens,
    Residual,
    SharedTokens,
    ShiftedRMSNorm,
    SinusoidalAfterPadding,
    SinusoidalTable,
    Stack,
    Tokens,
    Tower,
    Transform,
    swap,
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


def classify_source(spec: EncoderDecoder, labels: int) -> Heads:
    """A label for the source, which the decoder reads too: from its vector where the source ends (Lewis et al. 2019).

    The authors read the last end-of-text token there, which is the last token of every source that they encode.
    """
    return {"classifier": Classifier(labels, "source_end", Transform("tanh"))}


@varies(bart)
def mbart(model: EncoderDecoder) -> EncoderDecoder:
    """mBART (Liu et al. 2020): norms before the branches and after each stack."""
    return _norms_first(model)


@varies(bart)
def pegasus(model: EncoderDecoder) -> EncoderDecoder:
    """PEGASUS (Zhang et al. 2019): norms as in mBART but none on the embeddings, and fixed positions."""
    return _fixed_positions(_bare_embeddings(_norms_first(model)))


@varies(bart)
def blenderbot(model: EncoderDecoder) -> EncoderDecoder:
    """BlenderBot (Roller et al. 2020), 400M to 9.4B: norms as in PEGASUS, learned positions without unused rows."""
    return _first_row_first(_bare_embeddings(_norms_first(model)))


@varies(bart)
def blenderbot_small(model: EncoderDecoder) -> EncoderDecoder:
    """BlenderBot's 90M (Roller et al. 2020): BART's norms, but the decoder norms its tokens before their positions.

    What is normed is not scaled, whatever the encoder does: the norm would take the scale out again, but for its eps.
    """
    model = _first_row_first(model)
    embed: Any = model.decoder.embed
    early = NormedTokens(embed.position, embed.norm, dropout=embed.dropout)
    return model.replace(decoder=model.decoder.replace(embed=early))


@varies(bart)
def m2m_100(model: EncoderDecoder, *, pad: int = 1) -> EncoderDecoder:
    """M2M-100 (Fan et al. 2020) and NLLB: norms as in PEGASUS, fixed positions that count real tokens."""
    model = swap(_bare_embeddings(_norms_first(model)), Learned, lambda node: SinusoidalAfterPadding(node.length, pad))
    return model.with_heads({"lm": LMHead()})


@varies(bart)
def marian(model: EncoderDecoder, *, decoder_vocab: int | None = None) -> EncoderDecoder:
    """Marian's translators (Junczys-Dowmunt et al. 2018): norms as in the first Transformer, fixed positions.

    ``decoder_vocab`` gives the decoder a token table of its own.
    """
    model = _fixed_positions(_bare_embeddings(model))
    return model if decoder_vocab is None else _two_tables(model, decoder_vocab)


@varies(bart)
def alexatm(model: EncoderDecoder, *, types: int = 1, tied: bool = False) -> EncoderDecoder:
    """AlexaTM 20B (Soltan et al. 2022): norms as in PEGASUS but of another kind, a token table for each side.

    The encoder's positions have no unused rows, the decoder's have BART's two. The count that the paper states is that
    of an output matrix of its own; the released code ties it to the decoder's table, which ``tied`` says.
    """
    model = swap(_bare_embeddings(_norms_first(model)), LayerNorm, ShiftedRMSNorm())
    encoder: Any = model.encoder.embed
    model = _two_tables(model, encoder.vocab)
    embed = encoder.replace(types=types, position=Learned(encoder.position.length))
    model = model.replace(encoder=model.encoder.replace(embed=embed))
    return model.with_heads({"lm": LMHead(tied=tied, offset=True)})


def _norms_first(model: EncoderDecoder) -> EncoderDecoder:
    """Put the norms before the branches, and one more after each stack."""
    model = swap(model, Residual, lambda branch: branch.replace(placement="pre"))
    return swap(model, Stack, lambda stack: stack.replace(norm=LayerNorm(1e-5)))


def _bare_embeddings(model: EncoderDecoder) -> EncoderDecoder:
    for kind in (Tokens, SharedTokens):
        model = swap(model, kind, lambda embed: embed.replace(norm=None))
    return model


def _fixed_positions(model: EncoderDecoder) -> EncoderDecoder:
    return swap(model, Learned, lambda position: SinusoidalTable(position.length))


def _two_tables(model: EncoderDecoder, vocab: int) -> EncoderDecoder:
    """Give the decoder a token table of its own."""
    embed: Any = model.decoder.embed
    own = Tokens(vocab, position=embed.position, scaled=embed.scaled, dropout=embed.dropout)
    return model.replace(decoder=model.decoder.replace(embed=own))


def _first_row_first(model: EncoderDecoder) -> EncoderDecoder:
    """Take the unused rows off the tables of positions."""
    return swap(model, Learned, lambda position: Learned(position.length))
