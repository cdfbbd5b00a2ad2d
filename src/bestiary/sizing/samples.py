"""What Python counts at some points of a space of sizes, and the polynomials through that."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from itertools import combinations
from random import Random
from typing import TypeAlias

from bestiary.errors import BestiaryError
from bestiary.sizing.count import count
from bestiary.sizing.formula import in_full
from bestiary.sizing.plan import plan
from bestiary.sizing.polynomials import Polynomial, Powers, basis, degree, solve, together
from bestiary.sizing.skeleton import Form, taken_apart
from bestiary.sizing.space import Space
from bestiary.spec import Model

Key: TypeAlias = "tuple[str, str | int]"
"""Of a number: a part of the model by its path, the idle parameters, or a number of a task's plan by its place."""
Answer: TypeAlias = "dict[Key, int]"
Point: TypeAlias = "tuple[int, ...]"

IDLE: Key = ("idle", "")
"""Parameters that a token does not pass through."""

_COUNTS = ("parts", "idle")
_TIMES = 64
"""Bytes of a parameter are no more."""
_MOST = 100
"""Unknowns that are worth their samples."""
_STEPS, _EXTRA, _HELD_OUT = 4, 3, 4
"""Samples along an argument, those beyond a system's unknowns, and those that no polynomial is made from."""


class Blame(Exception):
    """The effect of an argument is no polynomial, or it is one too many, and then there is no ``hope`` for it."""

    def __init__(self, name: str, hope: bool = True) -> None:
        super().__init__(name)
        self.name, self.hope = name, hope


class Samples:
    """The answers at the points that were asked, and the forms of plans that are the same at all of them."""

    def __init__(self, space: Space, tasks: tuple[str, ...]) -> None:
        self.forms: dict[str, Form] = {}
        self.numbers: dict[str, int] = {}
        self._asked: dict[Point, Answer | None] = {}
        self._random = Random(0)
        spec = space.make(space.base)
        for task in tasks:
            self.forms[task], numbers = _apart(spec, task)
            self.numbers[task] = len(numbers)
        parts = tuple(count(spec).parts)
        for place, (one, times) in enumerate(zip(space.free, space.base, strict=True)):
            least = next(
                (few for few in (1, 2, 3) if few < times and self._is_like(parts, space, _put(space.base, place, few))),
                times,
            )
            space = space.put(replace(one, least=least))
        self.space = space

    def polynomials(self) -> dict[Key, Polynomial]:
        """Return the polynomial of each number; raises ``Blame`` where an argument has none."""
        by_basis: defaultdict[tuple[Powers, ...], list[Key]] = defaultdict(list)
        bases = self._bases()
        totals = {key: times for key in bases if key[0] in self.forms and (times := self._times_total(key))}
        for key, products in bases.items():
            if len(products) > _MOST and key not in totals:
                self._reject(key, self.space.free[-1].name, hope=False)
        for key, products in bases.items():
            if key not in totals and self._wanted(key):
                by_basis[products].append(key)
        points = self._points(max(map(len, by_basis)) + _EXTRA)
        answers = [self._at(point) for point in points]
        found: dict[Key, Polynomial] = {}
        for products, keys in by_basis.items():
            enough = len(products) + _EXTRA
            columns = [[answer.get(key, 0) for answer in answers[:enough]] for key in keys]
            for key, polynomial in zip(keys, solve(points[:enough], columns, products), strict=True):
                if polynomial is None:
                    self._reject(key, self.space.free[-1].name)
                else:
                    found[key] = polynomial
        total = together(one for key, one in found.items() if key[0] == "parts")
        for key, times in totals.items():
            found[key] = together([total] * times)
        self._hold_out(found)
        return {key: one for key, one in found.items() if self._wanted(key)}

    def _bases(self) -> dict[Key, tuple[Powers, ...]]:
        """Return the products that each number may be made of, by what single steps and pairs of steps change."""
        home = self._home()
        degrees: defaultdict[Key, list[int]] = defaultdict(list)
        keys = list(self._at(home))
        for place, argument in enumerate(self.space.free):
            axis = [self._at(_moved(home, {place: more})) for more in range(_STEPS)]
            for key in keys:
                most = degree([answer.get(key, 0) for answer in axis])
                if most is None and self._wanted(key):
                    self._reject(key, argument.name)
                degrees[key].append(most or 0)
        pairs = list(combinations(range(len(home)), 2))
        corners = {pair: self._ask(_moved(home, dict.fromkeys(pair, 1))) for pair in pairs}
        steps = [self._at(_moved(home, {place: 1})) for place in range(len(home))]
        found: dict[Key, tuple[Powers, ...]] = {}
        for key in filter(self._wanted, keys):
            start, first = self._at(home)[key], [step.get(key, 0) for step in steps]
            apart = {
                (a, b)
                for (a, b), corner in corners.items()
                if corner is not None and corner.get(key, 0) - first[a] - first[b] + start == 0
            }
            found[key] = tuple(basis(degrees[key], apart))
        return {key: products for key, products in found.items() if self._wanted(key)}

    def _home(self) -> Point:
        """Return a small size whose neighbors exist too, from which steps are taken; else the size itself."""
        small = tuple(
            min(times, max(3, one.least)) for one, times in zip(self.space.free, self.space.base, strict=True)
        )
        places = range(len(small))
        if all(self._ask(_moved(small, {place: more})) for place in places for more in range(_STEPS)):
            return small
        return self.space.base

    def _points(self, number: int) -> list[Point]:
        """Return points at random, at each of which there is a model."""
        found: dict[Point, None] = {}
        for _ in range(8 * number):
            point = tuple(one.least + self._random.randrange(10) for one in self.space.free)
            if self._ask(point) is not None:
                found[point] = None
            if len(found) == number:
                return list(found)
        raise Blame(self.space.free[-1].name, hope=False)

    def _hold_out(self, found: dict[Key, Polynomial]) -> None:
        """Compare the polynomials with answers that they were not made from."""
        base = self.space.base
        free = self.space.free
        bounds = [(one.least, max(one.least, times) + 2) for one, times in zip(free, base, strict=True)]
        far = [tuple(self._random.randint(*both) for both in bounds) for _ in range(_HELD_OUT)]
        single = [_put(base, place, self._random.randint(*both)) for place, both in enumerate(bounds)]
        for place, point in enumerate((*single, base, *far)):
            answer = self._ask(point)
            if answer is None:
                continue
            for key in found.keys() | answer.keys():
                if self._wanted(key) and (key not in found or found[key].at(point) != answer.get(key, 0)):
                    self._reject(key, free[min(place, len(base) - 1)].name)

    def _is_like(self, parts: tuple[str, ...], space: Space, point: Point) -> bool:
        """Return whether a size has the parts of the first one, and plans of the same form."""
        try:
            spec = space.make(point)
        except BestiaryError:
            return False
        alike = (_apart(spec, task)[0] == form for task, form in self.forms.items())
        return tuple(count(spec).parts) == parts and all(alike)

    def _times_total(self, key: Key) -> int:
        """Return how many times all parameters a plan's number has been at every point so far; 0 if no such number."""
        answers = [answer for answer in self._asked.values() if answer is not None]
        totals = [sum(answer[part] for part in answer if part[0] == "parts") for answer in answers]
        times = answers[0].get(key, 0) // totals[0] if totals[0] else 0
        same = all(answer.get(key) == times * total for answer, total in zip(answers, totals, strict=True))
        return times if same and 0 < times <= _TIMES else 0

    def _reject(self, key: Key, name: str, hope: bool = True) -> None:
        """Leave out the task whose plan has no polynomial; where a count has none, an argument is to blame.

        So is a depth, of which every other layer may be of another kind: it can take two steps at once.
        """
        depths = [one.name for one in self.space.free if one.name.endswith("depth") and one.multiple == 1]
        if key[0] in _COUNTS or name in depths:
            raise Blame(name, hope)
        self.forms.pop(key[0], None)

    def _wanted(self, key: Key) -> bool:
        return key[0] in _COUNTS or key[0] in self.forms

    def _at(self, point: Point) -> Answer:
        answer = self._ask(point)
        if answer is None:
            place = next(place for place, times in enumerate(point) if times != self.space.base[place])
            raise Blame(self.space.free[place].name)
        return answer

    def _ask(self, point: Point) -> Answer | None:
        if point not in self._asked:
            self._asked[point] = self._answer(point)
        return self._asked[point]

    def _answer(self, point: Point) -> Answer | None:
        """Return the numbers at a point, ``None`` where there is no model; leave out a task whose form is another."""
        try:
            spec = self.space.make(point)
        except BestiaryError:
            return None
        counted = count(spec)
        answer: Answer = {("parts", path): number for path, number in counted.parts.items()}
        answer[IDLE] = counted.total - counted.active
        for task in list(self.forms):
            form, numbers = _apart(spec, task)
            if form == self.forms[task]:
                answer |= {(task, place): number for place, number in enumerate(numbers)}
            else:
                del self.forms[task]
        return answer


def _apart(spec: Model, task: str) -> tuple[Form, list[int]]:
    with in_full():
        return taken_apart(plan(spec, task))


def _put(point: Point, place: int, times: int) -> Point:
    return (*point[:place], times, *point[place + 1 :])


def _moved(point: Point, steps: dict[int, int]) -> Point:
    return tuple(times + steps.get(place, 0) for place, times in enumerate(point))
