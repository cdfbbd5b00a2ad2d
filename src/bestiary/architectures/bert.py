"""BERT and its kin: encoders of tokens with a norm after each branch (Devlin et al. 2018)."""

from __future__ import annotations

from bestiary.architectures.heads import Heads
from bestiary.architectures.vary import varies
from bestiary.spec import (
    MLP,
    Activation,
    Attention,
    Classifier,
    LayerNorm,
    Learned,
    LearnedAfterPadding,
    LMHead,
    Pooler,
    Repeat,
    Residual,
    SentencePair,
    Stack,
    Tokens,
    Transform,
    Transformer,
    own_layers,
)


def bert(
    dim: int,
    depth: int,
    heads: int,
    hidden: int,
    vocab: int,
    length: int = 512,
    types: int = 2,
    *,
    activation: Activation = "gelu",
    eps: float = 1e-12,
    dropout: float = 0.1,
    attention_dropout: float = 0.1,
) -> Transformer:
    """BERT (Devlin et al. 2018): a post-norm encoder with learned positions and two segment types."""
    norm = LayerNorm(eps)
    layer = (
        Residual(Attention(heads, dropout=attention_dropout), norm, "post", dropout=dropout),
        Residual(MLP(hidden, activation), norm, "post", dropout=dropout),
    )
    embed = Tokens(vocab, types, Learned(length), norm, dropout=dropout)
    return Transformer(dim, embed, Stack((layer,) * depth), {"pool": Pooler()})


@varies(bert, types=1, eps=1e-5)
def roberta(model: Transformer, *, pad: int = 1) -> Transformer:
    """RoBERTa (Liu et al. 2019): BERT whose positions count from the first token after padding's row."""
    return model.at("embed.position", LearnedAfterPadding(model.at("embed.position.length"), pad))


@varies(bert, activation="gelu_tanh", dropout=0.0, attention_dropout=0.0)
def albert(model: Transformer, *, width: int = 128, groups: int = 1) -> Transformer:
    """ALBERT (Lan et al. 2019): a narrow embedding projected up, and one layer's weights used at every depth.

    ``groups`` splits the depth among that many layers with weights of their own; published models have one. An
    embedding as wide as the layers is projected too.
    """
    layer, depth = own_layers(model.stack)[0], len(model.stack.layers)
    # Depth i belongs to group i * groups // depth, so groups may differ by one in length.
    times = [sum(i * groups // depth == group for i in range(depth)) for group in range(groups)]
    stack = Stack(tuple(Repeat((layer,), count) for count in times if count))
    return model.replace(embed=model.embed.replace(width=width), stack=stack)


@varies(bert, fixed={"types": 0, "eps": 1e-12})
def distilbert(model: Transformer) -> Transformer:
    """DistilBERT (Sanh et al. 2019): BERT with half the layers, no segment types and no pooler."""
    return model.with_heads({})


def _activation(spec: Transformer) -> Activation:
    return spec.at("stack.layers[0].mlp.activation")


def _norm(spec: Transformer) -> LayerNorm:
    return spec.at("stack.layers[0].mlp.norm")


def pooled(spec: Transformer, labels: int) -> Heads:
    """The first token's vector through a tanh layer."""
    return {"pool": Pooler()}


def masked_lm(spec: Transformer, labels: int) -> Heads:
    """BERT's masked-language-model head: a transform, then the token table with a bias."""
    return {"lm": LMHead(bias=True, transform=Transform(_activation(spec), _norm(spec)))}


def masked_lm_gelu(spec: Transformer, labels: int) -> Heads:
    """RoBERTa's: the same, but its nonlinearity is GELU whatever the layers use."""
    return {"lm": LMHead(bias=True, transform=Transform("gelu", _norm(spec)))}


def next_sentence(spec: Transformer, labels: int) -> Heads:
    """Whether the second segment follows the first (ALBERT: whether the two stand in order)."""
    return {"pool": Pooler(), "sentence": SentencePair()}


def pretraining(spec: Transformer, labels: int) -> Heads:
    """The masked-language-model head and the sentence-pair head together."""
    return {**next_sentence(spec, labels), **masked_lm(spec, labels)}


def classify_pooled(spec: Transformer, labels: int) -> Heads:
    """A label for the sequence, from the pooled vector."""
    return {"pool": Pooler(), "classifier": Classifier(labels, "pooled", dropout=spec.at("embed.dropout"))}


def classify_first(spec: Transformer, labels: int) -> Heads:
    """A label for the sequence, from the first token's vector through a tanh layer of the head's own (RoBERTa)."""
    dropout = spec.at("embed.dropout")
    return {"classifier": Classifier(labels, "first", Transform("tanh", dropout=dropout), dropout=dropout)}


def classify_first_relu(spec: Transformer, labels: int) -> Heads:
    """The same with ReLU and dropout of 0.2, the reference's default (DistilBERT)."""
    return {"classifier": Classifier(labels, "first", Transform("relu", dropout=0.2))}
