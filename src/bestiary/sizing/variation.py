"""What a size would be with other arguments: its counts and plans as exact formulas of the arguments themselves.

``vary("bert", {"dim": 768, ...})`` asks Python's own count at a few sizes, finds the polynomials through the answers,
and holds them to answers that they were not made from. A browser that evaluates the formulas (see ``formula``) then
counts what Python would. As JSON,

    {"arguments": [{"name": "dim", "value": 768, "least": 1, "multiple": 1, "of": "heads"}, ...],
     "total": formula, "active": formula, "embedding": formula, "non_embedding": formula,
     "parts": {"embed.tokens": formula, ...},
     "plans": {"serve": {"lines": [{"name": ..., "part": ..., "formula": formula}, ...],
                         "variables": [{"name": ..., "default": formula, "least": ..., "most": ...}, ...],
                         "precisions": {...}}, ...}}

An argument may be any whole number that is ``least`` or more, times ``multiple``, times the value of the argument
``of`` where one is named; the formulas hold wherever the function makes a model. Their names are those of arguments and
of the plans' variables; a bound of a variable is a formula, or null as in the plan. ``text.dim`` is an argument of the
model that is the argument ``text``. An argument whose effect is no polynomial is not among them, and a task whose plan
changes its form with the arguments not among the plans.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bestiary.sizing.count import EMBEDDING
from bestiary.sizing.formula import Formula
from bestiary.sizing.lines import PRECISIONS, numbers
from bestiary.sizing.plan import TASKS
from bestiary.sizing.samples import IDLE, Blame, Samples
from bestiary.sizing.skeleton import put_together
from bestiary.sizing.space import Argument, explore

KEPT = frozenset({"context", "batch", "source", "rank", "block", "number", "master", "block_bytes", "checkpointing"})
"""Names that plans use themselves: an argument that is called so stays as it is."""

_TRIES = 12
"""Arguments that are given up, or made coarser, before a model is left as it is."""


@dataclass(frozen=True)
class Variation:
    """Counts and plans as formulas of the arguments that may vary."""

    arguments: tuple[Argument, ...]
    total: Formula
    active: Formula
    embedding: Formula
    non_embedding: Formula
    parts: Mapping[str, Formula]
    plans: Mapping[str, Mapping[str, Any]]
    """As JSON, by task."""

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values, as the head of this file shows."""
        counts = {name: getattr(self, name).to_json() for name in ("total", "active", "embedding", "non_embedding")}
        return {
            "arguments": [one.to_json() for one in self.arguments],
            **counts,
            "parts": {path: one.to_json() for path, one in self.parts.items()},
            "plans": dict(self.plans),
        }


def vary(function: str, arguments: Mapping[str, Any], tasks: Iterable[str] = tuple(TASKS)) -> Variation | None:
    """Return the counts and plans of a size as formulas of its arguments, or ``None`` where none can vary."""
    space = explore(function, arguments, KEPT)
    for _ in range(_TRIES):
        if not space.free:
            break
        try:
            return _variation(Samples(space, tuple(tasks)))
        except Blame as blame:
            space = space.coarser(blame.name) if blame.hope else space.without(blame.name)
    return None


def _variation(samples: Samples) -> Variation:
    space = samples.space
    found = {key: space.formula(polynomial) for key, polynomial in samples.polynomials().items()}
    parts = {path: one for (kind, path), one in found.items() if kind == "parts" and isinstance(path, str) and one}
    total, embedding = _sum(parts.values()), _sum(one for path, one in parts.items() if path.endswith(EMBEDDING))
    plans: dict[str, dict[str, Any]] = {}
    for task, form in samples.forms.items():
        inside = iter([found[task, place].to_json() for place in range(samples.numbers[task])])
        plans[task] = put_together(form, inside) | {
            "precisions": {name: numbers(PRECISIONS[name]) for name in TASKS[task].precisions}
        }
    return Variation(space.free, total, total - found[IDLE], embedding, total - embedding, parts, plans)


def _sum(formulas: Iterable[Formula]) -> Formula:
    return sum(formulas, Formula())
