"""ERNIE of Baidu: BERT whose embedding may also say which pretraining task a text belongs to."""

from __future__ import annotations

from bestiary.architectures.bert import bert
from bestiary.spec import Activation, LayerNorm, Learned, TaskTokens, Transformer


def ernie(
    dim: int,
    depth: int,
    heads: int,
    hidden: int,
    vocab: int,
    length: int = 512,
    types: int = 2,
    tasks: int | None = None,
    *,
    activation: Activation = "gelu",
    eps: float = 1e-12,
    dropout: float = 0.1,
    attention_dropout: float = 0.1,
) -> Transformer:
    """ERNIE (Sun et al. 2019a), which is BERT trained otherwise; with ``tasks``, ERNIE 2.0 (Sun et al. 2019b, 3.2)."""
    model = bert(
        dim, depth, heads, hidden, vocab, length, types,
        activation=activation, eps=eps, dropout=dropout, attention_dropout=attention_dropout,
    )  # fmt: skip
    if tasks is None:
        return model
    norm = LayerNorm(eps)
    return model.replace(embed=TaskTokens(vocab, types, Learned(length), norm, dropout=dropout, tasks=tasks))
