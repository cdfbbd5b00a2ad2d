"""Trajectory Transformer's checkpoints, as transformers wrote them before its fifth version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bestiary.errors import BestiaryError
from bestiary.spec import Transformer, own_layers
from bestiary.weights.config import WAIVE, Arguments, Derive, Number, Size, shown
from bestiary.weights.dialects.dialect import COMMON, Dialect, always

KEYS = """
embed.tokens.weight                       = tok_emb.weight
embed.position.weight                     = pos_emb | unwrap
stack.layers.{i}.attn.{q,k,v}.weight      = blocks.{i}.attn.{query,key,value}.weight
stack.layers.{i}.attn.{q,k,v}.bias        = blocks.{i}.attn.{query,key,value}.bias
stack.layers.{i}.attn.o.{weight,bias}     = blocks.{i}.attn.proj.{weight,bias}
stack.layers.{i}.attn_norm.{weight,bias}  = blocks.{i}.ln1.{weight,bias}
stack.layers.{i}.mlp.up.{weight,bias}     = blocks.{i}.l1.{weight,bias}
stack.layers.{i}.mlp.down.{weight,bias}   = blocks.{i}.l2.{weight,bias}
stack.layers.{i}.mlp_norm.{weight,bias}   = blocks.{i}.ln2.{weight,bias}
stack.norm.{weight,bias}                  = ln_f.{weight,bias}
heads.bins.weight                         = head.weight
"""

CONFIG = {
    **COMMON,
    "n_embd": Size("dim", 128),
    "n_layer": Size("depth", 4),
    "n_head": Size("heads", 4),
    "observation_dim": Size("observation", 17),
    "action_dim": Size("action", 6),
    "vocab_size": Size("bins", 100),
    "block_size": Size("length", 249),
    "resid_pdrop": Number("dropout", 0.1),
    "attn_pdrop": Number("attention_dropout", 0.1),
    "embd_pdrop": Number("embedding_dropout", 0.1),
    "layer_norm_eps": WAIVE,  # its norms have torch's own, whatever is said
    "max_position_embeddings": WAIVE,  # block_size says how many there are
    "action_weight": WAIVE,  # these three weigh the loss
    "reward_weight": WAIVE,
    "value_weight": WAIVE,
    "learning_rate": WAIVE,
    "kaiming_initializer_range": WAIVE,
}


def _read_width(config: Mapping[str, Any]) -> Arguments:
    parts = [config.get(name, usual) for name, usual in (("observation_dim", 17), ("action_dim", 6))]
    said = config.get("transition_dim", 25)
    if type(said) is not int or said != sum(parts) + 2:
        raise BestiaryError(
            f"'transition_dim' is {shown(said)}, but state, action, reward and value are {sum(parts) + 2} numbers"
        )
    return {}


def _write_width(arguments: Arguments) -> dict[str, Any]:
    return {"transition_dim": arguments["observation"] + arguments["action"] + 2}


def _arguments(spec: Transformer) -> Arguments:
    attention, mlp = own_layers(spec.stack)[0]
    embed: Any = spec.embed
    return {
        "dim": spec.dim,
        "depth": len(own_layers(spec.stack)),
        "heads": attention.at("heads"),
        "observation": embed.observation,
        "action": embed.action,
        "bins": embed.bins,
        "length": embed.position.length,
        "dropout": mlp.dropout,
        "attention_dropout": attention.op.at("dropout"),
        "embedding_dropout": embed.dropout,
    }


DIALECT = Dialect(
    name="trajectory_transformer",
    architecture=always("trajectory_transformer"),
    architectures=("trajectory_transformer",),
    keys=always(KEYS),
    config=CONFIG,
    tasks={"TrajectoryTransformerModel": "next-action"},
    derived=(Derive(("transition_dim",), _read_width, _write_width),),
    repeated={"blocks.{i}.attn.mask": ""},  # a buffer
    arguments=_arguments,
)
