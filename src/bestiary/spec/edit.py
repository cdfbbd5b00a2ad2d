"""Reading and editing a spec tree by path, by kind, by position and by size; every edit returns a new tree.

A path names fields and branches: ``dim``, ``embed.position``, ``stack.layers[3].attn.heads``, ``heads.mlm``. Layers are
counted as parameter names count them, each with weights of its own once; ``[*]`` is every layer, ``[-1]`` the last,
``[::2]`` every second. A branch is named after its op and stands for the op, or for the branch where the next word (or
the new value) belongs to the branch: ``stack.layers[*].attn.norm``.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar, cast

from bestiary.errors import BestiaryError, nearest
from bestiary.spec.fields import misfit
from bestiary.spec.node import Named, Node
from bestiary.spec.ops import Normed, Op, Parallel
from bestiary.spec.stacks import Repeat, Residual, Stack, branch_names, own_layers

Spec = TypeVar("Spec", bound=Node)
Edit = Callable[[Any], Any]

_SEGMENT = re.compile(r"\.?([A-Za-z_][A-Za-z0-9_]*)|\[(\*|-?\d+|-?\d*:-?\d*(?::-?\d+)?)\]")
_REMOVE = object()


def children(node: Any) -> Iterator[tuple[str, Any]]:
    """Yield the parts of a node with the path segment that leads to each: ``.stack``, ``[3]``, ``.attn``."""
    if isinstance(node, Stack):
        yield ".layers", own_layers(node)
        yield from ((f".{name}", getattr(node, name)) for name in ("norm", "position", "drop_path"))
    elif isinstance(node, Parallel):
        yield from zip((f".{name}" for name in branch_names(node.ops)), node.ops, strict=True)
    elif isinstance(node, Node):
        yield from ((f".{field.name}", getattr(node, field.name)) for field in dataclasses.fields(node))
    elif isinstance(node, Mapping):
        named = cast(Mapping[str, Any], node)
        yield from ((f".{name}", child) for name, child in named.items())
    elif _is_layer(node):
        yield from zip((f".{name}" for name in branch_names(node)), node, strict=True)
    elif isinstance(node, tuple):
        parts = cast("tuple[Any, ...]", node)
        yield from ((f"[{index}]", child) for index, child in enumerate(parts))


def walk(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every node of the tree with its path, parents first; the ops of branches take the branch's path."""
    if isinstance(node, Node):
        yield path, node
    for segment, child in children(node):
        hidden = isinstance(node, Residual | Normed) and segment == ".op"
        yield from walk(child, path if hidden else (path + segment).removeprefix("."))


def walk_once(node: Any) -> Iterator[tuple[str, Any]]:
    """Yield nodes as ``walk`` does, each object at its first place only: equal layers are mostly one object."""
    yield from _walk_once(node, "", {})


def _walk_once(node: Any, path: str, seen: dict[int, Any]) -> Iterator[tuple[str, Any]]:
    if id(node) in seen:
        return
    if isinstance(node, Node | tuple):
        seen[id(cast(object, node))] = node  # kept alive, so that no id is used twice: tuples are made on the way
    if isinstance(node, Node):
        yield path, node
    for segment, child in children(node):
        hidden = isinstance(node, Residual | Normed) and segment == ".op"
        yield from _walk_once(child, path if hidden else (path + segment).removeprefix("."), seen)


def get(spec: Node, path: str) -> Any:
    """Return what a path names; with a wildcard, the tuple of all that it names."""
    found: list[Any] = []

    def keep(value: Any) -> Any:
        found.append(value)
        return value

    _change(spec, _parse(path), keep, path, "")
    several = any(segment == "*" or ":" in segment for segment in _parse(path))
    return tuple(found) if several else found[0]


def put(spec: Spec, path: str, value: Any) -> Spec:
    """Return the tree with ``value`` at ``path``; a branch set to ``None`` is removed.

    Raises ``BestiaryError`` with the path when it names nothing, or when the value has the wrong type for its place.
    """
    return change(spec, path, lambda _: value)


def change(spec: Spec, path: str, edit: Edit) -> Spec:
    """Return the tree in which each thing that ``path`` names is replaced by ``edit`` of it."""
    return cast(Spec, _change(spec, _parse(path), edit, path, ""))


def swap(spec: Spec, kind: type[Node], new: Node | Edit) -> Spec:
    """Return the tree with every node of a kind replaced: ``swap(bert, LayerNorm, RMSNorm())``.

    ``new`` may be a function of the old node: ``swap(gpt2, MLP, lambda mlp: GLU(mlp.hidden))``.
    """
    return cast(Spec, _swap(spec, kind, new if callable(new) else lambda _: new, ""))


def _swap(value: Any, kind: type[Node], edit: Edit, trail: str) -> Any:
    if isinstance(value, kind):
        return edit(value)
    if isinstance(value, Node):
        changes = {
            field.name: _swap(getattr(value, field.name), kind, edit, f"{trail}.{field.name}")
            for field in dataclasses.fields(value)
        }
        for name, child in changes.items():
            _accept(value, name, child, f"{trail}.{name}".removeprefix("."))
        return dataclasses.replace(value, **changes)
    if isinstance(value, Mapping):
        named = cast(Mapping[str, Any], value)
        return Named({name: _swap(child, kind, edit, f"{trail}.{name}") for name, child in named.items()})
    if isinstance(value, tuple):
        parts = cast("tuple[Any, ...]", value)
        return tuple(_swap(child, kind, edit, f"{trail}[{index}]") for index, child in enumerate(parts))
    return value


def _parse(path: str) -> list[str]:
    segments: list[str] = []
    end = 0
    for match in _SEGMENT.finditer(path):
        if match.start() != end:
            break
        end = match.end()
        segments.append(match[1] or match[2])
    if end != len(path) or not segments:
        raise BestiaryError(f"'{path}' is not a path; write one like stack.layers[*].attn.heads")
    return segments


def _change(value: Any, segments: list[str], edit: Edit, path: str, trail: str) -> Any:
    if not segments:
        return edit(value)
    segment, rest = segments[0], segments[1:]
    if isinstance(value, Stack) and segment == "layers" and rest:
        return _change_layers(value, rest, edit, path, trail)
    if _is_layer(value):
        return _change_branch(value, segment, rest, edit, path, trail)
    if isinstance(value, Parallel) and segment in branch_names(value.ops):
        place = branch_names(value.ops).index(segment)
        ops = list(value.ops)
        ops[place] = _change(ops[place], rest, edit, path, f"{trail}.{segment}")
        _accept(value, "ops", tuple(ops), f"{trail}.{segment}")
        return value.replace(ops=tuple(ops))
    if isinstance(value, Node):
        return _change_field(value, segment, rest, edit, path, trail)
    if isinstance(value, Mapping):
        named = cast(Mapping[str, Any], value)
        if segment not in named and rest:
            raise _nothing(path, trail, segment, named)
        return Named({**named, segment: _change(named.get(segment), rest, edit, path, f"{trail}.{segment}")})
    if isinstance(value, tuple):
        return _change_items(cast("tuple[Any, ...]", value), segment, rest, edit, path, trail)
    raise BestiaryError(f"'{path}' names nothing: {trail.removeprefix('.') or 'the model'} is {value!r}")


def _change_field(node: Node, segment: str, rest: list[str], edit: Edit, path: str, trail: str) -> Node:
    names = [field.name for field in dataclasses.fields(node)]
    if segment in names:
        new = _change(getattr(node, segment), rest, edit, path, f"{trail}.{segment}")
        _accept(node, segment, new, f"{trail}.{segment}".removeprefix("."))
        return dataclasses.replace(node, **{segment: new})
    if isinstance(node, Residual | Normed):
        return node.replace(op=_change(node.op, [segment, *rest], edit, path, trail))
    raise _nothing(path, trail, segment, names)


def _change_branch(layer: Any, segment: str, rest: list[str], edit: Edit, path: str, trail: str) -> Any:
    names = branch_names(layer)
    if segment not in names:
        raise _nothing(path, trail, segment, names)
    place = names.index(segment)
    branch = layer[place]
    new = _change(branch, rest, edit, path, f"{trail}.{segment}") if rest else _as_branch(branch, edit(branch.op))
    if new is _REMOVE:
        return layer[:place] + layer[place + 1 :]
    if not isinstance(new, Residual):
        raise BestiaryError(f"{trail}.{segment} takes an op, a Residual or None, not {new!r}".removeprefix("."))
    return (*layer[:place], new, *layer[place + 1 :])


def _as_branch(branch: Residual, new: Any) -> Any:
    if new is None:
        return _REMOVE
    return branch.replace(op=new) if isinstance(new, Op) else new


def _change_layers(stack: Stack, rest: list[str], edit: Edit, path: str, trail: str) -> Stack:
    layers = own_layers(stack)
    edited = _change_items(layers, rest[0], rest[1:], edit, path, f"{trail}.layers")
    one = {layer: layer for layer in reversed(edited)}  # equal layers stay one object, which is counted once
    changed = (one[layer] for layer in edited)
    items = tuple(
        item.replace(layers=tuple(next(changed) for _ in item.layers)) if isinstance(item, Repeat) else next(changed)
        for item in stack.layers
    )
    _accept(stack, "layers", items, f"{trail}.layers".removeprefix("."))
    return stack.replace(layers=items)


def _change_items(
    items: tuple[Any, ...], segment: str, rest: list[str], edit: Edit, path: str, trail: str
) -> tuple[Any, ...]:
    if segment == "*":
        chosen = range(len(items))
    elif ":" in segment:
        chosen = range(len(items))[slice(*(int(part) if part else None for part in segment.split(":")))]
    elif segment.lstrip("-").isdigit() and -len(items) <= int(segment) < len(items):
        chosen = (int(segment) % len(items),)
    else:
        raise BestiaryError(f"'{path}' names nothing: {trail.removeprefix('.')} has {len(items)} parts, no [{segment}]")
    changed, failure, hits = list(items), None, 0
    for index in chosen:
        try:
            changed[index] = _change(items[index], rest, edit, path, f"{trail}[{index}]")
            hits += 1
        except NothingThere as error:  # with a wildcard, layers that lack the branch are passed over
            failure = failure or error
    if failure and (not hits or len(chosen) == 1):
        raise failure
    return tuple(changed)


class NothingThere(BestiaryError):
    """A path leads to a name that does not exist at that place."""


def _nothing(path: str, trail: str, segment: str, known: Any) -> NothingThere:
    where = trail.removeprefix(".") or "the model"
    return NothingThere(
        f"'{path}' names nothing: {where} has {', '.join(known)}, no {segment}{nearest(segment, known)}"
    )


def _accept(node: Node, name: str, value: Any, path: str) -> None:
    wrong = misfit(type(node), name, value)
    if wrong:
        raise BestiaryError(f"{path}: {wrong}")


def _is_layer(value: Any) -> bool:
    if not isinstance(value, tuple):
        return False
    parts = cast("tuple[Any, ...]", value)
    return bool(parts) and all(isinstance(part, Residual) for part in parts)
