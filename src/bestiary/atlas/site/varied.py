"""What an entry's sizes would be with other arguments: formulas that they share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from bestiary.sizing import Count
from bestiary.sizing.variation import Variation, vary

Flat = dict[str, Any]
MOST_PARTS = 80
"""Formulas of models of more parts, which are several models that draw, take longer to look for than readers wait."""


class Varied:
    """The formulas of the first size, with its arguments that stay as they are in them."""

    def __init__(self) -> None:
        self._looked = False
        self._known: Variation | None = None
        self._fixed: Flat = {}

    def of(self, function: str, arguments: Mapping[str, Any], count: Count) -> Variation | None:
        """Return the formulas of a size, or ``None`` where nothing of it can vary.

        They are looked for at the first size. They hold for every other that differs from it in nothing but what they
        vary, so such a one takes them over, if they give its own counts.
        """
        flat = _flat(arguments)
        if not self._looked:
            self._looked = True
            self._known = vary(function, arguments, ("serve",)) if len(count.parts) <= MOST_PARTS else None
            self._fixed = {"function": function, **_besides(flat, self._known)}
            return self._known
        if self._known is None or {"function": function, **_besides(flat, self._known)} != self._fixed:
            return None
        own = tuple(replace(one, value=flat[one.name]) for one in self._known.arguments if one.name in flat)
        values = {one.name: one.value for one in own}
        if len(own) < len(self._known.arguments) or not all(_reaches(one, values) for one in own):
            return None
        counted = self._known.total.evaluate(values), self._known.active.evaluate(values)
        return replace(self._known, arguments=own) if counted == (count.total, count.active) else None


def _reaches(argument: Any, values: Mapping[str, int]) -> bool:
    step = argument.multiple * (values[argument.of] if argument.of else 1)
    return argument.value >= argument.least * step and argument.value % step == 0


def _besides(flat: Flat, known: Variation | None) -> Flat:
    names = {one.name for one in known.arguments} if known else set[str]()
    return {path: value for path, value in flat.items() if path not in names}


def _flat(arguments: Mapping[str, Any], path: str = "") -> Flat:
    """Return arguments by their paths: ``text.dim`` is that of the model which is the argument ``text``."""
    found: Flat = {}
    for name, value in arguments.items():
        where = f"{path}{name}"
        found |= _flat(cast("Mapping[str, Any]", value), f"{where}.") if isinstance(value, Mapping) else {where: value}
    return found
