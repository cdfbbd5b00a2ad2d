"""Encoders for long documents: attention in a band and from a few global tokens (Beltagy et al. 2020)."""

from __future__ import annotations

from bestiary.architectures.bert import classify_first, roberta
from bestiary.architectures.heads import Heads, find_spans
from bestiary.architectures.vary import varies
from bestiary.spec import Attention, FirstGlobal, QuestionGlobal, Transformer, WindowedAttention, own_layers

SEPARATOR = 2
"""The token that ends the question in RoBERTa's vocabulary; a config may name another."""


@varies(roberta, length=4096)
def longformer(model: Transformer, *, window: int | tuple[int, ...] = 256) -> Transformer:
    """Longformer (Beltagy et al. 2020): RoBERTa whose tokens see ``window`` neighbors on either side.

    A tuple gives each layer a window of its own. Global tokens, which the input names, see all and are seen by all.
    """
    attention, mlp = own_layers(model.stack)[0]
    assert isinstance(attention.op, Attention)
    sizes = (window,) * len(model.stack.layers) if isinstance(window, int) else window
    ops = {size: WindowedAttention(attention.op.heads, size, attention.op.dropout) for size in sizes}
    layers = {size: (attention.replace(op=op), mlp) for size, op in ops.items()}
    return model.replace(stack=model.stack.replace(layers=tuple(layers[size] for size in sizes)))


def classify_global(spec: Transformer, labels: int) -> Heads:
    """RoBERTa's label for the sequence; the token that it is read from sees the whole text."""
    return {"global": FirstGlobal(), **classify_first(spec, labels)}


def find_spans_global(spec: Transformer, labels: int) -> Heads:
    """The span that answers a question, whose tokens see the whole text."""
    return {"global": QuestionGlobal(SEPARATOR), **find_spans(spec, labels)}
