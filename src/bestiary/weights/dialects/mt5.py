"""mT5's checkpoints and UMT5's: T5 1.1's under other names, and with other rules for the scaling of scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bestiary.errors import BestiaryError
from bestiary.weights.config import WAIVE, Arguments, Derive
from bestiary.weights.dialects import t5

_SHARED = "stack.position.weight                = {side}.block.0.layer.0"
_OWN = "stack.layers.{{i}}.attn.position.weight = {side}.block.{{i}}.layer.0"


def _each_owns(table: str) -> str:
    """Return a key table in which every layer has a position of its own."""
    for side in ("encoder", "decoder"):
        table = table.replace(_SHARED.format(side=side), _OWN.format(side=side))
    return table


OWN_POSITIONS = _each_owns(t5.KEYS)


def _read(config: Mapping[str, Any]) -> Arguments:
    """T5's arguments, but for the scaling: transformers 5 never scales mT5's scores, tied or not."""
    found = t5.DERIVED.read(config)
    return found | {"scaled": False} if "scaled" in found else found


def _write(arguments: Arguments) -> dict[str, Any]:
    config = t5.DERIVED.write({"scaled": False, **arguments})
    return {key: value for key, value in config.items() if key != "scale_decoder_outputs"}


def _arguments(spec: Any) -> Arguments:
    found = t5.arguments(spec)
    return found | {"scaled": False} if "scaled" in found else found


def _own_arguments(spec: Any) -> Arguments:
    found = t5.arguments(spec)
    return found | {"scaled": found["tied"]} if "tied" in found else found


def _own_architecture(config: Mapping[str, Any]) -> str:
    if not t5.gated(config):
        raise BestiaryError("'feed_forward_proj' is not gated, but this family's MLPs are; give one like gated-gelu")
    return "umt5_encoder" if t5.alone(config) else "umt5"


_KEYS = tuple(key for key in t5.OWN_KEYS if key != "scale_decoder_outputs")

MT5 = replace(
    t5.DIALECT,
    name="mt5",
    tasks=t5.classes("MT5"),
    derived=(Derive(_KEYS, _read, _write),),
    arguments=_arguments,
)
# UMT5's scores are scaled where its output is tied, as the config's other key says in T5's files. The published files
# untie it. transformers 5 ties it whatever they say, and scales: its scores of those files are ours / sqrt(dim).
UMT5 = replace(
    MT5,
    name="umt5",
    architecture=_own_architecture,
    architectures=("umt5", "umt5_encoder"),
    keys=lambda spec: t5.keys(spec, OWN_POSITIONS),
    config={**t5.CONFIG, "scalable_attention": WAIVE},  # its files say it; nothing ever read it
    tasks=t5.classes("UMT5"),
    derived=(Derive(_KEYS, t5.DERIVED.read, _write),),
    arguments=_own_arguments,
)
