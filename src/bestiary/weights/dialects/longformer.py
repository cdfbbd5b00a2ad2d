"""Longformer's checkpoints: RoBERTa's under another prefix, with projections of their own for global tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from bestiary.errors import BestiaryError
from bestiary.spec import Transformer, own_layers
from bestiary.weights.config import WAIVE, Arguments, Derive, Pin, shown
from bestiary.weights.dialects import roberta
from bestiary.weights.dialects.dialect import Dialect, always

_LAYER = "[longformer.]encoder.layer.{i}.attention.self"

KEYS = (
    roberta.KEYS.replace("[roberta.]", "[longformer.]")
    + f"""
stack.layers.{{i}}.attn.{{q_global,k_global,v_global}}.weight = {_LAYER}.{{query_global,key_global,value_global}}.weight
stack.layers.{{i}}.attn.{{q_global,k_global,v_global}}.bias = {_LAYER}.{{query_global,key_global,value_global}}.bias
"""
)


def _read_windows(config: Mapping[str, Any]) -> Arguments:
    given, depth = config.get("attention_window", 512), config["num_hidden_layers"]
    windows = cast("list[Any]", given if isinstance(given, list) else [given] * depth)
    if len(windows) != depth:
        raise BestiaryError(f"'attention_window' has {len(windows)} numbers; give one for each of {depth} layers")
    if any(type(window) is not int or window < 2 or window % 2 for window in windows):
        raise BestiaryError(f"'attention_window' is {shown(given)}; give even numbers, half of them for either side")
    return {"window": tuple(window // 2 for window in windows)}


def _write_windows(arguments: Arguments) -> dict[str, Any]:
    return {"attention_window": [2 * window for window in arguments["window"]]}


CONFIG = {
    **roberta.DIALECT.config,
    "attention_mode": Pin(("longformer",), "other ways of attending were never published in this family"),
    "ignore_attention_mask": Pin((False,), "padding is always masked"),
    "autoregressive": Pin((False,), "a causal band was never published in this family"),
    "onnx_export": WAIVE,  # the same chunks, cut by another operation
}


def _arguments(spec: Transformer) -> Arguments:
    windows = tuple(layer[0].at("window") for layer in own_layers(spec.stack))
    return roberta.DIALECT.arguments(spec) | {"window": windows}


DIALECT = Dialect(
    name="longformer",
    architecture=always("longformer"),
    architectures=("longformer",),
    keys=always(KEYS),
    config=CONFIG,
    tasks={name.replace("Roberta", "Longformer"): task for name, task in roberta.DIALECT.tasks.items()},
    derived=(*roberta.DIALECT.derived, Derive(("attention_window",), _read_windows, _write_windows)),
    repeated={name.replace("[roberta.]", "[longformer.]"): ours for name, ours in roberta.DIALECT.repeated.items()},
    told={"sep_token_id": "heads.global.separator"},
    arguments=_arguments,
)
