"""Big Bird: an encoder whose blocks of tokens see a few other blocks (Zaheer et al. 2020)."""

from __future__ import annotations

from typing import Any

from bestiary.architectures.bert import bert, classify_first, masked_lm
from bestiary.architectures.heads import Heads, tag_tokens
from bestiary.architectures.vary import varies
from bestiary.spec import Attention, BlockSparse, Pooler, SpansAfterQuestion, Transformer, swap

SEPARATOR = 66
"""The token that ends the question in the authors' vocabulary; a config may name another."""


@varies(bert, length=4096, activation="gelu_tanh")
def big_bird(
    model: Transformer, *, block: int | None = 64, random: int = 3, bias: bool = True, scaled: bool = False
) -> Transformer:
    """Big Bird (Zaheer et al. 2020): BERT with block-sparse attention.

    Blocks of ``block`` tokens see the first and the last block, three around their own and ``random`` others; without a
    ``block`` every token sees all. ``scaled`` multiplies token vectors by the root of their width.
    """
    mask = () if block is None else (BlockSparse(block, random, model.at("embed.position.length")),)
    names = "qkvo" if bias else "o"
    model = swap(model, Attention, lambda attention: attention.replace(bias=names, mask=mask))
    return model.replace(embed=model.embed.replace(scaled=scaled))


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
