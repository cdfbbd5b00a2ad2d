"""BERT's checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bestiary.errors import BestiaryError
from bestiary.spec import Transformer, own_layers
from bestiary.weights.config import ACTIVATIONS, WAIVE, Arguments, Number, Pin, Size, Word
from bestiary.weights.dialects.dialect import COMMON, Dialect, always

KEYS = """
embed.tokens.weight                       = [bert.]embeddings.word_embeddings.weight
embed.types.weight                        = [bert.]embeddings.token_type_embeddings.weight
embed.position.weight                     = [bert.]embeddings.position_embeddings.weight
embed.norm.{weight,bias}                  = [bert.]embeddings.LayerNorm.{weight,bias}
stack.layers.{i}.attn.{q,k,v}.weight      = [bert.]encoder.layer.{i}.attention.self.{query,key,value}.weight
stack.layers.{i}.attn.{q,k,v}.bias        = [bert.]encoder.layer.{i}.attention.self.{query,key,value}.bias
stack.layers.{i}.attn.o.{weight,bias}     = [bert.]encoder.layer.{i}.attention.output.dense.{weight,bias}
stack.layers.{i}.attn_norm.{weight,bias}  = [bert.]encoder.layer.{i}.attention.output.LayerNorm.{weight,bias}
stack.layers.{i}.mlp.up.{weight,bias}     = [bert.]encoder.layer.{i}.intermediate.dense.{weight,bias}
stack.layers.{i}.mlp.down.{weight,bias}   = [bert.]encoder.layer.{i}.output.dense.{weight,bias}
stack.layers.{i}.mlp_norm.{weight,bias}   = [bert.]encoder.layer.{i}.output.LayerNorm.{weight,bias}
heads.pool.dense.{weight,bias}            = [bert.]pooler.dense.{weight,bias}
heads.lm.transform.dense.{weight,bias}    = cls.predictions.transform.dense.{weight,bias}
heads.lm.transform.norm.{weight,bias}     = cls.predictions.transform.LayerNorm.{weight,bias}
heads.lm.bias                             = cls.predictions.bias
heads.sentence.output.{weight,bias}       = cls.seq_relationship.{weight,bias}
heads.classifier.output.{weight,bias}     = classifier.{weight,bias}
heads.tags.output.{weight,bias}           = classifier.{weight,bias}
heads.spans.output.{weight,bias}          = qa_outputs.{weight,bias}
"""

CONFIG = {
    **COMMON,
    "hidden_size": Size("dim"),
    "num_hidden_layers": Size("depth"),
    "num_attention_heads": Size("heads"),
    "intermediate_size": Size("hidden"),
    "vocab_size": Size("vocab"),
    "max_position_embeddings": Size("length", 512),
    "type_vocab_size": Size("types", 2),
    "hidden_act": Word("activation", ACTIVATIONS, "gelu"),
    "layer_norm_eps": Number("eps", 1e-12),
    "hidden_dropout_prob": Number("dropout", 0.1),
    "attention_probs_dropout_prob": Number("attention_dropout", 0.1),
    "position_embedding_type": Pin(("absolute",), "relative positions in this family are another architecture"),
    "classifier_dropout": WAIVE,
    "pooler_fc_size": WAIVE,
    "pooler_num_attention_heads": WAIVE,
    "pooler_num_fc_layers": WAIVE,
    "pooler_size_per_head": WAIVE,
    "pooler_type": WAIVE,
}


def encoder_arguments(spec: Transformer) -> Arguments:
    """Read the sizes of a post-norm encoder of tokens off its spec."""
    attention, mlp = own_layers(spec.stack)[0][:2]
    embed: Any = spec.embed
    return {
        "dim": spec.dim,
        "depth": len(own_layers(spec.stack)),
        "heads": attention.at("heads"),
        "hidden": mlp.at("hidden"),
        "vocab": embed.vocab,
        "length": embed.position.length,
        "types": embed.types,
        "activation": mlp.at("activation"),
        "eps": mlp.at("norm.eps"),
        "dropout": embed.dropout,
        "attention_dropout": attention.op.at("dropout"),
    }


def arguments(spec: Transformer) -> Arguments:
    """Read the sizes of an encoder that has segment types, as this family always does."""
    if not spec.at("embed.types"):
        raise BestiaryError("this family always has segment types")  # without them it is another dialect's
    return encoder_arguments(spec)


def renamed_classes(tasks: Mapping[str, str], old: str, new: str) -> dict[str, str]:
    """Return the tasks of a family whose classes are those of another one under a new name."""
    return {name.replace(old, new): task for name, task in tasks.items()}


DIALECT = Dialect(
    name="bert",
    architecture=always("bert"),
    architectures=("bert",),
    keys=always(KEYS),
    config=CONFIG,
    tasks={
        "BertModel": "base",
        "BertForMaskedLM": "masked-lm",
        "BertForPreTraining": "pretraining",
        "BertForNextSentencePrediction": "next-sentence",
        "BertForSequenceClassification": "sequence-classification",
        "BertForTokenClassification": "token-classification",
        "BertForQuestionAnswering": "question-answering",
    },
    repeated={
        "[bert.]embeddings.position_ids": "",
        "cls.predictions.decoder.weight": "embed.tokens.weight",
        "cls.predictions.decoder.bias": "heads.lm.bias",
    },
    renamed={"LayerNorm.gamma": "LayerNorm.weight", "LayerNorm.beta": "LayerNorm.bias"},
    arguments=arguments,
)
