"""A plan as its form and the numbers in it: the form with other numbers is the plan of another size."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from bestiary.sizing.plan import Plan

Form: TypeAlias = "tuple[Any, ...]"
"""A formula without its coefficients: for each term its factors, in an order that numbers do not change."""

_BOUNDS = ("default", "least", "most")


def taken_apart(plan: Plan) -> tuple[Form, list[int]]:
    """Return the form of a plan and its numbers in the form's order."""
    numbers: list[int] = []
    lines = tuple(
        (re.sub(r"\d[\d,]*", "…", line.name), line.part, _form(line.formula.to_json(), numbers)) for line in plan.lines
    )
    variables: list[tuple[Any, ...]] = []
    for variable in plan.variables:
        bounds = [getattr(variable, bound) for bound in _BOUNDS]
        numbers += [bound for bound in bounds if bound is not None]
        variables.append((variable.name, *(bound is not None for bound in bounds)))
    return (lines, tuple(variables)), numbers


def put_together(form: Form, numbers: Iterator[list[Any]]) -> dict[str, Any]:
    """Return the lines and variables of a plan, as JSON, with a formula in the place of each of its numbers."""
    lines, variables = form
    return {
        "lines": [{"name": name, "part": part, "formula": _filled(one, numbers)} for name, part, one in lines],
        "variables": [
            {"name": name, **{bound: next(numbers) if told else None for bound, told in zip(_BOUNDS, has, strict=True)}}
            for name, *has in variables
        ],
    }


def _form(formula: Sequence[Any], numbers: list[int]) -> Form:
    terms: list[tuple[Form, list[int]]] = []
    for coefficient, *factors in formula:
        inside: list[int] = [coefficient]
        terms.append((tuple(_factor(factor, inside) for factor in factors), inside))
    terms.sort(key=lambda term: repr(term[0]))
    for _, inside in terms:
        numbers += inside
    return tuple(form for form, _ in terms)


def _factor(factor: Any, numbers: list[int]) -> Any:
    if isinstance(factor, str):
        return factor
    ((kind, formulas),) = factor.items()
    return (kind, *(_form(one, numbers) for one in formulas))


def _filled(form: Form, numbers: Iterator[list[Any]]) -> list[Any]:
    terms: list[Any] = []
    for factors in form:
        coefficient = next(numbers)
        rest = [
            factor if isinstance(factor, str) else {factor[0]: [_filled(one, numbers) for one in factor[1:]]}
            for factor in factors
        ]
        terms += [[*term, *rest] for term in coefficient]
    return terms
