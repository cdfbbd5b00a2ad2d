"""What the fields of any node must keep to: types, sizes that can be built, finite numbers."""

from __future__ import annotations

import dataclasses
import sys

from bestiary.spec.fields import hints, misfit
from bestiary.spec.node import Node

MAX_DEPTH = 10_000
"""No published model comes near; a corrupt config that asks for a billion layers must not be obeyed."""
MAX_SIZE = 2**31
_ZERO_ALLOWED = {
    "random",
    "types",
    "offset",
    "extra",
    "pad",
    "separator",
    "blank",
    "token",
    "mask_token",
    "end",
    "shift",
    "pools",
    "skipped",
}


def field_problems(node: Node) -> list[str]:
    """Return what is wrong with the values in a node's fields."""
    found: list[str] = []
    for field in dataclasses.fields(node):
        value = getattr(node, field.name)
        wrong = misfit(type(node), field.name, value)
        if wrong:
            found.append(wrong)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            whole = hints(type(node))[field.name] in (int, int | None)
            found += _size_problems(field.name, value) if whole else _float_problems(field.name, value)
    return found


def _size_problems(name: str, value: float) -> list[str]:
    least = 0 if name in _ZERO_ALLOWED else 1
    return [] if least <= value < MAX_SIZE else [f"{name} is {value}, which must be from {least} to {MAX_SIZE - 1}"]


def _float_problems(name: str, value: float) -> list[str]:
    if not abs(value) <= sys.float_info.max:
        return [f"{name} is {value}, which must be a finite number"]
    if name in {"dropout", "drop_path", "masked"} and not 0 <= value < 1:
        return [f"{name} is {value}, which must be at least 0 and less than 1"]
    if name in {"eps", "base", "factor", "fraction", "bound", "halvings"} and value <= 0:
        return [f"{name} is {value}, which must be positive"]
    return []
