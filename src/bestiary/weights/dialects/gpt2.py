"""GPT-2's checkpoints: matrices stored in by out, queries, keys and values in one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bestiary.spec import Transformer, own_layers
from bestiary.weights.config import ACTIVATIONS, WAIVE, Arguments, Derive, Number, Pin, Size, Word, optional_size
from bestiary.weights.dialects.dialect import COMMON, Dialect, always

KEYS = """
embed.tokens.weight                       = [transformer.]wte.weight
embed.position.weight                     = [transformer.]wpe.weight
stack.layers.{i}.attn.{q,k,v}.weight      = [transformer.]h.{i}.attn.c_attn.weight | T | split
stack.layers.{i}.attn.{q,k,v}.bias        = [transformer.]h.{i}.attn.c_attn.bias | split
stack.layers.{i}.attn.o.weight            = [transformer.]h.{i}.attn.c_proj.weight | T
stack.layers.{i}.attn.o.bias              = [transformer.]h.{i}.attn.c_proj.bias
stack.layers.{i}.attn_norm.{weight,bias}  = [transformer.]h.{i}.ln_1.{weight,bias}
stack.layers.{i}.mlp.{up,down}.weight     = [transformer.]h.{i}.mlp.{c_fc,c_proj}.weight | T
stack.layers.{i}.mlp.{up,down}.bias       = [transformer.]h.{i}.mlp.{c_fc,c_proj}.bias
stack.layers.{i}.mlp_norm.{weight,bias}   = [transformer.]h.{i}.ln_2.{weight,bias}
stack.norm.{weight,bias}                  = [transformer.]ln_f.{weight,bias}
heads.classifier.output.weight            = score.weight
"""

SUMMARY = dict.fromkeys(
    ("summary_activation", "summary_first_dropout", "summary_proj_to_labels", "summary_type", "summary_use_proj"), WAIVE
)

CONFIG = {
    **COMMON,
    **SUMMARY,
    "n_embd": Size("dim"),
    "n_layer": Size("depth"),
    "n_head": Size("heads"),
    "vocab_size": Size("vocab"),
    "n_positions": Size("length", 1024),
    "activation_function": Word("activation", ACTIVATIONS, "gelu_new"),
    "layer_norm_epsilon": Number("eps", 1e-5),
    "resid_pdrop": Number("dropout", 0.1),
    "attn_pdrop": Number("attention_dropout", 0.1),
    "embd_pdrop": Number("embedding_dropout", 0.1),
    "scale_attn_weights": Pin((True,), "unscaled attention was never published in this family"),
    "scale_attn_by_inverse_layer_idx": Pin((False,), "scores scaled by depth are another architecture"),
    "reorder_and_upcast_attn": WAIVE,  # an order of float operations
    "n_ctx": WAIVE,  # the older name of n_positions, beside it
}


def read_inner(config: Mapping[str, Any]) -> Arguments:
    """The MLP's width: four times the model's unless ``n_inner`` says otherwise."""
    return {"hidden": optional_size(config, "n_inner") or 4 * config["n_embd"]}


def write_inner(arguments: Arguments) -> dict[str, Any]:
    """The inverse."""
    return {"n_inner": None if arguments["hidden"] == 4 * arguments["dim"] else arguments["hidden"]}


def decoder_arguments(spec: Transformer) -> Arguments:
    """Read the sizes of a decoder with learned positions off its spec."""
    attention, mlp = own_layers(spec.stack)[0][:2]
    embed: Any = spec.embed
    return {
        "dim": spec.dim,
        "depth": len(own_layers(spec.stack)),
        "heads": attention.at("heads"),
        "hidden": mlp.at("hidden"),
        "vocab": embed.vocab,
        "length": embed.position.length,
        "activation": mlp.at("activation"),
        "eps": mlp.at("norm.eps"),
        "dropout": mlp.dropout,
        "attention_dropout": attention.op.at("dropout"),
        "embedding_dropout": embed.dropout,
    }


DIALECT = Dialect(
    name="gpt2",
    architecture=always("gpt2"),
    architectures=("gpt2",),
    keys=always(KEYS),
    config=CONFIG,
    tasks={
        "GPT2LMHeadModel": "causal-lm",
        "GPT2Model": "base",
        "GPT2ForSequenceClassification": "sequence-classification",
    },
    derived=(Derive(("n_inner",), read_inner, write_inner),),
    repeated={
        "[transformer.]h.{i}.attn.bias": "",  # the causal mask, as a buffer
        "[transformer.]h.{i}.attn.masked_bias": "",
        "lm_head.weight": "embed.tokens.weight",
    },
    arguments=decoder_arguments,
)
