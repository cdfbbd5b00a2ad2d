"""GPT-NeoX's checkpoints: queries, keys and values of each head together, and the names of Pythia and its kin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bestiary.errors import BestiaryError
from bestiary.spec import Parallel, Transformer, own_layers
from bestiary.weights.config import (
    ACTIVATIONS,
    WAIVE,
    Arguments,
    Derive,
    Flag,
    Number,
    Pin,
    Size,
    Word,
    is_number,
    shown,
)
from bestiary.weights.dialects.dialect import COMMON, Dialect
from bestiary.weights.dialects.rope import ROPE

_SERIAL = """
embed.tokens.weight                       = [gpt_neox.]embed_in.weight
stack.layers.{i}.attn.{q,k,v}.weight      = [gpt_neox.]layers.{i}.attention.query_key_value.weight | split_heads
stack.layers.{i}.attn.{q,k,v}.bias        = [gpt_neox.]layers.{i}.attention.query_key_value.bias | split_heads
stack.layers.{i}.attn.o.weight            = [gpt_neox.]layers.{i}.attention.dense.weight
stack.layers.{i}.attn.o.bias              = [gpt_neox.]layers.{i}.attention.dense.bias
stack.layers.{i}.attn_norm.{weight,bias}  = [gpt_neox.]layers.{i}.input_layernorm.{weight,bias}
stack.layers.{i}.mlp.up.{weight,bias}     = [gpt_neox.]layers.{i}.mlp.dense_h_to_4h.{weight,bias}
stack.layers.{i}.mlp.down.{weight,bias}   = [gpt_neox.]layers.{i}.mlp.dense_4h_to_h.{weight,bias}
stack.layers.{i}.mlp_norm.{weight,bias}   = [gpt_neox.]layers.{i}.post_attention_layernorm.{weight,bias}
stack.norm.{weight,bias}                  = [gpt_neox.]final_layer_norm.{weight,bias}
heads.lm.output.weight                    = embed_out.weight
heads.classifier.output.weight            = score.weight
heads.tags.output.{weight,bias}           = classifier.{weight,bias}
heads.spans.output.{weight,bias}          = qa_outputs.{weight,bias}
"""
_PARALLEL = (
    _SERIAL.replace("attn_norm.", "parallel.attn.norm.")
    .replace("mlp_norm.", "parallel.mlp.norm.")
    .replace("{i}.attn.", "{i}.parallel.attn.op.")
    .replace("{i}.mlp.up", "{i}.parallel.mlp.op.up")
    .replace("{i}.mlp.down", "{i}.parallel.mlp.op.down")
)

CONFIG = {
    **COMMON,
    "hidden_size": Size("dim"),
    "num_hidden_layers": Size("depth"),
    "num_attention_heads": Size("heads"),
    "intermediate_size": Size("hidden"),
    "vocab_size": Size("vocab"),
    "hidden_act": Word("activation", ACTIVATIONS, "gelu"),
    "layer_norm_eps": Number("eps", 1e-5),
    "hidden_dropout": Number("dropout", 0.0),
    "attention_dropout": Number("attention_dropout", 0.0),
    "tie_word_embeddings": Flag("tied", False),
    "attention_bias": Flag("attention_bias", True),
    "classifier_dropout": WAIVE,
    # The first checkpoint has these two, of which no reader ever took note.
    "attention_probs_dropout_prob": Pin((0, 0.0), "this family says attention_dropout"),
    "hidden_dropout_prob": Pin((0, 0.0), "this family says hidden_dropout"),
}

_ROTARY_KEYS = (*ROPE.keys, "rotary_pct", "rotary_emb_base", "partial_rotary_factor")


def _parallel(config: Mapping[str, Any]) -> bool:
    side_by_side = config.get("use_parallel_residual", True)
    if not isinstance(side_by_side, bool):
        raise BestiaryError(f"'use_parallel_residual' is {shown(side_by_side)}; give true or false")
    return side_by_side


def _read(config: Mapping[str, Any]) -> Arguments:
    """Read a base and a fraction that older files say beside each other, newer ones with the scaling."""
    given = next((config[key] for key in ("rope_parameters", "rope_scaling") if config.get(key)), {})
    fields = dict(given) if isinstance(given, dict) else {}
    fraction = _same(fields, config, "partial_rotary_factor", "rotary_pct", 0.25)
    base = _same(fields, config, "rope_theta", "rotary_emb_base", 10000)
    fields.pop("partial_rotary_factor", None)
    plain = {"rope_parameters": fields | {"rope_theta": base}} if isinstance(given, dict) else {"rope_scaling": given}
    return ROPE.read({"max_position_embeddings": config.get("max_position_embeddings"), **plain}) | {
        "fraction": float(fraction)
    }


def _same(fields: Mapping[str, Any], config: Mapping[str, Any], name: str, older: str, default: float) -> float:
    """Return a number that may be said in several places, which must agree."""
    places = (fields.get(name), config.get(older), config.get(name))
    said = [value for value in places if value is not None] or [default]
    for value in said:
        if not is_number(value) or value <= 0:
            raise BestiaryError(f"'{older}' is {shown(value)}; give a positive number")
        if value != said[0]:
            raise BestiaryError(f"'{name}' is {shown(said[0])} in one place and {shown(value)} in another; give one")
    return said[0]


def _write(arguments: Arguments) -> dict[str, Any]:
    written = ROPE.write(arguments)
    written["rope_parameters"] |= {"partial_rotary_factor": arguments["fraction"]}
    # transformers takes what stands in rope_scaling for the whole, were it there.
    del written["rope_theta"], written["rope_scaling"]
    return written | {"rotary_pct": arguments["fraction"], "rotary_emb_base": arguments["base"]}


def _arguments(spec: Transformer) -> Arguments:
    layer = own_layers(spec.stack)[0]
    branches: Any = layer if len(layer) == 2 else layer[0].op.at("ops")
    attention, mlp = branches
    rotary: Any = attention.at("position")
    head: Any = spec.heads.get("lm")
    return {
        "dim": spec.dim,
        "depth": len(own_layers(spec.stack)),
        "heads": attention.at("heads"),
        "hidden": mlp.at("hidden"),
        "vocab": spec.at("embed.vocab"),
        "length": rotary.length or 2048,
        "fraction": rotary.fraction,
        "base": rotary.base,
        "scaling": rotary.scaling,
        "activation": mlp.at("activation"),
        "eps": mlp.at("norm.eps"),
        "dropout": layer[0].dropout,
        "attention_dropout": attention.op.dropout,
        "tied": head.tied if head else False,
        "attention_bias": "q" in attention.at("bias"),
    }


DIALECT = Dialect(
    name="gpt_neox",
    architecture=lambda config: "gpt_neox" if _parallel(config) else "gpt_neox_serial",
    architectures=("gpt_neox", "gpt_neox_serial"),
    keys=lambda spec: _PARALLEL if isinstance(own_layers(spec.stack)[0][0].op, Parallel) else _SERIAL,
    config=CONFIG,
    tasks={
        "GPTNeoXForCausalLM": "causal-lm",
        "GPTNeoXModel": "base",
        "GPTNeoXForSequenceClassification": "sequence-classification",
        "GPTNeoXForTokenClassification": "token-classification",
        "GPTNeoXForQuestionAnswering": "question-answering",
    },
    derived=(
        Derive(_ROTARY_KEYS, _read, _write),
        Derive(
            ("use_parallel_residual",),
            lambda config: {},
            lambda arguments: {"use_parallel_residual": arguments["architecture"] == "gpt_neox"},
        ),
    ),
    repeated={
        "[gpt_neox.]layers.{i}.attention.bias": "",  # the causal mask, as a buffer
        "[gpt_neox.]layers.{i}.attention.masked_bias": "",
        "[gpt_neox.]layers.{i}.attention.rotary_emb.inv_freq": "",
        "embed_out.weight": "embed.tokens.weight",
    },
    renamed={"lm_head.weight": "embed_out.weight"},
    arguments=_arguments,
)
