"""CTRL's checkpoints."""

from __future__ import annotations

from typing import Any

from bestiary.spec import Transformer, own_layers
from bestiary.weights.config import WAIVE, Arguments, Flag, Number, Size
from bestiary.weights.dialects import gpt2
from bestiary.weights.dialects.dialect import COMMON, Dialect, always

KEYS = """
embed.tokens.weight                       = [transformer.]w.weight
stack.layers.{i}.attn.q.{weight,bias}     = [transformer.]h.{i}.multi_head_attention.Wq.{weight,bias}
stack.layers.{i}.attn.k.{weight,bias}     = [transformer.]h.{i}.multi_head_attention.Wk.{weight,bias}
stack.layers.{i}.attn.v.{weight,bias}     = [transformer.]h.{i}.multi_head_attention.Wv.{weight,bias}
stack.layers.{i}.attn.o.{weight,bias}     = [transformer.]h.{i}.multi_head_attention.dense.{weight,bias}
stack.layers.{i}.attn_norm.{weight,bias}  = [transformer.]h.{i}.layernorm1.{weight,bias}
stack.layers.{i}.mlp.{up,down}.{weight,bias} = [transformer.]h.{i}.ffn.{0,2}.{weight,bias}
stack.layers.{i}.mlp_norm.{weight,bias}   = [transformer.]h.{i}.layernorm2.{weight,bias}
stack.norm.{weight,bias}                  = [transformer.]layernorm.{weight,bias}
heads.lm.output.{weight,bias}             = lm_head.{weight,bias}
heads.lm.bias                             = lm_head.bias
heads.classifier.output.weight            = classifier.weight
"""

CONFIG = {
    **COMMON,
    **gpt2.SUMMARY,
    "n_embd": Size("dim"),
    "n_layer": Size("depth"),
    "n_head": Size("heads"),
    "dff": Size("hidden"),
    "vocab_size": Size("vocab"),
    "n_positions": Size("length", 256),
    "layer_norm_epsilon": Number("eps", 1e-6),
    "resid_pdrop": Number("dropout", 0.1),
    "embd_pdrop": Number("embedding_dropout", 0.1),
    "tie_word_embeddings": Flag("tied", True),
    "attn_pdrop": WAIVE,  # published, but no reader drops anything of the attention's probabilities
    "from_tf": WAIVE,
    "n_ctx": WAIVE,  # the length of training, shorter than the table of positions
    "predict_special_tokens": WAIVE,
}


def _arguments(spec: Transformer) -> Arguments:
    attention, mlp = own_layers(spec.stack)[0]
    head: Any = spec.heads.get("lm")
    return {
        "dim": spec.dim,
        "depth": len(own_layers(spec.stack)),
        "heads": attention.at("heads"),
        "hidden": mlp.at("hidden"),
        "vocab": spec.at("embed.vocab"),
        "length": spec.at("embed.position.length"),
        "eps": spec.at("stack.norm.eps"),
        "dropout": mlp.dropout,
        "embedding_dropout": spec.at("embed.dropout"),
        "tied": head.tied if head else True,
    }


DIALECT = Dialect(
    name="ctrl",
    architecture=always("ctrl"),
    architectures=("ctrl",),
    keys=always(KEYS),
    config=CONFIG,
    tasks={
        "CTRLLMHeadModel": "causal-lm",
        "CTRLModel": "base",
        "CTRLForSequenceClassification": "sequence-classification",
    },
    repeated={"lm_head.weight": "embed.tokens.weight"},
    arguments=_arguments,
)
