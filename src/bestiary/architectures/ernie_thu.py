"""ERNIE of Tsinghua: BERT whose upper layers also read vectors of the entities that a text names."""

from __future__ import annotations

from bestiary.architectures.bert import bert, next_sentence
from bestiary.architectures.heads import Heads
from bestiary.architectures.vary import varies
from bestiary.spec import (
    MLP,
    Attention,
    EntityScores,
    Fusion,
    LMHead,
    SideAttention,
    Stack,
    Transform,
    Transformer,
    own_layers,
)


@varies(bert)
def ernie_thu(
    model: Transformer, *, fused_depth: int | None = None, entity_width: int = 100, entity_heads: int = 4
) -> Transformer:
    """ERNIE (Zhang et al. 2019): BERT whose last ``fused_depth`` layers, half of them unless said, are aggregators.

    In these, tokens and entities attend apart and are fused where they are aligned (section 3.3). As released, the
    layer before them fuses already, with the entities as they are given.
    """
    plain, depth = own_layers(model.stack)[0], len(model.stack.layers)
    attend, mlp = plain
    assert isinstance(attend.op, Attention) and isinstance(mlp.op, MLP) and mlp.norm is not None
    enter = Fusion(mlp.op.hidden, entity_width, mlp.norm, None, mlp.op.activation, mlp.dropout)
    fuse = enter.replace(attention=SideAttention(entity_heads, attend.op.dropout))
    entering, fused = ((attend, mlp.replace(op=op)) for op in (enter, fuse))
    last = depth // 2 if fused_depth is None else fused_depth
    return model.replace(stack=Stack(((plain,) * depth + (entering,) + (fused,) * last)[-depth:]))


def _transform(spec: Transformer) -> Transform:
    return Transform(spec.at("stack.layers[-1].fusion.activation"), spec.at("embed.norm"))


def masked_lm(spec: Transformer, labels: int) -> Heads:
    """BERT's masked-language-model head."""
    return {"lm": LMHead(bias=True, transform=_transform(spec))}


def pretraining(spec: Transformer, labels: int) -> Heads:
    """The sentence-pair head, that of masked tokens, and that of entities whose alignment is hidden (section 3.4)."""
    return {**next_sentence(spec, labels), **masked_lm(spec, labels), "entities": EntityScores(_transform(spec))}
