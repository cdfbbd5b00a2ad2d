"""ELECTRA: a small generator replaces tokens, and a discriminator tells which (Clark et al. 2020)."""

from __future__ import annotations

from bestiary.architectures.bert import bert
from bestiary.architectures.heads import Heads
from bestiary.architectures.vary import varies
from bestiary.spec import Activation, Classifier, LayerNorm, LMHead, ReplacedTokens, Transform, Transformer


@varies(bert)
def electra(model: Transformer, *, width: int | None = None) -> Transformer:
    """ELECTRA (Clark et al. 2020): BERT's layers, an embedding that may be narrower than they are, and no pooler."""
    return model.replace(embed=model.embed.replace(width=None if width == model.dim else width)).with_heads({})


def electra_generator(
    dim: int,
    depth: int,
    heads: int,
    hidden: int,
    vocab: int,
    width: int | None = None,
    length: int = 512,
    types: int = 2,
    *,
    divisor: int = 4,
    activation: Activation = "gelu",
    eps: float = 1e-12,
    dropout: float = 0.1,
    attention_dropout: float = 0.1,
) -> Transformer:
    """The generator that belongs to a discriminator of these sizes, with its masked-language-model head.

    It is as deep, and ``divisor`` times narrower in layers, heads and MLPs (Clark et al. 2020, section 3.2 and table 6:
    4 for small and large, 3 for base). Both read one embedding, so its width is the discriminator's.
    """
    model = electra(
        max(1, dim // divisor), depth, max(1, heads // divisor), max(1, hidden // divisor), vocab, length, types,
        width=width or dim, activation=activation, eps=eps, dropout=dropout, attention_dropout=attention_dropout,
    )  # fmt: skip
    return model.with_heads(fill_in(model, 0))


def fill_in(spec: Transformer, labels: int) -> Heads:
    """The generator's: a transform to the embedding's width, with GELU whatever the layers use."""
    norm: LayerNorm = spec.at("stack.layers[0].mlp.norm")
    return {"lm": LMHead(bias=True, transform=Transform("gelu", norm))}


def detect_replaced(spec: Transformer, labels: int) -> Heads:
    """The discriminator's: for each token, whether the generator put it there."""
    return {"replaced": ReplacedTokens(spec.at("stack.layers[0].mlp.activation"))}


def classify_first(spec: Transformer, labels: int) -> Heads:
    """A label for the sequence, from the first token's vector through a GELU layer of the head's own."""
    dropout = spec.at("embed.dropout")
    return {"classifier": Classifier(labels, "first", Transform("gelu", dropout=dropout), dropout=dropout)}
