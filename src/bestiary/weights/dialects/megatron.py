"""Checkpoints of encoders with the norms before each branch: Megatron's BERT, and the largest XLM-RoBERTa."""

from __future__ import annotations

from dataclasses import replace

from bestiary.weights.config import Number, Size
from bestiary.weights.dialects import bert, roberta
from bestiary.weights.dialects.dialect import always

KEYS = (
    bert.KEYS.replace(".attention.output.LayerNorm.", ".attention.ln.").replace("{i}.output.LayerNorm.", "{i}.ln.")
    + "stack.norm.{weight,bias} = [bert.]encoder.ln.{weight,bias}"
)

XL_KEYS = (
    roberta.KEYS.replace(".attention.output.LayerNorm.", ".attention.self_attn_layer_norm.").replace(
        "{i}.output.LayerNorm.", "{i}.LayerNorm."
    )
    + "stack.norm.{weight,bias} = [roberta.]encoder.LayerNorm.{weight,bias}"
)

DIALECT = replace(
    bert.DIALECT,
    name="megatron-bert",
    architecture=always("megatron_bert"),
    architectures=("megatron_bert",),
    keys=always(KEYS),
    tasks=bert.renamed_classes(bert.DIALECT.tasks, "Bert", "MegatronBert"),
    renamed={},
)

_XL = roberta.kin("xlm-roberta-xl", "XLMRobertaXL")
XLM_ROBERTA_XL = replace(
    _XL,
    architecture=always("xlm_roberta_xl"),
    architectures=("xlm_roberta_xl",),
    keys=always(XL_KEYS),
    config={**_XL.config, "type_vocab_size": Size("types", 1), "layer_norm_eps": Number("eps", 1e-5)},
    derived=(roberta.positions(514),),
)
