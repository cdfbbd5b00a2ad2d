"""Stable LM's checkpoints: LLaMA's shape with LayerNorm, a part of each head turned, and perhaps parallel branches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bestiary.errors import BestiaryError
from bestiary.spec import Parallel, QKNormAttention, own_layers
from bestiary.weights.config import Arguments, Derive, Flag, Number, Row, is_number, shown
from bestiary.weights.dialects.dialect import Dialect, always
from bestiary.weights.dialects.llama import KEYS, REPEATED, SHAPE, branches, decoder_arguments, grouped, tasks
from bestiary.weights.dialects.rope import rope

_NORMS = """
stack.layers.{i}.attn_norm.bias     = [model.]layers.{i}.input_layernorm.bias
stack.layers.{i}.mlp_norm.bias      = [model.]layers.{i}.post_attention_layernorm.bias
stack.norm.bias                     = [model.]norm.bias
stack.layers.{i}.attn.q.norm.weight = [model.]layers.{i}.self_attn.q_layernorm.norms.{e}.weight | stack
stack.layers.{i}.attn.k.norm.weight = [model.]layers.{i}.self_attn.k_layernorm.norms.{e}.weight | stack
"""

CONFIG: dict[str, Row] = {
    **{key: row for key, row in SHAPE.items() if key != "rms_norm_eps"},
    "layer_norm_eps": Number("eps", 1e-5),
    "use_qkv_bias": Flag("attention_bias", False),
    "qk_layernorm": Flag("qk_norm", False),
}


def _keys(spec: Any) -> str:
    table = KEYS + _NORMS
    if not _parallel(spec):
        return table
    for name in ("attn.", "mlp."):
        table = table.replace(f"stack.layers.{{i}}.{name}", f"stack.layers.{{i}}.parallel.{name}")
    return table.replace("stack.layers.{i}.attn_norm.", "stack.layers.{i}.parallel_norm.")


def _parallel(spec: Any) -> bool:
    return isinstance(own_layers(spec.stack)[0][0].op, Parallel)


def _read(config: Mapping[str, Any]) -> Arguments:
    parallel, dropout = config.get("use_parallel_residual", False), config.get("hidden_dropout", 0.0)
    if not isinstance(parallel, bool):
        raise BestiaryError(f"'use_parallel_residual' is {shown(parallel)}; give true or false")
    if not is_number(dropout):
        raise BestiaryError(f"'hidden_dropout' is {shown(dropout)}; give a number")
    if parallel and dropout:
        raise BestiaryError(
            f"'hidden_dropout' is {shown(dropout)}, but dropout on one of two parallel branches is not supported;"
            " set it to 0.0"
        )
    return {"parallel": parallel, "dropout": float(dropout)}


def _write(arguments: Arguments) -> dict[str, Any]:
    return {"use_parallel_residual": arguments["parallel"], "hidden_dropout": arguments["dropout"]}


def _arguments(spec: Any) -> Arguments:
    layer = own_layers(spec.stack)[0]
    own = {
        "qk_norm": isinstance(branches(layer)[0], QKNormAttention),
        "parallel": _parallel(spec),
        "dropout": layer[-1].dropout,
    }
    return decoder_arguments(spec, "fraction attention_bias") | own


DIALECT = Dialect(
    name="stablelm",
    architecture=always("stablelm"),
    architectures=("stablelm",),
    keys=_keys,
    config=CONFIG,
    tasks=tasks("StableLm", "token-classification"),
    derived=(
        grouped(kv_heads=32),
        rope(length=4096, fraction=0.25),
        Derive(("use_parallel_residual", "hidden_dropout"), _read, _write),
    ),
    repeated=REPEATED,
    arguments=_arguments,
)
