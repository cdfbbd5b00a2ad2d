"""Data as classic scripts, which a page can load from a folder as well as from a server."""

from __future__ import annotations

from typing import Any

import msgspec

_ESCAPED = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
"""In JSON these stand within strings alone; so escaped, no text ends the script or one of its lines."""
_HOME = "(globalThis.bestiary ??= {})"


def assigned(key: str, value: Any) -> str:
    """Return the statement that makes a value known to the page's script as ``bestiary.KEY``."""
    return f"{_HOME}.{key} = {_json(value)};\n"


def added(key: str, name: str, value: Any) -> str:
    """Return the statement that adds a value under a name to the table ``bestiary.KEY``."""
    return f"({_HOME}.{key} ??= {{}})[{_json(name)}] = {_json(value)};\n"


def _json(value: Any) -> str:
    text = msgspec.json.encode(value).decode()
    for letter, escape in _ESCAPED.items():
        text = text.replace(letter, escape)
    return text
