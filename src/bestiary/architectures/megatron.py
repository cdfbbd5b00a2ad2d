"""Encoders with the norms moved to the front of each branch: Megatron's BERT and the largest XLM-RoBERTa."""

from __future__ import annotations

from bestiary.architectures.bert import bert, roberta
from bestiary.architectures.vary import varies
from bestiary.spec import Stack, Transformer, own_layers


@varies(bert)
def megatron_bert(model: Transformer) -> Transformer:
    """Megatron's BERT (Shoeybi et al. 2019, section 5.3): norms before the branches, one more after the last layer.

    The norm of the embedding has moved into the first layer. Only so did larger models go on improving.
    """
    return _pre_norm(model)


@varies(roberta)
def xlm_roberta_xl(model: Transformer) -> Transformer:
    """XLM-R XL and XXL (Goyal et al. 2021): RoBERTa in pre-norm; what its MLPs add has no dropout."""
    return _pre_norm(model).at("stack.layers[*].mlp.dropout", 0.0)


def _pre_norm(model: Transformer) -> Transformer:
    layer = tuple(branch.replace(placement="pre") for branch in own_layers(model.stack)[0])
    stack = Stack((layer,) * len(model.stack.layers), layer[-1].norm)
    return model.replace(embed=model.embed.replace(norm=None), stack=stack)
