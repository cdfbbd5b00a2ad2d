"""GPT-J's checkpoints: GPT-2's names with matrices the usual way round, and rotary pairs that are neighbors."""

from __future__ import annotations

from typing import Any

from bestiary.spec import Transformer, own_layers
from bestiary.weights.config import ACTIVATIONS, WAIVE, Arguments, Derive, Flag, Number, Pin, Size, Word
from bestiary.weights.dialects import gpt2
from bestiary.weights.dialects.dialect import COMMON, Dialect, always

KEYS = """
embed.tokens.weight                            = [transformer.]wte.weight
stack.layers.{i}.parallel.attn.q.weight        = [transformer.]h.{i}.attn.q_proj.weight | rotary_q
stack.layers.{i}.parallel.attn.k.weight        = [transformer.]h.{i}.attn.k_proj.weight | rotary_k
stack.layers.{i}.parallel.attn.{v,o}.weight    = [transformer.]h.{i}.attn.{v_proj,out_proj}.weight
stack.layers.{i}.parallel.mlp.{up,down}.{weight,bias} = [transformer.]h.{i}.mlp.{fc_in,fc_out}.{weight,bias}
stack.layers.{i}.parallel_norm.{weight,bias}   = [transformer.]h.{i}.ln_1.{weight,bias}
stack.norm.{weight,bias}                       = [transformer.]ln_f.{weight,bias}
heads.lm.output.{weight,bias}                  = lm_head.{weight,bias}
heads.lm.bias                                  = lm_head.bias
heads.classifier.output.weight                 = score.weight
heads.spans.output.{weight,bias}               = qa_outputs.{weight,bias}
"""

_FROM_GPT2 = (
    "n_embd", "n_layer", "n_head", "vocab_size", "n_positions", "activation_function", "layer_norm_epsilon", "n_ctx",
)  # fmt: skip

CONFIG = {
    **COMMON,
    **gpt2.SUMMARY,
    **{key: gpt2.CONFIG[key] for key in _FROM_GPT2},
    "n_positions": Size("length", 2048),
    "activation_function": Word("activation", ACTIVATIONS, "gelu_new"),
    "rotary_dim": Size("rotated", 64),
    "rotary": Pin((True,), "this family has no other positions"),
    "resid_pdrop": Number("dropout", 0.0),
    "attn_pdrop": Number("attention_dropout", 0.0),
    "embd_pdrop": Number("embedding_dropout", 0.0),
    "tie_word_embeddings": Flag("tied", False),
    "scale_attn_weights": Pin((True,), "unscaled attention was never published in this family"),
    "jax": WAIVE,  # the first checkpoints say that they were trained in JAX
}


def _arguments(spec: Transformer) -> Arguments:
    (branch,) = own_layers(spec.stack)[0]
    attention, mlp, head = branch.at("attn"), branch.at("mlp"), spec.heads.get("lm")
    rotary: Any = attention.position
    head_dim = spec.dim // attention.heads
    return {
        "dim": spec.dim,
        "depth": len(own_layers(spec.stack)),
        "heads": attention.heads,
        "hidden": mlp.hidden,
        "vocab": spec.at("embed.vocab"),
        "length": rotary.length or 2048,
        "rotated": int(head_dim * rotary.fraction),
        "activation": mlp.activation,
        "eps": branch.at("norm.eps"),
        "dropout": branch.dropout,
        "attention_dropout": attention.dropout,
        "embedding_dropout": spec.at("embed.dropout"),
        "tied": getattr(head, "tied", False),
    }


DIALECT = Dialect(
    name="gptj",
    architecture=always("gptj"),
    architectures=("gptj",),
    keys=always(KEYS),
    config=CONFIG,
    tasks={
        "GPTJForCausalLM": "causal-lm",
        "GPTJModel": "base",
        "GPTJForSequenceClassification": "sequence-classification",
        "GPTJForQuestionAnswering": "question-answering",
    },
    derived=(Derive(("n_inner",), gpt2.read_inner, gpt2.write_inner),),
    repeated={
        "[transformer.]h.{i}.attn.bias": "",  # the causal mask, as a buffer
        "[transformer.]h.{i}.attn.masked_bias": "",
        "lm_head.weight": "embed.tokens.weight",
    },
    arguments=_arguments,
)
