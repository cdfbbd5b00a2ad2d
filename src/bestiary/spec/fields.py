"""The types of a node's fields, checked at run time: a spec edited by hand or read from JSON passed no type checker."""

from __future__ import annotations

import types
from collections.abc import Mapping
from functools import cache
from typing import Any, Literal, Union, cast, get_args, get_origin, get_type_hints

from bestiary.spec.node import Node


@cache
def hints(kind: type[Node]) -> dict[str, Any]:
    """Return the resolved type of each field of a node class."""
    return {name: hint for name, hint in get_type_hints(kind).items() if name != "slot"}


def misfit(kind: type[Node], name: str, value: Any) -> str | None:
    """Say why ``value`` cannot stand in field ``name`` of a node class, or return ``None`` when it can."""
    hint = hints(kind)[name]
    if _fits(value, hint):
        return None
    return f"{kind.__name__}.{name} takes {_spell(hint)}, not {_brief(value)}"


def _fits(value: Any, hint: Any) -> bool:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return any(_fits(value, option) for option in arguments)
    if origin is Literal:
        return isinstance(value, str) and value in arguments
    if origin is tuple:
        if not isinstance(value, tuple):
            return False
        distinct = {id(part): part for part in cast("tuple[Any, ...]", value)}  # equal layers are mostly one object
        return all(_fits(part, arguments[0]) for part in distinct.values())
    if origin is Mapping:
        return isinstance(value, Mapping) and all(_fits(part, arguments[1]) for part in cast(Any, value).values())
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return value is None if hint is type(None) else isinstance(value, hint)


def _spell(hint: Any) -> str:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return " or ".join(_spell(option) for option in arguments)
    if origin is Literal:
        return "one of " + ", ".join(arguments)
    if origin is tuple:
        return f"a tuple of {_spell(arguments[0])}"
    if origin is Mapping:
        return f"a mapping to {_spell(arguments[1])}"
    return "None" if hint is type(None) else str(getattr(hint, "__name__", hint))


def _brief(value: Any) -> str:
    text = f"{type(value).__name__}(...)" if isinstance(value, Node) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
