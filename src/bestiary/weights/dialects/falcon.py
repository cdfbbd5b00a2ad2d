"""Falcon's checkpoints: groups of heads with their queries, keys and values together; branches in three ways."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bestiary.errors import BestiaryError
from bestiary.spec import Normed, Parallel, Rotary, Transformer, own_layers
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
    either_size,
    optional_size,
    shown,
)  # fmt: skip
from bestiary.weights.dialects.bloom import KEYS
from bestiary.weights.dialects.dialect import COMMON, Dialect
from bestiary.weights.dialects.rope import ROPE

_ONE_NORM = (
    KEYS.replace("{i}.mlp_norm.", "{i}.no_norm.")
    .replace("{i}.attn_norm.", "{i}.parallel_norm.")
    .replace("{i}.attn.", "{i}.parallel.attn.")
    .replace("{i}.mlp.{up", "{i}.parallel.mlp.{up")
)
_TWO_NORMS = (
    KEYS.replace("{i}.mlp_norm.", "{i}.parallel.mlp.norm.")
    .replace("{i}.attn_norm.", "{i}.parallel.attn.norm.")
    .replace("{i}.attn.", "{i}.parallel.attn.op.")
    .replace("{i}.mlp.{up", "{i}.parallel.mlp.op.{up")
    .replace("input_layernorm", "ln_attn")
    .replace("post_attention_layernorm", "ln_mlp")
)

CONFIG = {
    **COMMON,
    "num_hidden_layers": Size("depth"),
    "num_attention_heads": Size("heads"),
    "vocab_size": Size("vocab"),
    "activation": Word("activation", ACTIVATIONS, "gelu"),
    "layer_norm_epsilon": Number("eps", 1e-5),
    "hidden_dropout": Number("dropout", 0.0),
    "attention_dropout": Number("attention_dropout", 0.0),
    "alibi": Flag("alibi", False),
    "bias": Flag("bias", False),
    "tie_word_embeddings": Flag("tied", True),
    "apply_residual_connection_post_layernorm": Pin((False,), "a residual that starts behind the norm has no node"),
    "ff_factor": WAIVE,  # said again by ffn_hidden_size, which is what readers read
    "classifier_dropout": WAIVE,
}

_SIZES = ("hidden_size", "n_embed", "ffn_hidden_size")
_SHAPE = ("new_decoder_architecture", "multi_query", "parallel_attn", "num_kv_heads", "num_ln_in_parallel_attn")


def _flag(config: Mapping[str, Any], key: str, default: bool) -> bool:
    value = config.get(key)
    if value not in (None, True, False) or isinstance(value, int) != isinstance(value, bool):
        raise BestiaryError(f"'{key}' is {shown(value)}; give true or false")
    return default if value is None else value


def _shape(config: Mapping[str, Any]) -> str:
    """Return the architecture: how branches stand, and behind how many norms."""
    grouped, beside = _flag(config, "new_decoder_architecture", False), _flag(config, "parallel_attn", True)
    norms = optional_size(config, "num_ln_in_parallel_attn") or (2 if grouped else 1)
    if grouped and not beside:
        raise BestiaryError("'parallel_attn' is false, but the new architecture has its branches side by side")
    if norms > 2 or (norms == 2 and not grouped and beside):
        raise BestiaryError(f"'num_ln_in_parallel_attn' is {norms}, which this shape of layers cannot have; give 1")
    if not beside:
        return "falcon_serial"
    return "falcon_two_norms" if norms == 2 else "falcon"


def _read_sizes(config: Mapping[str, Any]) -> Arguments:
    dim = either_size(config, ("n_embed", "hidden_size"))
    return {"dim": dim, "hidden": optional_size(config, "ffn_hidden_size") or 4 * dim}


def _write_sizes(arguments: Arguments) -> dict[str, Any]:
    return {"hidden_size": arguments["dim"], "ffn_hidden_size": arguments["hidden"]}


def _read_shape(config: Mapping[str, Any]) -> Arguments:
    heads = config["num_attention_heads"]
    groups = optional_size(config, "num_kv_heads") or heads
    shared = _flag(config, "multi_query", True)  # beside the new architecture it says nothing
    if _flag(config, "new_decoder_architecture", False):
        return {"kv_heads": groups}
    if not shared and groups != heads:
        raise BestiaryError(
            f"'num_kv_heads' is {groups}, but without 'multi_query' each of the {heads} heads has its own"
        )
    return {"kv_heads": 1 if shared else heads}


def _write_shape(arguments: Arguments) -> dict[str, Any]:
    kind, heads = arguments["architecture"], arguments["heads"]
    groups = arguments["kv_heads"] or heads
    grouped = kind == "falcon_two_norms" or groups not in (1, heads)
    return {
        "new_decoder_architecture": grouped,
        "parallel_attn": kind != "falcon_serial",
        "multi_query": groups == 1 and not grouped,
        "num_kv_heads": groups if grouped else heads,
        "num_ln_in_parallel_attn": 2 if kind == "falcon_two_norms" else 1 if grouped else None,
    }


def _arguments(spec: Transformer) -> Arguments:
    layer = own_layers(spec.stack)[0]
    op: Any = layer[0].op
    ops: Any = op.ops if isinstance(op, Parallel) else tuple(branch.op for branch in layer)
    norm: Any = ops[0].norm if isinstance(ops[0], Normed) else layer[0].norm
    bare: Any = [part.op if isinstance(part, Normed) else part for part in ops]
    attention, mlp = bare
    rotary = attention.position if isinstance(attention.position, Rotary) else Rotary()
    head: Any = spec.heads.get("lm")
    return {
        "dim": spec.dim,
        "depth": len(own_layers(spec.stack)),
        "heads": attention.heads,
        "kv_heads": attention.kv_heads or attention.heads,
        "hidden": mlp.hidden,
        "vocab": spec.at("embed.vocab"),
        "length": rotary.length or 2048,
        "base": rotary.base,
        "scaling": rotary.scaling,
        "alibi": spec.stack.position is not None,
        "activation": mlp.activation,
        "eps": norm.eps,
        "dropout": layer[-1].dropout,
        "attention_dropout": layer[0].dropout if len(layer) == 2 else attention.dropout,
        "bias": mlp.bias,
        "tied": head.tied if head else True,
    }


def _keys(spec: Transformer) -> str:
    op = own_layers(spec.stack)[0][0].op
    if not isinstance(op, Parallel):
        return KEYS
    return _TWO_NORMS if isinstance(op.ops[0], Normed) else _ONE_NORM


DIALECT = Dialect(
    name="falcon",
    architecture=_shape,
    architectures=("falcon", "falcon_two_norms", "falcon_serial"),
    keys=_keys,
    config=CONFIG,
    tasks={
        "FalconForCausalLM": "causal-lm",
        "FalconModel": "base",
        "FalconForSequenceClassification": "sequence-classification",
        "FalconForTokenClassification": "token-classification",
        "FalconForQuestionAnswering": "question-answering",
    },
    derived=(
        Derive(_SIZES, _read_sizes, _write_sizes),
        Derive(_SHAPE, _read_shape, _write_shape),
        ROPE,
    ),
    repeated={
        "lm_head.weight": "embed.tokens.weight",
        "[transformer.]h.{i}.self_attention.rotary_emb.inv_freq": "",
        "[transformer.]h.{i}.self_attention.maybe_rotary.inv_freq": "",
    },
    arguments=_arguments,
)
