"""ALBERT's checkpoints: one group of layers, run at every depth."""

from __future__ import annotations

from typing import Any

from bestiary.spec import Transformer, own_layers, run_order
from bestiary.weights.config import ACTIVATIONS, WAIVE, Arguments, Number, Pin, Size, Word
from bestiary.weights.dialects import bert
from bestiary.weights.dialects.dialect import Dialect, always

KEYS = """
embed.tokens.weight                       = [albert.]embeddings.word_embeddings.weight
embed.types.weight                        = [albert.]embeddings.token_type_embeddings.weight
embed.position.weight                     = [albert.]embeddings.position_embeddings.weight
embed.norm.{weight,bias}                  = [albert.]embeddings.LayerNorm.{weight,bias}
embed.project.{weight,bias}               = [albert.]encoder.embedding_hidden_mapping_in.{weight,bias}
stack.layers.{i}.attn.{q,k,v}.weight      = [albert.]encoder.albert_layer_groups.{i}.albert_layers.0.attention.{query,key,value}.weight
stack.layers.{i}.attn.{q,k,v}.bias        = [albert.]encoder.albert_layer_groups.{i}.albert_layers.0.attention.{query,key,value}.bias
stack.layers.{i}.attn.o.{weight,bias}     = [albert.]encoder.albert_layer_groups.{i}.albert_layers.0.attention.dense.{weight,bias}
stack.layers.{i}.attn_norm.{weight,bias}  = [albert.]encoder.albert_layer_groups.{i}.albert_layers.0.attention.LayerNorm.{weight,bias}
stack.layers.{i}.mlp.up.{weight,bias}     = [albert.]encoder.albert_layer_groups.{i}.albert_layers.0.ffn.{weight,bias}
stack.layers.{i}.mlp.down.{weight,bias}   = [albert.]encoder.albert_layer_groups.{i}.albert_layers.0.ffn_output.{weight,bias}
stack.layers.{i}.mlp_norm.{weight,bias}   = [albert.]encoder.albert_layer_groups.{i}.albert_layers.0.full_layer_layer_norm.{weight,bias}
heads.pool.dense.{weight,bias}            = [albert.]pooler.{weight,bias}
heads.lm.transform.dense.{weight,bias}    = predictions.dense.{weight,bias}
heads.lm.transform.norm.{weight,bias}     = predictions.LayerNorm.{weight,bias}
heads.lm.bias                             = predictions.bias
heads.sentence.output.{weight,bias}       = sop_classifier.classifier.{weight,bias}
heads.classifier.output.{weight,bias}     = classifier.{weight,bias}
heads.tags.output.{weight,bias}           = classifier.{weight,bias}
heads.spans.output.{weight,bias}          = qa_outputs.{weight,bias}
"""  # noqa: E501

CONFIG = {
    **{key: row for key, row in bert.CONFIG.items() if not key.startswith(("pooler_", "classifier_"))},
    "hidden_act": Word("activation", ACTIVATIONS, "gelu_new"),
    "hidden_dropout_prob": Number("dropout", 0.0),
    "attention_probs_dropout_prob": Number("attention_dropout", 0.0),
    "embedding_size": Size("width", 128),
    "num_hidden_groups": Size("groups", 1),
    "inner_group_num": Pin((1,), "groups of several layers were never published"),
    "down_scale_factor": Pin((1,), "downscaled attention was never published"),
    "gap_size": Pin((0,), "gaps between layers were never published"),
    "net_structure_type": Pin((0,), "other net structures were never published"),
    "num_memory_blocks": Pin((0,), "memory blocks were never published"),
    "classifier_dropout_prob": WAIVE,
    "layers_to_keep": WAIVE,
}


def _arguments(spec: Transformer) -> Arguments:
    embed: Any = spec.embed
    groups = len(own_layers(spec.stack))
    shared = {"depth": len(run_order(spec.stack)), "groups": groups, "width": embed.width or spec.dim}
    return bert.encoder_arguments(spec) | shared


DIALECT = Dialect(
    name="albert",
    architecture=always("albert"),
    architectures=("albert",),
    keys=always(KEYS),
    config=CONFIG,
    tasks={
        "AlbertModel": "base",
        "AlbertForMaskedLM": "masked-lm",
        "AlbertForPreTraining": "pretraining",
        "AlbertForSequenceClassification": "sequence-classification",
        "AlbertForTokenClassification": "token-classification",
        "AlbertForQuestionAnswering": "question-answering",
    },
    repeated={
        "[albert.]embeddings.position_ids": "",
        "predictions.decoder.weight": "embed.tokens.weight",
        "predictions.decoder.bias": "heads.lm.bias",
    },
    renamed=bert.DIALECT.renamed,
    arguments=_arguments,
)
