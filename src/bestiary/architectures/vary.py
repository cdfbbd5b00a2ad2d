"""A kind of model that differs from another in a few nodes: an edit of its spec, under its arguments."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, TypeVar

from bestiary.spec import Model

New = TypeVar("New", bound=Model)
NONE: Mapping[str, Any] = {}


def varies(
    parent: Callable[..., Model], /, *, fixed: Mapping[str, Any] = NONE, **defaults: Any
) -> Callable[[Callable[..., New]], Callable[..., New]]:
    """Make a function of ``parent``'s arguments out of an edit of its spec, whose own arguments come after them.

    Arguments that are ``fixed`` are no longer asked for; others may get new ``defaults``.
    """

    def of_arguments(edit: Callable[..., New]) -> Callable[..., New]:
        own = list(inspect.signature(edit).parameters.values())[1:]
        known = inspect.signature(parent).parameters
        assert known.keys() >= {*fixed, *defaults}, f"{parent.__name__} has no such arguments"
        asked = [p.replace(default=defaults.get(name, p.default)) for name, p in known.items() if name not in fixed]
        signature = inspect.Signature([*asked, *own])

        @wraps(edit)
        def made(*args: Any, **arguments: Any) -> New:
            said = signature.bind(*args, **arguments)
            said.apply_defaults()
            extra = {p.name: said.arguments.pop(p.name) for p in own}
            return edit(parent(**said.arguments, **fixed), **extra)

        made.__signature__ = signature  # type: ignore[attr-defined]
        return made

    return of_arguments
