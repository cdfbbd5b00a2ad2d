"""Checkpoints of Qwen2 and Qwen3: LLaMA's shape with biases or with normalized queries, and windows on some layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bestiary.errors import BestiaryError
from bestiary.weights.config import Arguments, Derive, Flag, Pin, Row, optional_size, shown
from bestiary.weights.dialects.dialect import Dialect
from bestiary.weights.dialects.llama import BOTH, KEYS, REPEATED, SHAPE, decoder_arguments, grouped, keys, tasks
from bestiary.weights.dialects.rope import rope

WINDOWS = ("use_sliding_window", "sliding_window", "max_window_layers", "layer_types")
_NAMES = ("full_attention", "sliding_attention")

CONFIG: dict[str, Row] = {
    **SHAPE,
    "use_mrope": Pin((False,), "positions of images in three axes are another architecture"),
}

QK_NORMS = """
stack.layers.{i}.attn.{q,k}.norm.weight = [model.]layers.{i}.self_attn.{q_norm,k_norm}.weight
"""


def _read(config: Mapping[str, Any]) -> Arguments:
    """Layers from ``max_window_layers`` on have a window, unless ``layer_types`` names the kind of each."""
    used = config.get("use_sliding_window", False)
    if not isinstance(used, bool):
        raise BestiaryError(f"'use_sliding_window' is {shown(used)}; give true or false")
    size = optional_size({"sliding_window": 4096, **config}, "sliding_window") if used else None
    depth, kinds = config["num_hidden_layers"], config.get("layer_types")
    if kinds is None:
        first = config.get("max_window_layers", 28)
        if type(first) is not int or first < 0:
            raise BestiaryError(f"'max_window_layers' is {shown(first)}; give a whole number")
        windowed = tuple(range(first, depth)) if size else ()
    else:
        if not isinstance(kinds, list) or len(kinds) != depth or not all(kind in _NAMES for kind in kinds):
            raise BestiaryError(f"'layer_types' is {shown(kinds)}; give one of {' or '.join(_NAMES)} for each layer")
        windowed = tuple(index for index, kind in enumerate(kinds) if kind == _NAMES[1])
    if windowed and size is None:
        raise BestiaryError("'layer_types' names layers with a window, but no window is in use; set 'sliding_window'")
    return {"window": size if windowed else None, "windowed": windowed}


def _write(arguments: Arguments) -> dict[str, Any]:
    windowed = arguments["windowed"]
    return {
        "use_sliding_window": bool(windowed),
        "sliding_window": arguments["window"],
        "max_window_layers": min(windowed, default=arguments["depth"]),
        "layer_types": [_NAMES[index in windowed] for index in range(arguments["depth"])],
    }


QWEN2 = Dialect(
    name="qwen2",
    architecture=lambda config: "qwen2",
    architectures=("qwen2",),
    keys=keys,
    config=CONFIG,
    tasks=tasks("Qwen2", *BOTH),
    derived=(grouped(kv_heads=32), rope(length=32768), Derive(WINDOWS, _read, _write)),
    repeated=REPEATED,
    arguments=lambda spec: decoder_arguments(spec, "window windowed"),
)


QWEN3 = Dialect(
    name="qwen3",
    architecture=lambda config: "qwen3",
    architectures=("qwen3",),
    keys=lambda spec: keys(spec, KEYS + QK_NORMS),
    config={**CONFIG, "attention_bias": Flag("attention_bias", False)},
    tasks=tasks("Qwen3", *BOTH),
    derived=(grouped(kv_heads=32, head_dim=128), rope(length=32768), Derive(WINDOWS, _read, _write)),
    repeated=REPEATED,
    arguments=lambda spec: decoder_arguments(spec, "window windowed attention_bias"),
)
