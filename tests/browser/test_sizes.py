"""The browser reckons bytes as Python does: the same whole numbers, by the page's own code, from its own data."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, NamedTuple

from visits import Visits

from bestiary.atlas.site.collection import Collection
from bestiary.errors import BestiaryError
from bestiary.sizing import plan
from bestiary.sizing.plan import TASKS, Plan

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
