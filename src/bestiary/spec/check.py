"""Whole-tree checks: what cannot be built is refused with the path where it is wrong, all problems in one message."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, TypeVar, cast

from bestiary.errors import BestiaryError
from bestiary.spec.edit import walk_once
from bestiary.spec.fields import misfit
from bestiary.spec.limits import MAX_DEPTH, field_problems
from bestiary.spec.models import Model
from bestiary.spec.node import Node
from bestiary.spec.rules import rule_problems
from bestiary.spec.stacks import Repeat, Stack, runs

Checked = TypeVar("Checked", bound=Model)
_SHOWN = 6


def check(spec: Checked) -> Checked:
    """Return the spec unchanged, or raise ``BestiaryError`` naming every distinct problem with its path."""
    _check_depth(spec)
    places: dict[str, list[str]] = {}
    for path, problem in problems(spec):
        places.setdefault(problem, []).append(path)
    if places:
        found = [_sentence(problem, paths) for problem, paths in places.items()]
        more = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise BestiaryError("; ".join(found[:_SHOWN]) + more)
    return spec


def _check_depth(spec: Any) -> None:
    """Refuse stacks that are too deep before anything walks them."""
    for stack in _stacks(spec):
        if isinstance(stack, Stack) and misfit(Stack, "layers", stack.layers) is None:
            faults = [fault for item in stack.layers if isinstance(item, Repeat) for fault in field_problems(item)]
            if not faults and runs(stack) > MAX_DEPTH:
                raise BestiaryError(
                    f"the stack has {runs(stack):,} layers, more than the {MAX_DEPTH:,} that are allowed"
                )


def _stacks(spec: Any) -> Iterator[Any]:
    """Yield the stacks of a model and of what stands in it, but for those inside of stacks."""
    for field in dataclasses.fields(spec):
        part = getattr(spec, field.name)
        if field.name == "stack" or isinstance(part, Stack):
            yield part
        elif isinstance(part, tuple):
            models = [each for each in cast("tuple[Any, ...]", part) if isinstance(each, Model)]
            yield from (stack for each in models for stack in _stacks(each))
        elif isinstance(part, Node):
            yield from _stacks(part)


def _sentence(problem: str, paths: list[str]) -> str:
    also = f" (and so at {len(paths) - 1} more places)" if len(paths) > 1 else ""
    return f"{paths[0]}: {problem}{also}" if paths[0] else problem


def problems(spec: Model) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with a spec: the path and the problem. A layer that stands many times is checked once."""
    within: dict[str, Model] = {"": spec}
    for path, node in walk_once(spec):
        if isinstance(node, Model):
            within[path] = node
        for problem in field_problems(node) or rule_problems(node, _nearest(within, path)):
            yield path, problem


def _nearest(within: dict[str, Model], path: str) -> Model:
    """Return the model that stands nearest above a path: a part of another model has a width of its own."""
    above = max((place for place in within if not place or f"{path}.".startswith((f"{place}.", f"{place}["))), key=len)
    return within[above]
