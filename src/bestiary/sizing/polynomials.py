"""Polynomials that exact samples determine: found modulo a prime, read back as whole numbers over a divisor."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import combinations, pairwise, product
from math import lcm
from typing import NamedTuple, TypeAlias

PRIME = 2**127 - 1
SMALL = 2**80
"""A residue that stands for a coefficient is nearer to zero than this; one that stands for a fraction is not."""

Powers: TypeAlias = "tuple[int, ...]"
"""The power of each variable in a product."""


class Polynomial(NamedTuple):
    """Products with their whole coefficients, and what their sum is divided by."""

    terms: dict[Powers, int]
    by: int

    def at(self, point: Sequence[int]) -> int | None:
        """Return its value, ``None`` where that is no whole number."""
        whole, rest = divmod(sum(number * _product(powers, point) for powers, number in self.terms.items()), self.by)
        return None if rest else whole


def together(polynomials: Iterable[Polynomial]) -> Polynomial:
    """Return the sum of polynomials."""
    known = list(polynomials)
    by = lcm(1, *(one.by for one in known))
    terms: dict[Powers, int] = {}
    for one in known:
        for powers, number in one.terms.items():
            terms[powers] = terms.get(powers, 0) + number * (by // one.by)
    return Polynomial({powers: number for powers, number in terms.items() if number}, by)


def degree(values: Sequence[int]) -> int | None:
    """Return the degree of the polynomial through values at even distances; ``None`` where it takes all of them."""
    found = -1
    while any(values):
        values = [after - before for before, after in pairwise(values)]
        found += 1
    return max(found, 0) if values else None


def basis(degrees: Sequence[int], apart: Collection[tuple[int, int]]) -> list[Powers]:
    """Return the products that may occur: no variable above its degree, none beside one that it acts apart from."""
    found: list[Powers] = []
    for powers in product(*(range(most + 1) for most in degrees)):
        used = [place for place, power in enumerate(powers) if power]
        if not any(pair in apart for pair in combinations(used, 2)):
            found.append(powers)
    return found


def solve(
    points: Sequence[Sequence[int]], columns: Sequence[Sequence[int]], of: Sequence[Powers]
) -> list[Polynomial | None]:
    """Return the polynomial through each column of values; ``None`` where the points tell none."""
    rows = [
        [*(_product(powers, point) for powers in of), *(column[place] for column in columns)]
        for place, point in enumerate(points)
    ]
    for at in range(len(of)):
        pivot = next((place for place in range(at, len(rows)) if rows[place][at] % PRIME), None)
        if pivot is None:
            return [None] * len(columns)
        rows[at], rows[pivot] = rows[pivot], rows[at]
        inverse = pow(rows[at][at], -1, PRIME)
        lead = [number * inverse % PRIME for number in rows[at][at:]]
        rows[at][at:] = lead
        for row in rows[:at] + rows[at + 1 :]:
            if factor := row[at] % PRIME:
                row[at:] = [(number - factor * first) % PRIME for number, first in zip(row[at:], lead, strict=True)]
    return [_read([rows[at][len(of) + place] for at in range(len(of))], of) for place in range(len(columns))]


def _read(residues: Sequence[int], of: Sequence[Powers]) -> Polynomial | None:
    for by in range(1, 65):
        numbers = [(residue * by + SMALL) % PRIME - SMALL for residue in residues]
        if all(number < SMALL for number in numbers):
            return Polynomial({powers: number for powers, number in zip(of, numbers, strict=True) if number}, by)
    return None


def _product(powers: Powers, point: Sequence[int]) -> int:
    number = 1
    for power, value in zip(powers, point, strict=True):
        number *= value**power
    return number
