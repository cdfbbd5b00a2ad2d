"""ERNIE of Tsinghua: BERT whose upper layers also read vectors of the entities that a text names."""

from __future__ import annotations

from bestiary.architectures.bert import bert, next_sentence
from bestiary.architectures.heads import Heads
from bestiary.spec import (
    Activation,
    EntityScores,
    Fusion,
    LayerNorm,
    LMHead,
    Residual,
    SideAttention,
    Stack,
    Transform,
    Transformer,
)


def ernie_thu(
    dim: int,
    depth: int,
    heads: int,
    hidden: int,
    vocab: int,
    length: int = 512,
    types: int = 2,
    fused_depth: int | None = None,
    entity_width: int = 100,
    entity_heads: int = 4,
    *,
    activation: Activation = "gelu",
    eps: float = 1e-12,
    dropout: float = 0.1,
    attention_dropout: float = 0.1,
) -> Transformer:
    """ERNIE (Zhang et al. 2019): BERT whose last ``fused_depth`` layers, half of them unless said, are aggregators.

    In these, tokens and entities attend apart and are fused where they are aligned (section 3.3). As released, the
    layer before them fuses already, with the entities as they are given.
    """
    text = bert(
        dim, depth, heads, hidden, vocab, length, types,
        activation=activation, eps=eps, dropout=dropout, attention_dropout=attention_dropout,
    )  # fmt: skip
    attend, mlp = text.at("stack.layers[0]")
    norm = LayerNorm(eps)
    enter = Fusion(hidden, entity_width, norm, None, activation, dropout)
    fuse = enter.replace(attention=SideAttention(entity_heads, attention_dropout))
    plain = (attend, mlp)
    entering, fused = ((attend, Residual(op, norm, "post", dropout=dropout)) for op in (enter, fuse))
    last = depth // 2 if fused_depth is None else fused_depth
    layers = ((plain,) * depth + (entering,) + (fused,) * last)[-depth:]
    return text.replace(stack=Stack(layers))


def _transform(spec: Transformer) -> Transform:
    return Transform(spec.at("stack.layers[-1].fusion.activation"), spec.at("embed.norm"))


def masked_lm(spec: Transformer, labels: int) -> Heads:
    """BERT's masked-language-model head."""
    return {"lm": LMHead(bias=True, transform=_transform(spec))}


def pretraining(spec: Transformer, labels: int) -> Heads:
    """The sentence-pair head, that of masked tokens, and that of entities whose alignment is hidden (section 3.4)."""
    return {**next_sentence(spec, labels), **masked_lm(spec, labels), "entities": EntityScores(_transform(spec))}
