"""The browser reckons bytes as Python does: the same whole numbers, by the page's own code, from its own data."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, NamedTuple

from visits import Visits

from bestiary.architectures import make
from bestiary.atlas.site.collection import Collection
from bestiary.errors import BestiaryError
from bestiary.sizing import count, plan
from bestiary.sizing.plan import TASKS, Plan
from bestiary.sizing.space import edited
from bestiary.sizing.variation import vary

DRAWS, SEED = 500, 20260725
SAFE = 2**53

EVALUATE = """async (inputs) => {
  const answers = [];
  for (const { name, task, precision, asked } of inputs) {
    const { size } = await bestiary.choose(name);
    try {
      const lines = bestiary.lineBytes(size.plans[task], precision, asked);
      answers.push(Object.fromEntries([...lines].map(([line, bytes]) => [line, String(bytes)])));
    } catch (error) {
      answers.push(null);
    }
  }
  return answers;
}"""


class Input(NamedTuple):
    """One question to both."""

    name: str
    task: str
    precision: str
    asked: dict[str, int]


def test_the_browser_equals_python_on_random_inputs(
    collection: Collection, visit: Visits, addresses: dict[str, str]
) -> None:
    drawn = list(_draw(collection))
    expected = [_reckoned(_plan(collection, one), one) for one in drawn]
    assert len(expected) == DRAWS
    assert {one.task for one in drawn} == set(TASKS)
    assert sum(answer is not None for answer in expected) > DRAWS * 3 // 4  # the rest both refuse
    assert sum(bool(answer) and max(answer.values()) > 10**9 for answer in expected) > DRAWS // 4
    opened = visit(addresses["files"])
    page = opened.go("fits.html")
    answers = page.evaluate(EVALUATE, [one._asdict() for one in drawn])
    told = [answer and {line: int(number) for line, number in answer.items()} for answer in answers]
    wrong = [(one, ours, theirs) for one, ours, theirs in zip(drawn, expected, told, strict=True) if ours != theirs]
    assert wrong == []
    assert opened.problems == []


def test_no_coefficient_is_beyond_what_a_script_reads_exactly(collection: Collection) -> None:
    largest = 0
    for name, spec in _specs(collection):
        for task in TASKS:
            written = plan(spec, task).to_json()
            largest = max([largest, *(abs(number) for number in _integers(written))])
            assert largest < SAFE, name
    assert largest > 10**11


def _specs(collection: Collection) -> Iterator[tuple[str, Any]]:
    for entry in collection:
        for size in collection.sizes(entry):
            yield f"{entry.slug}:{size}", collection.spec(entry, size)


def _integers(value: Any) -> Iterator[int]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _integers(one)
    elif isinstance(value, int):
        yield value


def _draw(collection: Collection) -> Iterator[Input]:
    chance = random.Random(SEED)
    names = [f"{entry.slug}:{size}" for entry in collection for size in collection.sizes(entry)]
    for _ in range(DRAWS):
        name, task = chance.choice(names), chance.choice(list(TASKS))
        asked = {
            "context": int(2 ** chance.uniform(0, 17)),
            "batch": int(2 ** chance.uniform(0, 12)),
            "rank": int(2 ** chance.uniform(0, 9)),
            "source": int(2 ** chance.uniform(0, 14)),
            "checkpointing": chance.randrange(2),
        }
        kept = {key: value for key, value in asked.items() if chance.random() < 0.6}
        precisions = list(TASKS[task].precisions)
        yield Input(name, task, chance.choice(precisions), kept)


def _plan(collection: Collection, one: Input) -> Plan:
    slug, size = one.name.split(":")
    return plan(collection.spec(collection.catalog[slug], size), one.task)


def _reckoned(made: Plan, one: Input) -> dict[str, int] | None:
    try:
        return made.bytes(one.precision, **one.asked)
    except BestiaryError:
        return None


VARY = """async (inputs) => {
  const answers = [];
  for (const { name, asked } of inputs) {
    const { size } = await bestiary.choose(name);
    const at = bestiary.variations.argumentsAt(size.variation, asked);
    const plans = bestiary.variations.plansAt(size.variation, at, size.plans);
    answers.push({
      problems: bestiary.variations.problemsOf(size.variation, at),
      counts: bestiary.variations.countsAt(size.variation, at),
      parts: Object.fromEntries(bestiary.variations.partsAt(size.variation, at).filter(([, number]) => number)),
      serve: plans.serve ? [...bestiary.lineBytes(plans.serve, "bfloat16", {}).values()].map(String) : null,
    });
  }
  return answers;
}"""
VARIED = ("bert:base", "gpt-2:xl", "llama:7b", "t5:small", "mistral:7b", "vit:b16", "bart:large", "albert:base")


def test_the_browser_varies_a_size_as_python_does(
    collection: Collection, visit: Visits, addresses: dict[str, str]
) -> None:
    chance = random.Random(SEED)
    inputs: list[dict[str, Any]] = []
    truths: list[tuple[Any, Any]] = []
    for name in VARIED:
        slug, size = name.split(":")
        entry = collection.catalog[slug]
        arguments = entry.sizes[size].arguments
        variation = vary(entry.function(size), arguments, ("serve",))
        assert variation is not None, name
        for _ in range(6):
            asked: dict[str, int] = {}
            for one in variation.arguments:
                step = one.multiple * (asked[one.of] if one.of else 1)
                asked[one.name] = step * chance.randint(one.least, max(one.least, 2 * one.value // step))
            try:
                spec = make(entry.function(size), **edited(arguments, asked))
            except BestiaryError:
                continue  # a rule that no step tells, such as queries that share keys
            inputs.append({"name": name, "asked": asked})
            truths.append((count(spec), plan(spec, "serve").bytes("bfloat16").values()))
    assert len(inputs) > 30
    answers = visit(addresses["files"]).go("what-if.html").evaluate(VARY, inputs)
    for one, (counted, lines), answer in zip(inputs, truths, answers, strict=True):
        assert answer["problems"] == [], one
        assert answer["counts"] == {key: getattr(counted, key) for key in answer["counts"]}, one
        assert answer["parts"] == {path: number for path, number in counted.parts.items() if number}, one
        if answer["serve"] is not None:
            assert sorted(map(int, answer["serve"])) == sorted(lines), one
    assert sum(answer["serve"] is not None for answer in answers) > 20
