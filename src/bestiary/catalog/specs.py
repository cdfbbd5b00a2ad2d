"""Specs made from an entry's arguments, each made once in a process: several entries name the same ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from bestiary.architectures import make
from bestiary.spec import Model

_made: dict[tuple[str, bytes], Model] = {}


def made(function: str, arguments: Mapping[str, Any]) -> Model:
    """Return the spec that an architecture function makes of a size's arguments.

    Raises ``BestiaryError`` for a function or an argument that does not exist, and for a spec that cannot be.
    """
    key = (function, msgspec.json.encode(arguments))
    if key not in _made:
        _made[key] = make(function, **arguments)
    return _made[key]
