"""Counts as formulas of a size's arguments equal the counts of the sizes that those arguments make."""

from __future__ import annotations

from functools import cache
from random import Random
from typing import Any

import pytest

from bestiary.architectures import make
from bestiary.catalog import packaged
from bestiary.errors import BestiaryError
from bestiary.sizing import count
from bestiary.sizing.formula import Formula, formula
from bestiary.sizing.plan import TASKS, plan
from bestiary.sizing.polynomials import Polynomial, basis, degree, solve, together
from bestiary.sizing.space import Space, edited
from bestiary.sizing.variation import Variation, vary

SIZES = ["bert:base", "llama:7b", "vit:b16", "albert:base", "glam:64b-64e", "electra:base"]


@cache
def varied(name: str) -> tuple[Variation, str, dict[str, Any]]:
    slug, _, size = name.partition(":")
    entry = packaged()[slug]
    size = size if size in entry.sizes else next(iter(entry.sizes))
    tasks = TASKS if name in ("bert:base", "llama:7b") else ("serve",)
    found = vary(entry.function(size), entry.sizes[size].arguments, tuple(tasks))
    assert found is not None
    return found, entry.function(size), entry.sizes[size].arguments


def other_sizes(variation: Variation, random: Random, number: int) -> list[dict[str, int]]:
    """Return arguments at random, each the multiple that it must be of."""
    known = {one.name: one.value for one in variation.arguments}
    made: list[dict[str, int]] = []
    for _ in range(number):
        values: dict[str, int] = {}
        for one in variation.arguments:
            times = one.value // one.multiple // (known[one.of] if one.of else 1)
            of = values[one.of] if one.of else 1
            values[one.name] = random.randint(one.least, max(one.least, times * 2)) * one.multiple * of
        made.append(values)
    return made


def reckoned(text: list[Any], values: dict[str, int]) -> int:
    """Evaluate a formula as JSON, as a browser does."""
    total = 0
    for coefficient, *factors in text:
        for factor in factors:
            if isinstance(factor, str):
                coefficient *= values[factor]
            elif "min" in factor:
                coefficient *= min(reckoned(one, values) for one in factor["min"])
            else:
                over, by = (reckoned(one, values) for one in factor["ceil"])
                coefficient *= -(-over // by)
        total += coefficient
    return total


@pytest.mark.parametrize("name", SIZES)
def test_other_arguments_count_as_python_counts_them(name: str) -> None:
    variation, function, arguments = varied(name)
    random, compared = Random(7), 0
    for values in other_sizes(variation, random, 12):
        try:
            spec = make(function, **edited(arguments, values))
        except BestiaryError:
            continue
        exact = count(spec)
        parts = {path: one.evaluate(values) for path, one in variation.parts.items()}
        assert {path: number for path, number in parts.items() if number} == dict(exact.parts)
        for which in ("total", "active", "embedding", "non_embedding"):
            assert getattr(variation, which).evaluate(values) == getattr(exact, which), which
        for task, text in variation.plans.items():
            here = plan(spec, task)
            known = here.values(context=random.randint(1, 64), batch=3)
            lines = {line.name: line.formula.evaluate(known) for line in here.lines}
            assert [reckoned(line["formula"], known | values) for line in text["lines"]] == list(lines.values()), task
        compared += 1
    assert compared >= 5
    assert "serve" in variation.plans


@pytest.mark.parametrize("name", ["bert:base", "llama:7b"])
def test_every_task_has_a_plan_to_vary(name: str) -> None:
    assert list(varied(name)[0].plans) == list(TASKS)


def test_a_formula_reads_as_one_would_write_it() -> None:
    variation, *_ = varied("bert:base")
    assert str(variation.parts["stack.layers[*].mlp"]) == "2 x depth x dim x hidden + depth x dim + depth x hidden"
    heads, dim = variation.arguments[:2]
    assert (heads.name, heads.of, dim.name, dim.of, dim.multiple) == ("heads", None, "dim", "heads", 1)
    assert variation.to_json()["arguments"][0] == {
        "name": "heads", "value": 12, "least": 1, "multiple": 1, "of": None,
    }  # fmt: skip


def test_a_wrong_coefficient_is_noticed() -> None:
    variation, function, arguments = varied("bert:base")
    (coefficient, factors), *rest = variation.total.terms
    wrong = Formula(((coefficient + 1, factors), *rest))
    values = other_sizes(variation, Random(1), 1)[0]
    assert wrong.evaluate(values) != count(make(function, **edited(arguments, values))).total


def test_polynomials_are_found_from_their_values() -> None:
    points = [(a, b) for a in range(1, 5) for b in range(2, 5)]
    values = [a * b * b // 1 + 3 * a for a, b in points]
    halves = [a * (a + 1) // 2 for a, _ in points]
    found = solve(points, [values, halves], basis([2, 2], set()))
    assert found == [Polynomial({(1, 2): 1, (1, 0): 3}, 1), Polynomial({(2, 0): 1, (1, 0): 1}, 2)]
    assert [found[1].at((3, 9)), found[0].at((2, 5))] == [6, 56] if found[0] and found[1] else False
    assert solve(points, [[2**a for a, _ in points]], [(0, 0)]) != [Polynomial({(0, 0): 1}, 1)]
    assert together(one for one in found if one) == Polynomial({(1, 2): 2, (1, 0): 7, (2, 0): 1}, 2)
    assert [degree([5, 5, 5, 5]), degree([0, 1, 4, 9]), degree([1, 2, 4, 8])] == [0, 2, None]


def test_what_divides_becomes_a_quotient_only_where_it_must() -> None:
    variation, *_ = varied("llama:7b")
    space = Space("llama", {}, variation.arguments)
    heads, dim = (index for index, one in enumerate(variation.arguments) if one.name in ("heads", "dim"))
    powers = [0] * len(variation.arguments)
    powers[dim] = 1
    assert str(space.formula(Polynomial({tuple(powers): 2}, 1))) == "ceil(dim / heads)"
    powers[heads] = 1
    assert space.formula(Polynomial({tuple(powers): 2}, 1)) == formula("dim")
