"""Encoders with the norms moved to the front of each branch: Megatron's BERT and the largest XLM-RoBERTa."""

from __future__ import annotations

from bestiary.architectures.bert import bert, roberta
from bestiary.spec import Activation, LayerNorm, Stack, Transformer, own_layers


def megatron_bert(
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
    """Megatron's BERT (Shoeybi et al. 2019, section 5.3): norms before the branches, one more after the last layer.

    The norm of the embedding has moved into the first layer. Only so did larger models go on improving.
    """
    model = bert(
        dim, depth, heads, hidden, vocab, length, types,
        activation=activation, eps=eps, dropout=dropout, attention_dropout=attention_dropout,
    )  # fmt: skip
    return _pre_norm(model, eps, dropout)


def xlm_roberta_xl(
    dim: int,
    depth: int,
    heads: int,
    hidden: int,
    vocab: int,
    length: int = 512,
    types: int = 1,
    *,
    pad: int = 1,
    activation: Activation = "gelu",
    eps: float = 1e-5,
    dropout: float = 0.1,
    attention_dropout: float = 0.1,
) -> Transformer:
    """XLM-R XL and XXL (Goyal et al. 2021): RoBERTa in pre-norm; what its MLPs add has no dropout."""
    model = roberta(
        dim, depth, heads, hidden, vocab, length, types,
        pad=pad, activation=activation, eps=eps, dropout=dropout, attention_dropout=attention_dropout,
    )  # fmt: skip
    return _pre_norm(model, eps, 0.0)


def _pre_norm(model: Transformer, eps: float, mlp_dropout: float) -> Transformer:
    attention, mlp = own_layers(model.stack)[0]
    layer = (attention.replace(placement="pre"), mlp.replace(placement="pre", dropout=mlp_dropout))
    stack = Stack((layer,) * len(model.stack.layers), LayerNorm(eps))
    return model.replace(embed=model.embed.replace(norm=None), stack=stack)
