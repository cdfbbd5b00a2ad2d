"""Rotary positions in configs: a base beside a ``rope_scaling``, or, since 2025, both in ``rope_parameters``."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from bestiary.errors import BestiaryError, nearest
from bestiary.spec import DynamicScaling, LinearScaling, RampScaling, RotaryScaling, YarnScaling
from bestiary.untrusted import quoted
from bestiary.weights.config import Arguments, Derive, is_number, shown

KEYS = ("rope_theta", "rope_scaling", "rope_parameters", "max_position_embeddings")
FRACTION = "partial_rotary_factor"
Fields = Mapping[str, Any]


def _number(fields: Fields, key: str, default: float | None = None) -> float:
    value = fields.get(key)
    value = default if value is None else value
    if not is_number(value) or value <= 0:
        raise BestiaryError(f"'{key}' of the rotary positions is {shown(value)}; give a positive number")
    return value


def _length(fields: Fields, key: str, default: int | None = None) -> int:
    value = _number(fields, key, default)
    if value != int(value):
        raise BestiaryError(f"'{key}' is {shown(value)}; give a whole number")
    return int(value)


def _linear(fields: Fields, length: int) -> RotaryScaling:
    return LinearScaling(float(_number(fields, "factor")))


def _dynamic(fields: Fields, length: int) -> RotaryScaling:
    return DynamicScaling(float(_number(fields, "factor")), length)


def _llama3(fields: Fields, length: int) -> RotaryScaling:
    original = _length(fields, "original_max_position_embeddings")
    low, high = _number(fields, "low_freq_factor"), _number(fields, "high_freq_factor")
    return RampScaling(float(_number(fields, "factor")), original, float(low), float(high))


def _yarn(fields: Fields, length: int) -> RotaryScaling:
    original = _length(fields, "original_max_position_embeddings", length)
    factor = float(_number(fields, "factor"))
    attention = None if fields.get("attention_factor") is None else float(_number(fields, "attention_factor"))
    if attention is None and fields.get("mscale") and fields.get("mscale_all_dim"):
        scales = (_sharpened(factor, _number(fields, key)) for key in ("mscale", "mscale_all_dim"))
        attention = next(scales) / next(scales)
    fast, slow = float(_number(fields, "beta_fast", 32)), float(_number(fields, "beta_slow", 1))
    truncate = fields.get("truncate", True)
    if not isinstance(truncate, bool):
        raise BestiaryError(f"'truncate' of the rotary positions is {shown(truncate)}; give true or false")
    return YarnScaling(factor, original, fast, slow, attention, truncate)


def _sharpened(factor: float, scale: float) -> float:
    return 1.0 if factor <= 1 else 0.1 * scale * math.log(factor) + 1.0


_READERS: dict[str, Callable[[Fields, int], RotaryScaling | None]] = {
    "default": lambda fields, length: None,
    "linear": _linear,
    "dynamic": _dynamic,
    "llama3": _llama3,
    "yarn": _yarn,
}
_KNOWN = {
    "rope_type", "type", "rope_theta", "factor", "original_max_position_embeddings", "attention_factor", "beta_fast",
    "beta_slow", "mscale", "mscale_all_dim", "truncate", "low_freq_factor", "high_freq_factor",
    "finetuned",
}  # fmt: skip
"""Of these, ``finetuned`` stands in YaRN's own checkpoints, and no reader reads it."""


def _read(config: Mapping[str, Any], trained: int, turned: float, fraction: float | None) -> Arguments:
    given = (config.get(key) for key in ("rope_parameters", "rope_scaling"))
    fields = next((fields for fields in given if fields not in (None, {})), {})
    if not isinstance(fields, dict):
        raise BestiaryError(f"'rope_scaling' is {shown(fields)}; give an object with a rope_type")
    kind = fields.get("rope_type", fields.get("type", "default"))
    if not isinstance(kind, str) or kind not in _READERS:
        raise BestiaryError(
            f"'rope_type' is {shown(kind)}; give one of {', '.join(_READERS)}{nearest(str(kind), _READERS)}"
        )
    known = _KNOWN if fraction is None else {*_KNOWN, FRACTION}
    unknown = sorted(set(fields) - known)
    if unknown:
        raise BestiaryError(
            f"the rotary positions have a key {quoted(unknown[0])} that we do not know{nearest(unknown[0], known)}"
        )
    length = _length(config, "max_position_embeddings", trained)
    base = _number(fields, "rope_theta", _number(config, "rope_theta", turned))
    arguments = {"base": float(base), "length": length, "scaling": _READERS[kind](fields, length)}
    if fraction is None:
        return arguments
    return {**arguments, "fraction": float(_number(fields, FRACTION, _number(config, FRACTION, fraction)))}


def _write(arguments: Arguments) -> dict[str, Any]:
    scaling, base = arguments["scaling"], arguments["base"]
    fields: dict[str, Any] = {"rope_theta": base, "rope_type": "default"}
    part = {FRACTION: arguments["fraction"]} if "fraction" in arguments else {}
    fields |= part
    if isinstance(scaling, LinearScaling):
        fields |= {"rope_type": "linear", "factor": scaling.factor}
    elif isinstance(scaling, DynamicScaling):
        fields |= {"rope_type": "dynamic", "factor": scaling.factor}
    elif isinstance(scaling, RampScaling):
        fields |= {"rope_type": "llama3", "factor": scaling.factor, "low_freq_factor": scaling.low}
        fields |= {"high_freq_factor": scaling.high, "original_max_position_embeddings": scaling.length}
    elif isinstance(scaling, YarnScaling):
        fields |= {"rope_type": "yarn", "factor": scaling.factor, "beta_fast": scaling.fast, "beta_slow": scaling.slow}
        fields |= {"original_max_position_embeddings": scaling.length, "truncate": scaling.truncate}
        fields |= {} if scaling.attention is None else {"attention_factor": scaling.attention}
    # rope_theta alone is what readers older than rope_parameters look for; the scaling is repeated for them too.
    older = {key: value for key, value in fields.items() if key != "rope_theta"}
    return {
        "max_position_embeddings": arguments["length"],
        "rope_parameters": fields,
        "rope_theta": base,
        "rope_scaling": None if scaling is None else older,
        **part,
    }


def rope(length: int = 2048, base: float = 10000.0, fraction: float | None = None) -> Derive:
    """Return the row of a family's rotary positions, with what its configs mean where they say nothing.

    A family that says a ``fraction`` turns a part of each head.
    """
    keys = KEYS if fraction is None else (*KEYS, FRACTION)
    return Derive(keys, lambda config: _read(config, length, base, fraction), _write)


ROPE = rope()
