"""Which whole numbers among a size's arguments can be others, and what they must then be multiples of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import gcd, lcm, prod
from operator import add
from typing import Any, cast

from bestiary.architectures import make
from bestiary.errors import BestiaryError
from bestiary.sizing.formula import Formula, formula, quotient
from bestiary.sizing.polynomials import Polynomial, Powers
from bestiary.spec import Model

DIVIDES = (("kv_heads", "heads"), ("heads", "dim"), ("patch", "image"))
"""Arguments of which the first may have to divide the second."""
ROUNDED = frozenset({"image"})
"""Arguments of which the part that is no multiple is left out, not refused."""
STEPS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96)
USUAL = ("dim", "depth", "heads", "kv_heads", "hidden", "vocab", "length", "experts", "head_dim", "image", "patch")
"""Arguments that are varied before others where a model has more than ``MOST``."""
MOST = 7


@dataclass(frozen=True)
class Argument:
    """An argument that can be another number: any whole number, ``least`` or more, times ``multiple`` and ``of``."""

    name: str
    value: int
    least: int = 1
    multiple: int = 1
    of: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "name": self.name, "value": self.value, "least": self.least, "multiple": self.multiple, "of": self.of,
        }  # fmt: skip


@dataclass(frozen=True)
class Space:
    """The sizes that an architecture function makes when some whole numbers vary, each a multiple of what it must be.

    A point is one whole number for each free argument, in order: how many times its multiple the argument is.
    """

    function: str
    fixed: Mapping[str, Any]
    free: tuple[Argument, ...]

    @property
    def base(self) -> tuple[int, ...]:
        """The point of the size itself."""
        return self.point({one.name: one.value for one in self.free})

    def point(self, values: Mapping[str, int]) -> tuple[int, ...]:
        """Return the point at which the free arguments have these values."""
        return tuple(values[one.name] // one.multiple // (values[one.of] if one.of else 1) for one in self.free)

    def values(self, point: Sequence[int]) -> dict[str, int]:
        """Return the free arguments at a point."""
        values: dict[str, int] = {}
        for one, times in zip(self.free, point, strict=True):
            values[one.name] = times * one.multiple * (values[one.of] if one.of else 1)
        return values

    def formula(self, polynomial: Polynomial) -> Formula:
        """Return a polynomial of a point's coordinates as a formula of the arguments."""
        terms = {self._powers(powers): 0 for powers in polynomial.terms}
        by = polynomial.by * lcm(1, *(self._multiple(powers) for powers in polynomial.terms))
        for powers, number in polynomial.terms.items():
            terms[self._powers(powers)] += number * (by // polynomial.by // self._multiple(powers))
        common = gcd(by, *terms.values())
        under = tuple(max(0, *(-powers[place] for powers in terms), 0) for place in range(len(self.free)))
        above = sum(
            (self._product(tuple(map(add, powers, under))) * (number // common) for powers, number in terms.items()),
            Formula(),
        )
        return above if by == common and not any(under) else quotient(above, self._product(under) * (by // common))

    def make(self, point: Sequence[int]) -> Model:
        """Return the spec at a point; raises ``BestiaryError`` where there is none."""
        return make(self.function, **edited(self.fixed, self.values(point)))

    def holds(self, point: Sequence[int]) -> bool:
        """Return whether there is a spec at a point."""
        try:
            self.make(point)
        except BestiaryError:
            return False
        return True

    def _powers(self, powers: Powers) -> Powers:
        """Return the powers of the arguments in a product of coordinates, less than none where one divides."""
        place = {one.name: at for at, one in enumerate(self.free)}
        found = list(powers)
        for one, power in zip(self.free, powers, strict=True):
            if one.of:
                found[place[one.of]] -= power
        return tuple(found)

    def _multiple(self, powers: Powers) -> int:
        return prod(one.multiple**power for one, power in zip(self.free, powers, strict=True))

    def _product(self, powers: Powers) -> Formula:
        names = (one.name for one, power in zip(self.free, powers, strict=True) for _ in range(power))
        return prod(map(formula, names), start=formula(1))

    def put(self, argument: Argument) -> Space:
        """Return the space with an argument in place of the one of its name."""
        return replace(self, free=tuple(argument if one.name == argument.name else one for one in self.free))

    def coarser(self, name: str) -> Space:
        """Return the space in which a depth takes steps twice as long, as layers may alternate, and others none."""
        place = [one.name for one in self.free].index(name)
        one, times = self.free[place], self.base[place]
        if not name.endswith("depth") or times % 2 or times < 4 or one.multiple >= max(STEPS):
            return self.without(name)
        return self.put(replace(one, multiple=2 * one.multiple, least=-(-one.least // 2)))

    def without(self, name: str) -> Space:
        """Return the space in which an argument stays as it is."""
        gone = next(one for one in self.free if one.name == name)
        free = (
            replace(one, of=None, multiple=one.multiple * gone.value) if one.of == name else one
            for one in self.free
            if one.name != name
        )
        return replace(self, free=tuple(free))


def explore(function: str, arguments: Mapping[str, Any], kept: Iterable[str] = ()) -> Space:
    """Return the space of the sizes around one; arguments named in ``kept`` stay as they are."""
    known = [(name, value) for name, value in _integers(arguments) if value > 0 and name not in kept]
    whole = dict(sorted(known, key=lambda item: _favor(item[0]))[:MOST])
    space = Space(function, arguments, tuple(_bound(name, whole) for name in sorted(whole, key=_rank)))
    for argument in space.free:
        alone = edited(arguments, {argument.name: argument.value + 1})
        if argument.of and _own(argument.name) not in ROUNDED and _makes(function, alone):
            space = space.put(replace(argument, of=None))
    for name in [argument.name for argument in space.free]:
        space = _stepped(space, name)
    return space


def edited(arguments: Mapping[str, Any], values: Mapping[str, int]) -> dict[str, Any]:
    """Return arguments with others in their place; ``text.dim`` is one of the model that is the argument ``text``."""
    made = dict(arguments)
    for name, value in values.items():
        first, _, rest = name.partition(".")
        made[first] = edited(made[first], {rest: value}) if rest else value
    return made


def _integers(arguments: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, int]]:
    for name, value in arguments.items():
        if isinstance(value, int) and not isinstance(value, bool):
            yield prefix + name, value
        elif isinstance(value, Mapping):
            yield from _integers(cast("Mapping[str, Any]", value), f"{prefix}{name}.")


def _rank(name: str) -> int:
    """Return the place of an argument: what divides others comes before them."""
    order = [divisor for divisor, _ in DIVIDES]
    return order.index(_own(name)) if _own(name) in order else len(order)


def _favor(name: str) -> tuple[int, int]:
    return USUAL.index(_own(name)) if _own(name) in USUAL else len(USUAL), name.count(".")


def _own(name: str) -> str:
    return name.rpartition(".")[2]


def _bound(name: str, whole: Mapping[str, int]) -> Argument:
    """Return an argument, bound to the one that may have to divide it."""
    before, dot, own = name.rpartition(".")
    divisors = [before + dot + divisor for divisor, divided in DIVIDES if divided == own]
    of = next((one for one in divisors if one in whole and whole[name] % whole[one] == 0), None)
    return Argument(name, whole[name], of=of)


def _stepped(space: Space, name: str) -> Space:
    """Return the space with the least step that an argument can take; without it where it can take none."""
    place = [one.name for one in space.free].index(name)
    argument = space.free[place]
    times = space.base[place]
    for step in STEPS:
        if times % step == 0:
            stepped = space.put(replace(argument, multiple=step))
            base = stepped.base
            if all(stepped.holds((*base[:place], base[place] + more, *base[place + 1 :])) for more in (1, 2, 3)):
                return stepped
    return space.without(name)


def _makes(function: str, arguments: Mapping[str, Any]) -> bool:
    return Space(function, arguments, ()).holds(())
