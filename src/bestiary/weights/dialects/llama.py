"""LLaMA's checkpoints, and what the many families in its shape share with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bestiary.spec import Layer, LMHead, Op, Parallel, Spans, Transformer, Window, own_layers
from bestiary.weights.config import (
    ACTIVATIONS,
    WAIVE,
    Arguments,
    Derive,
    Flag,
    Number,
    Pin,
    Row,
    Size,
    Word,
    optional_size,
)
from bestiary.weights.dialects.dialect import COMMON, Dialect
from bestiary.weights.dialects.rope import ROPE

KEYS = """
embed.tokens.weight                       = [model.]embed_tokens.weight
stack.layers.{i}.attn.{q,k,v,o}.weight    = [model.]layers.{i}.self_attn.{q_proj,k_proj,v_proj,o_proj}.weight
stack.layers.{i}.attn.{q,k,v}.bias        = [model.]layers.{i}.self_attn.{q_proj,k_proj,v_proj}.bias
stack.layers.{i}.attn.o.bias              = [model.]layers.{i}.self_attn.o_proj.bias
stack.layers.{i}.attn_norm.weight         = [model.]layers.{i}.input_layernorm.weight
stack.layers.{i}.mlp.{gate,up,down}.weight = [model.]layers.{i}.mlp.{gate_proj,up_proj,down_proj}.weight
stack.layers.{i}.mlp.{gate,up,down}.bias  = [model.]layers.{i}.mlp.{gate_proj,up_proj,down_proj}.bias
stack.layers.{i}.mlp_norm.weight          = [model.]layers.{i}.post_attention_layernorm.weight
stack.norm.weight                         = [model.]norm.weight
heads.lm.output.weight                    = lm_head.weight
heads.classifier.output.weight            = score.weight
heads.tags.output.{weight,bias}           = score.{weight,bias}
heads.spans.output.{weight,bias}          = qa_outputs.{weight,bias}
"""


def keys(spec: Any, table: str = KEYS) -> str:
    """The body of a model that finds spans is called otherwise, in some of these families, for old files' sake."""
    finds = any(isinstance(head, Spans) for head in spec.heads.values())
    return table.replace("[model.]", "[transformer./model.]" if finds else "[model./transformer.]")


SHAPE: dict[str, Row] = {
    **COMMON,
    "hidden_size": Size("dim"),
    "num_hidden_layers": Size("depth"),
    "num_attention_heads": Size("heads"),
    "intermediate_size": Size("hidden"),
    "vocab_size": Size("vocab"),
    "hidden_act": Word("activation", ACTIVATIONS, "silu"),
    "rms_norm_eps": Number("eps", 1e-6),
    "tie_word_embeddings": Flag("tied", False),
    "attention_dropout": Number("attention_dropout", 0.0),
}
"""What every family in this shape says in the same words."""

CONFIG: dict[str, Row] = {
    **SHAPE,
    "attention_bias": Flag("attention_bias", False),
    "mlp_bias": Flag("mlp_bias", False),
    "pretraining_tp": WAIVE,  # an order of float operations
    "rope_interleaved": Pin((False,), "pairs of neighbors are reordered only where the files say so by their format"),
    "is_llama_config": WAIVE,
    "max_sequence_length": WAIVE,  # the first conversions and Vicuna say it; no reader reads it
}

REPEATED = {
    "[model.]layers.{i}.self_attn.rotary_emb.inv_freq": "",
    "[model.]rotary_emb.inv_freq": "",
    "lm_head.weight": "embed.tokens.weight",
}

SIZES = "dim depth heads kv_heads head_dim hidden vocab length base scaling eps activation tied attention_dropout"


def grouped(kv_heads: int | None = None, head_dim: int | None = None) -> Derive:
    """Return the row of a family's heads, with what its configs mean where they do not count or size them."""

    def read(config: Mapping[str, Any]) -> Arguments:
        given = {"num_key_value_heads": kv_heads, "head_dim": head_dim, **config}
        shared = optional_size(given, "num_key_value_heads") or config["num_attention_heads"]
        return {"kv_heads": shared, "head_dim": optional_size(given, "head_dim")}

    return Derive(("num_key_value_heads", "head_dim"), read, _write_grouped)


def _write_grouped(arguments: Arguments) -> dict[str, Any]:
    heads, dim = arguments["heads"], arguments["dim"]
    return {"num_key_value_heads": arguments["kv_heads"] or heads, "head_dim": arguments["head_dim"] or dim // heads}


def tasks(name: str, *others: str) -> dict[str, str]:
    """Return the classes of a family: the usual ones, and those that it has besides."""
    found = {
        f"{name}ForCausalLM": "causal-lm",
        f"{name}Model": "base",
        f"{name}ForSequenceClassification": "sequence-classification",
    }
    classes = {"token-classification": "ForTokenClassification", "question-answering": "ForQuestionAnswering"}
    return found | {f"{name}{classes[task]}": task for task in others}


BOTH = ("token-classification", "question-answering")


def decoder_arguments(spec: Transformer, more: str = "", tied: bool = False) -> Arguments:
    """Read the sizes of a decoder with rotary positions and gated MLPs off its spec, and ``more`` by their names.

    ``tied`` is what a family without a head means.
    """
    layers = own_layers(spec.stack)
    attention, mlp = branches(layers[0])
    head = next((head for head in spec.heads.values() if isinstance(head, LMHead)), None)
    rotary: Any = attention.at("position")
    windows = {
        index: mask.size
        for index, layer in enumerate(layers)
        for mask in branches(layer)[0].at("mask")
        if isinstance(mask, Window)
    }
    found = {
        "dim": spec.dim,
        "depth": len(layers),
        "heads": attention.at("heads"),
        "kv_heads": attention.at("kv_heads"),
        "head_dim": attention.at("head_dim"),
        "hidden": mlp.at("hidden"),
        "vocab": spec.at("embed.vocab"),
        "length": rotary.length or 2048,
        "base": rotary.base,
        "fraction": rotary.fraction,
        "scaling": rotary.scaling,
        "window": next(iter(windows.values()), None),
        "windowed": tuple(windows),
        "eps": spec.at("stack.norm.eps"),
        "activation": mlp.at("activation"),
        "tied": head.tied if head else tied,
        "attention_bias": "q" in attention.at("bias"),
        "mlp_bias": mlp.at("bias"),
        "attention_dropout": attention.at("dropout"),
    }
    return {name: found[name] for name in f"{SIZES} {more}".split()}


def branches(layer: Layer) -> tuple[Op, Op]:
    """Return the attention and the MLP of a layer, whether they run after one another or side by side."""
    first = layer[0].op
    attention, mlp = first.ops if isinstance(first, Parallel) else (first, layer[1].op)
    return attention, mlp


DIALECT = Dialect(
    name="llama",
    architecture=lambda config: "llama",
    architectures=("llama",),
    keys=keys,
    config=CONFIG,
    tasks=tasks("Llama", *BOTH) | {"LLaMAForCausalLM": "causal-lm"},  # as the first conversions spell it
    derived=(grouped(), ROPE),
    repeated=REPEATED,
    arguments=lambda spec: decoder_arguments(spec, "attention_bias mlp_bias"),
)
