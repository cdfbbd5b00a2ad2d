"""Encoders for long documents: attention in a band and from a few global tokens (Beltagy et al. 2020)."""

from __future__ import annotations

from bestiary.architectures.bert import classify_first, roberta
from bestiary.architectures.heads import Heads, find_spans
from bestiary.spec import Activation, FirstGlobal, QuestionGlobal, Residual, Transformer, WindowedAttention

SEPARATOR = 2
"""The token that ends the question in RoBERTa's vocabulary; a config may name another."""


def longformer(
    dim: int,
    depth: int,
    heads: int,
    hidden: int,
    vocab: int,
    length: int = 4096,
    types: int = 1,
    *,
    window: int | tuple[int, ...] = 256,
    pad: int = 1,
    activation: Activation = "gelu",
    eps: float = 1e-5,
    dropout: float = 0.1,
    attention_dropout: float = 0.1,
) -> Transformer:
    """Longformer (Beltagy et al. 2020): RoBERTa whose tokens see ``window`` neighbors on either side.

    A tuple gives each layer a window of its own. Global tokens, which the input names, see all and are seen by all.
    """
    body = roberta(
        dim, 1, heads, hidden, vocab, length, types,
        pad=pad, activation=activation, eps=eps, dropout=dropout, attention_dropout=attention_dropout,
    )  # fmt: skip
    attention, mlp = body.stack.layers[0]  # type: ignore[misc]
    assert isinstance(attention, Residual) and isinstance(mlp, Residual)
    sizes = (window,) * depth if isinstance(window, int) else window
    ops = {size: WindowedAttention(heads, size, attention_dropout) for size in sizes}
    layers = {size: (attention.replace(op=op), mlp) for size, op in ops.items()}
    return body.replace(stack=body.stack.replace(layers=tuple(layers[size] for size in sizes)))


def classify_global(spec: Transformer, labels: int) -> Heads:
    """RoBERTa's label for the sequence; the token that it is read from sees the whole text."""
    return {"global": FirstGlobal(), **classify_first(spec, labels)}


def find_spans_global(spec: Transformer, labels: int) -> Heads:
    """The span that answers a question, whose tokens see the whole text."""
    return {"global": QuestionGlobal(SEPARATOR), **find_spans(spec, labels)}
