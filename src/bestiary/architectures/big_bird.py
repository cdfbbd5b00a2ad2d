"""Big Bird: an encoder whose blocks of tokens see a few other blocks (Zaheer et al. 2020)."""

from __future__ import annotations

from typing import Any

from bestiary.architectures.bert import bert, classify_first, masked_lm
from bestiary.architectures.heads import Heads, tag_tokens
from bestiary.spec import Activation, Attention, BlockSparse, Pooler, SpansAfterQuestion, Transformer, swap

SEPARATOR = 66
"""The token that ends the question in the authors' vocabulary; a config may name another."""


def big_bird(
    dim: int,
    depth: int,
    heads: int,
    hidden: int,
    vocab: int,
    length: int = 4096,
    types: int = 2,
    *,
    block: int | None = 64,
    random: int = 3,
    bias: bool = True,
    scaled: bool = False,
    activation: Activation = "gelu_tanh",
    eps: float = 1e-12,
    dropout: float = 0.1,
    attention_dropout: float = 0.1,
) -> Transformer:
    """Big Bird (Zaheer et al. 2020): BERT with block-sparse attention.

    Blocks of ``block`` tokens see the first and the last block, three around their own and ``random`` others; without a
    ``block`` every token sees all. ``scaled`` multiplies token vectors by the root of their width.
    """
    body = bert(
        dim, depth, heads, hidden, vocab, length, types,
        activation=activation, eps=eps, dropout=dropout, attention_dropout=attention_dropout,
    )  # fmt: skip
    mask = () if block is None else (BlockSparse(block, random, length),)
    names = "qkvo" if bias else "o"
    stack = swap(body.stack, Attention, lambda attention: attention.replace(bias=names, mask=mask))
    return body.replace(stack=stack, embed=body.embed.replace(scaled=scaled))


def fill_in(spec: Transformer, labels: int) -> Heads:
    """BERT's masked-language-model head; the pooler stays beside it."""
    return {"pool": Pooler(), **masked_lm(spec, labels)}


def classify_beside_pooler(spec: Transformer, labels: int) -> Heads:
    """A label for the sequence, from the first token's vector through a layer with the body's nonlinearity."""
    head: Any = classify_first(spec, labels)["classifier"]
    transform = head.transform.replace(activation=spec.at("stack.layers[0].mlp.activation"))
    return {"pool": Pooler(), "classifier": head.replace(transform=transform)}


def tag_beside_pooler(spec: Transformer, labels: int) -> Heads:
    """A label for each token; the pooler stays beside it."""
    return {"pool": Pooler(), **tag_tokens(spec, labels)}


def find_spans(spec: Transformer, labels: int) -> Heads:
    """The span that answers a question, never in the question itself."""
    hidden, activation = spec.at("stack.layers[0].mlp.hidden"), spec.at("stack.layers[0].mlp.activation")
    norm, dropout = spec.at("stack.layers[0].mlp.norm"), spec.at("embed.dropout")
    return {"spans": SpansAfterQuestion(hidden, SEPARATOR, norm, activation, dropout)}
