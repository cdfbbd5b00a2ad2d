"""Plans of memory: the formulas, published figures, and the bytes of real caches, files and training steps."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

import bestiary
from bestiary.architectures import make
from bestiary.errors import BestiaryError
from bestiary.sizing import PRECISIONS, cache_bytes, count, memory, plan
from bestiary.sizing.formula import Formula, formula, least, most, quotient

LLAMA3 = {"depth": 32, "heads": 32, "kv_heads": 8, "hidden": 14336, "vocab": 128256}


def evaluated(terms: list[Any], values: dict[str, int]) -> int:
    """Evaluate a formula's JSON as another program would that has read nothing but the head of ``formula.py``."""
    total = 0
    for number, *factors in terms:
        for factor in factors:
            if isinstance(factor, str):
                number *= values[factor]
            elif "min" in factor:
                number *= min(evaluated(one, values) for one in factor["min"])
            else:
                over, by = (evaluated(one, values) for one in factor["ceil"])
                number *= (over + by - 1) // by
        total += number
    return total


def test_formulas_are_sums_of_products() -> None:
    a, b = formula("a"), formula("b")
    both = (a + b * 2) * (a + 3) - a * a
    assert both == a * b * 2 + b * 6 + a * 3
    assert both.evaluate({"a": 5, "b": 7}) == 5 * 7 * 2 + 6 * 7 + 3 * 5
    assert str(both) == "2 x a x b + 3 x a + 6 x b"
    assert a - a == Formula()
    assert not (a - a)
    assert str(a - a) == "0"
    assert str(a * a - b) == "a x a - b"
    assert least(a, 4).evaluate({"a": 9}) == 4
    assert most(a, b).evaluate({"a": 9, "b": 3}) == 9
    assert quotient(a, 4).evaluate({"a": 9}) == 3
    assert least(3, 4) == formula(3)
    assert quotient(9, 4) == formula(3)
    with pytest.raises(BestiaryError, match="needs a value for 'b'"):
        both.evaluate({"a": 5})


def test_formulas_mean_the_same_as_json() -> None:
    draw = random.Random(0)
    names = ("a", "b", "c")

    def one(depth: int) -> Formula:
        if depth == 0:
            return formula(draw.choice((*names, draw.randrange(10**6))))
        left, right = one(depth - 1), one(depth - 1)
        return draw.choice((left + right, left * right, least(left, right), quotient(left, right + 1)))

    for _ in range(200):
        made = one(draw.randrange(4))
        values = {name: draw.randrange(10**7) for name in names}
        assert evaluated(json.loads(json.dumps(made.to_json())), values) == made.evaluate(values)


def test_a_plan_as_json_is_all_that_evaluating_takes() -> None:
    for name in ("llama:7b", "gpt-2:xl", "t5", "whisper", "transformer-xl", "flamingo", "bert"):
        made = plan(bestiary.spec(name))
        data = json.loads(json.dumps(made.to_json()))
        defaults = {one["name"]: one["default"] for one in data["variables"]}
        defaults = {name: defaults["context"] if value is None else value for name, value in defaults.items()}
        for precision in PRECISIONS:
            values = {**defaults, **data["precisions"][precision]}
            there = {line["name"]: evaluated(line["formula"], values) for line in data["lines"]}
            assert there == made.bytes(precision)


def test_published_bytes_of_a_token() -> None:
    # Llama 3 8B's config: 32 layers, 8 heads of keys, 128 numbers each; 128 KiB.
    assert cache_bytes(make("llama", dim=4096, **LLAMA3), 1) == 128 * 1024
    assert cache_bytes(bestiary.spec("llama:7b"), 1) == 512 * 1024
    assert cache_bytes(bestiary.spec("gpt-2:xl"), 1) == 300 * 1024


def test_published_bytes_of_weights() -> None:
    seventy = make("llama", dim=8192, depth=80, heads=64, kv_heads=8, hidden=28672, vocab=128256)
    assert round(plan(seventy).bytes()["weights"] / 1e9) == 141
    mixtral = make("mixtral", dim=4096, depth=32, heads=32, kv_heads=8, hidden=14336)
    assert round(plan(mixtral).bytes("int8", context=1)["weights"] / 34 * 32 / 1e9, 1) == 46.7
    assert round(count(mixtral).active / 1e9, 1) == 12.9
    assert "all experts" in plan(mixtral).lines[0].why


def test_lines_of_serving_sum_to_memory() -> None:
    for name in ("llama:7b", "t5", "whisper", "gpt-3", "transformer-xl"):
        spec = bestiary.spec(name)
        for precision in PRECISIONS:
            made = plan(spec)
            assert made.total(precision, batch=3) == memory(spec, precision, made.values()["context"], batch=3).total


def test_a_window_bounds_what_is_kept() -> None:
    made = plan(make("mistral", dim=64, depth=2, heads=4, kv_heads=1, hidden=96, window=8))
    assert made.bytes(context=5)["keys and values, window of 8"] == 2 * 2 * 16 * 2 * 5
    assert made.bytes(context=500)["keys and values, window of 8"] == 2 * 2 * 16 * 2 * 8
    assert "multi-query" in made.lines[1].why


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"context": 5000}, "context is 5,000; this model and task take 1 to 1,024"),
        ({"batch": 0}, "batch is 0; this model and task take at least 1"),
        ({"precision": "int5"}, "precision is 'int5'; use one of"),
    ],
)
def test_what_a_plan_cannot_take_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(BestiaryError, match=message):
        plan(bestiary.spec("gpt-2:xl")).bytes(**values)


def test_unknown_tasks_are_refused() -> None:
    with pytest.raises(BestiaryError, match="task is 'server'; use one of serve"):
        plan(bestiary.spec("bert"), "server")
