"""Decision Transformer's checkpoints: a GPT-2 inside, its tables of positions and words left in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bestiary.spec import Transformer, own_layers
from bestiary.weights.config import ACTIVATIONS, WAIVE, Arguments, Derive, Flag, Number, Size, Word
from bestiary.weights.dialects.dialect import COMMON, Dialect, always
from bestiary.weights.dialects.gpt2 import SCALES, read_inner, read_scales, write_inner, write_scales

KEYS = """
embed.times.weight                        = embed_timestep.weight
embed.return_to_go.{weight,bias}          = embed_return.{weight,bias}
embed.state.{weight,bias}                 = embed_state.{weight,bias}
embed.action.{weight,bias}                = embed_action.{weight,bias}
embed.norm.{weight,bias}                  = embed_ln.{weight,bias}
embed.position.weight                     = encoder.wpe.weight
embed.position.tokens                     = encoder.wte.weight
stack.layers.{i}.attn.{q,k,v}.weight      = encoder.h.{i}.attn.c_attn.weight | T | split
stack.layers.{i}.attn.{q,k,v}.bias        = encoder.h.{i}.attn.c_attn.bias | split
stack.layers.{i}.attn.o.weight            = encoder.h.{i}.attn.c_proj.weight | T
stack.layers.{i}.attn.o.bias              = encoder.h.{i}.attn.c_proj.bias
stack.layers.{i}.attn_norm.{weight,bias}  = encoder.h.{i}.ln_1.{weight,bias}
stack.layers.{i}.mlp.{up,down}.weight     = encoder.h.{i}.mlp.{c_fc,c_proj}.weight | T
stack.layers.{i}.mlp.{up,down}.bias       = encoder.h.{i}.mlp.{c_fc,c_proj}.bias
stack.layers.{i}.mlp_norm.{weight,bias}   = encoder.h.{i}.ln_2.{weight,bias}
stack.norm.{weight,bias}                  = encoder.ln_f.{weight,bias}
heads.state.output.{weight,bias}          = predict_state.{weight,bias}
heads.action.output.{weight,bias}         = predict_action.0.{weight,bias}
heads.return.output.{weight,bias}         = predict_return.{weight,bias}
"""

CONFIG = {
    **COMMON,
    "hidden_size": Size("dim", 128),
    "n_layer": Size("depth", 3),
    "n_head": Size("heads", 1),
    "state_dim": Size("state", 17),
    "act_dim": Size("action", 4),
    "max_ep_len": Size("steps", 4096),
    "n_positions": Size("places", 1024),
    "vocab_size": Size("tokens", 1),
    "action_tanh": Flag("tanh", True),
    "activation_function": Word("activation", ACTIVATIONS, "relu"),
    "layer_norm_epsilon": Number("eps", 1e-5),
    "resid_pdrop": Number("dropout", 0.1),
    "attn_pdrop": Number("attention_dropout", 0.1),
    "embd_pdrop": Number("embedding_dropout", 0.1),
    "reorder_and_upcast_attn": WAIVE,  # an order of float operations
    "max_length": WAIVE,  # how many steps were read at a time in training
}


def _as_gpt2(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the config with its sizes as GPT-2 spells them, the usual where it says none."""
    return {"n_embd": config.get("hidden_size", 128), "n_layer": 3, "n_head": 1, **config}


def _arguments(spec: Transformer) -> Arguments:
    attention, mlp = own_layers(spec.stack)[0]
    embed: Any = spec.embed
    arguments = {
        "dim": spec.dim,
        "depth": len(own_layers(spec.stack)),
        "heads": attention.at("heads"),
        "hidden": mlp.at("hidden"),
        "state": embed.state,
        "action": embed.action,
        "steps": embed.length,
        "places": embed.position.length,
        "tokens": embed.position.vocab,
        "activation": mlp.at("activation"),
        "eps": mlp.at("norm.eps"),
        "dropout": mlp.dropout,
        "attention_dropout": attention.op.at("dropout"),
        "embedding_dropout": embed.dropout,
        "scales": tuple(layer[0].at("op.scale") for layer in own_layers(spec.stack)),
        "tanh": spec.heads["action"].at("activation") is not None,
    }
    write_scales(arguments)  # else this family cannot say the spec
    return arguments


DIALECT = Dialect(
    name="decision_transformer",
    architecture=always("decision_transformer"),
    architectures=("decision_transformer",),
    keys=always(KEYS),
    config=CONFIG,
    tasks={"DecisionTransformerModel": "next-action"},
    derived=(
        Derive(("n_inner",), lambda config: read_inner(_as_gpt2(config)), write_inner),
        Derive(SCALES, lambda config: read_scales(_as_gpt2(config)), write_scales),
    ),
    repeated={
        "encoder.h.{i}.attn.bias": "",  # the causal mask, as a buffer
        "encoder.h.{i}.attn.masked_bias": "",
    },
    arguments=_arguments,
)
