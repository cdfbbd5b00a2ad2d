"""A spec as text: its tree, with runs of equal layers folded, each node written as the Python that makes it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, cast

from bestiary.spec.feature_maps import Cell
from bestiary.spec.fold import Fold, fold
from bestiary.spec.models import EncoderDecoder, Model, Tower, Transformer
from bestiary.spec.node import Node
from bestiary.spec.stacks import Repeat, Residual, Stack, branch_names


def brief(value: Any) -> str:
    """Return a value as the Python expression that makes it, fields at their default left out."""
    if isinstance(value, Node):
        return f"{type(value).__name__}({', '.join(_arguments(value))})"
    if isinstance(value, tuple):
        parts = [brief(part) for part in cast("tuple[Any, ...]", value)]
        return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
    if isinstance(value, Mapping):
        named = cast(Mapping[str, Any], value)
        return "{" + ", ".join(f"{name!r}: {brief(child)}" for name, child in named.items()) + "}"
    return repr(value)


def tree(spec: Node) -> str:
    """Return the spec drawn as an indented tree."""
    if isinstance(spec, Transformer):
        body = [*_entry("embed", brief(spec.embed)), *_stack("stack", spec.stack), *_heads(spec.heads)]
    elif isinstance(spec, EncoderDecoder):
        body = [*_tower("encoder", spec.encoder), *_tower("decoder", spec.decoder), *_heads(spec.heads)]
    elif isinstance(spec, Model | Stack):
        return "\n".join(_node(spec))
    else:
        return brief(spec)
    return "\n".join([f"{type(spec).__name__}(dim={spec.dim})", *(f"  {line}" for line in body)])


def _node(node: Node) -> list[str]:
    """Draw a node of any kind: its plain fields in its own line, those that hold parts below."""
    if isinstance(node, Transformer | EncoderDecoder):
        return tree(node).splitlines()
    if isinstance(node, Stack):
        return [line.removeprefix("  ") for line in _stack("stack", node)[1:]]
    if not _is_long(node):
        return [brief(node)]
    parts = {field.name: value for field in dataclasses.fields(node) if _is_long(value := getattr(node, field.name))}
    lines = [f"{type(node).__name__}({', '.join(_arguments(node, tuple(parts)))})"]
    for name, value in parts.items():
        inner = _several(fold(cast("tuple[Any, ...]", value))) if isinstance(value, tuple) else _node(value)
        lines += [f"  {name}", *(f"    {line}" for line in inner)]
    return lines


def _is_long(value: Any) -> bool:
    """Tell whether a value is written over several lines: it holds a model or a stack, or is one, or some cells."""
    if isinstance(value, tuple):
        return any(isinstance(part, Cell) or _is_long(part) for part in cast("tuple[Any, ...]", value))
    if not isinstance(value, Node):
        return False
    within = (getattr(value, field.name) for field in dataclasses.fields(value))
    return isinstance(value, Model | Stack) or any(_is_long(part) for part in within)


def _several(runs: Fold) -> list[str]:
    lines: list[str] = []
    for times, unit in runs:
        inner = _several(cast(Fold, unit)) if isinstance(unit, list) else _node(unit)
        lines += [f"{times} x [", *(f"  {line}" for line in inner), "]"] if times > 1 else inner
    return lines


def _arguments(node: Node, but: tuple[str, ...] = ()) -> list[str]:
    """Return the arguments of a node as Python, those at their default and those named in ``but`` left out."""
    shown: list[str] = []
    positional = not but
    for field in dataclasses.fields(node):
        if field.name in but:
            continue
        value = getattr(node, field.name)
        default = field.default_factory() if field.default_factory is not dataclasses.MISSING else field.default
        if value == default:
            positional = False
            continue
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        shown.append(brief(value) if positional and required and not field.kw_only else f"{field.name}={brief(value)}")
    return shown


def _entry(name: str, text: str) -> list[str]:
    return [f"{name:<8} {text}"]


def _tower(name: str, tower: Tower) -> list[str]:
    inner = [*_entry("embed", brief(tower.embed)), *_stack("stack", tower.stack)]
    return [name, *(f"  {line}" for line in inner)]


def _heads(heads: Mapping[str, Any]) -> list[str]:
    if not heads:
        return []
    return ["heads", *(f"  {line}" for name, head in heads.items() for line in _entry(name, brief(head)))]


def _stack(name: str, stack: Stack) -> list[str]:
    lines = [name, *(f"  {line}" for line in _fold(fold(stack.layers)))]
    for part in ("norm", "position"):
        if getattr(stack, part) is not None:
            lines += [f"  {line}" for line in _entry(part, brief(getattr(stack, part)))]
    return lines


def _fold(runs: Fold) -> list[str]:
    lines: list[str] = []
    for times, unit in runs:
        inner = _fold(cast(Fold, unit)) if isinstance(unit, list) else _layer(unit)
        lines += ["then"] if lines else []
        lines += [f"{times} x [", *(f"  {line}" for line in inner), "]"] if times > 1 else inner
    return lines


def _layer(layer: Any) -> list[str]:
    if isinstance(layer, Repeat):
        return [f"the same weights {layer.times} times [", *(f"  {line}" for line in _fold(fold(layer.layers))), "]"]
    names = branch_names(layer)
    return [line for name, branch in zip(names, layer, strict=True) for line in _entry(name, _branch(branch))]


def _branch(branch: Residual) -> str:
    op, norm = brief(branch.op), branch.norm
    shapes = {
        "pre": f"x + {op} of {brief(norm)}",
        "post": f"{brief(norm)} of x + {op}",
        "output": f"x + {brief(norm)} of {op}",
        "both": f"x + {brief(norm)} of {op} of {brief(norm)}",
    }
    text = f"x + {op}" if norm is None else shapes[branch.placement]
    plain = {"scale": 1.0, "dropout": 0.0}
    extras = [f"{name} {getattr(branch, name)}" for name in plain if getattr(branch, name) != plain[name]]
    return text + (f"   ({', '.join(extras)})" if extras else "")
