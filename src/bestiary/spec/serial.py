"""Specs as JSON, both ways. A node is an object whose ``node`` is its kind; runs of equal layers are written once."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from itertools import groupby
from typing import Any, cast

from bestiary.errors import BestiaryError, nearest
from bestiary.spec.check import check
from bestiary.spec.fields import hints, misfit
from bestiary.spec.limits import MAX_DEPTH
from bestiary.spec.models import Model
from bestiary.spec.node import Named, Node


def to_json(spec: Node) -> dict[str, Any]:
    """Return a spec as plain dicts, lists and scalars. Fields at their default are left out."""
    fields = {
        field.name: _plain(getattr(spec, field.name))
        for field in dataclasses.fields(spec)
        if getattr(spec, field.name) != _default(field)
    }
    return {"node": type(spec).__name__, **fields}


def from_json(data: Any) -> Model:
    """Rebuild and check a model from ``to_json``'s form; raises ``BestiaryError`` with the path of what is wrong."""
    try:
        spec = _value(data, "spec")
    except RecursionError:
        raise BestiaryError("spec nests deeper than any model does; flatten it") from None
    if not isinstance(spec, Model):
        raise BestiaryError(
            f"spec: a model is a Transformer, an EncoderDecoder or made of them, not {type(spec).__name__}"
        )
    return check(spec)


def _default(field: dataclasses.Field[Any]) -> Any:
    return field.default_factory() if field.default_factory is not dataclasses.MISSING else field.default


def _plain(value: Any) -> Any:
    if isinstance(value, Node):
        return to_json(value)
    if isinstance(value, Mapping):
        return {name: _plain(child) for name, child in cast(Mapping[str, Any], value).items()}
    if isinstance(value, tuple):
        runs = [(part, len(list(run))) for part, run in groupby(cast("tuple[Any, ...]", value))]
        return [{"times": count, "of": _plain(part)} if count > 1 else _plain(part) for part, count in runs]
    return value


def _value(data: Any, path: str) -> Any:
    if isinstance(data, list):
        return tuple(
            part for item in enumerate(cast("list[Any]", data)) for part in _run(item[1], f"{path}[{item[0]}]")
        )
    if not isinstance(data, dict):
        return data
    fields = cast("dict[str, Any]", data)
    if "node" in fields:
        return _node(fields, path)
    return Named({name: _value(child, f"{path}.{name}") for name, child in fields.items()})


def _run(item: Any, path: str) -> tuple[Any, ...]:
    if isinstance(item, dict) and set(cast("dict[str, Any]", item)) == {"times", "of"}:
        times, of = cast("dict[str, Any]", item)["times"], cast("dict[str, Any]", item)["of"]
        if not isinstance(times, int) or isinstance(times, bool) or not 1 <= times <= MAX_DEPTH:
            raise BestiaryError(f"{path}.times is {times!r}; write a whole number from 1 to {MAX_DEPTH}")
        return (_value(of, path),) * times
    return (_value(item, path),)


def _node(data: dict[str, Any], path: str) -> Node:
    kinds = _kinds()
    name = data["node"]
    kind = kinds.get(name) if isinstance(name, str) else None
    if kind is None:
        raise BestiaryError(f"{path}.node is {name!r}, which is no kind of node{nearest(str(name), kinds)}")
    known = hints(kind)
    unknown = [key for key in data if key != "node" and key not in known]
    if unknown:
        raise BestiaryError(f"{path}: {name} has no field '{unknown[0]}'{nearest(unknown[0], known)}")
    values = {key: _value(value, f"{path}.{key}") for key, value in data.items() if key != "node"}
    for key, value in values.items():
        wrong = misfit(kind, key, value)
        if wrong:
            raise BestiaryError(f"{path}.{key}: {wrong}")
    missing = [
        field.name
        for field in dataclasses.fields(kind)
        if _default(field) is dataclasses.MISSING and field.name not in values
    ]
    if missing:
        raise BestiaryError(f"{path}: {name} lacks '{missing[0]}'")
    return kind(**values)


def _kinds() -> dict[str, type[Node]]:
    import bestiary.spec as language

    members = {name: getattr(language, name) for name in language.__all__}
    return {name: kind for name, kind in members.items() if isinstance(kind, type) and issubclass(kind, Node)}
