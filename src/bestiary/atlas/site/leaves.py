"""A spec as a list of paths and values, equal layers told once: two architectures are compared by it line by line."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from bestiary.spec import Node, Residual, branch_names
from bestiary.spec.show import brief

Leaf = tuple[str, str]


def leaves(spec: Node) -> list[Leaf]:
    """Return every choice of a spec with its path, in the order of the tree."""
    return list(_node("", spec))


def _node(path: str, node: Node) -> Iterator[Leaf]:
    yield path or "model", type(node).__name__
    yield from _fields(path, node)


def _fields(path: str, node: Node, but: Iterable[str] = ()) -> Iterator[Leaf]:
    for field in dataclasses.fields(node):
        if field.name not in but:
            yield from _value(f"{path}.{field.name}".removeprefix("."), getattr(node, field.name))


def _value(path: str, value: Any) -> Iterator[Leaf]:
    if isinstance(value, Node):
        yield from _node(path, value)
    elif isinstance(value, Mapping):
        for name, child in value.items():
            yield from _value(f"{path}.{name}", child)
    elif isinstance(value, tuple) and _is_layer(value):
        for name, branch in zip(branch_names(value), value, strict=True):
            yield from _branch(f"{path}.{name}", branch)
    elif isinstance(value, tuple) and any(isinstance(part, Node | tuple) for part in value):
        yield path, f"{len(value)} in all"
        for where, part in _told_once(value):
            yield from _value(f"{path}[{where}]", part)
    else:
        yield path, "none" if value is None else brief(value)


def _branch(path: str, branch: Any) -> Iterator[Leaf]:
    """A residual branch goes by the name of its op, and says so where a field is the branch's and may be the op's."""
    if not isinstance(branch, Residual):
        yield from _value(path, branch)
        return
    yield from _node(path, branch.op)
    taken = {field.name for field in dataclasses.fields(branch.op)} | {"scale", "dropout"}
    for leaf, text in _fields("", branch, but=("op",)):
        yield f"{path}.{'branch.' if leaf.partition('.')[0] in taken else ''}{leaf}", text


def _is_layer(value: tuple[Any, ...]) -> bool:
    return bool(value) and all(isinstance(part, Residual) for part in value)


def _told_once(items: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    """Yield each different item with the places where it stands: ``*`` for all, ``1::2`` for every second."""
    places: dict[Any, list[int]] = {}
    for place, item in enumerate(items):
        places.setdefault(item, []).append(place)
    for item, found in places.items():
        yield _written(found, len(items)), item


def _written(places: list[int], length: int) -> str:
    if len(places) == length:
        return "*"
    if len(places) == 1:
        return str(places[0])
    first, last, step = places[0], places[-1], places[1] - places[0]
    if places != list(range(first, last + 1, step)):
        return ",".join(map(str, places))
    stop = "" if last + step >= length else str(last + 1)
    return f"{first or ''}:{stop}" + (f":{step}" if step > 1 else "")
