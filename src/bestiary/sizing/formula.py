"""Exact formulas over whole numbers: what a size is as a function of tokens, sequences and bytes of a number.

A formula is a sum of terms, a term a whole coefficient times factors. A factor is a variable, the least of several
formulas, or a quotient of two, rounded up. Written as JSON,

    formula  = [term, ...]                  their sum; [] is 0
    term     = [coefficient, factor, ...]   their product; a power is a factor written as often as it counts
    factor   = "name"                       the value of a variable
             | {"min": [formula, ...]}      the least of the formulas
             | {"ceil": [formula, formula]} the first by the second, rounded up

so that ``[[4, "batch", "context", "context"], [-1, {"min": [[[1, "context"]], [[4096]]]}]]`` says 4 x batch x
context squared, less the smaller of context and 4096. All numbers are whole; a variable is never negative, a divisor is
at least one. Sums and products may pass two to the 53rd on their way: reckon in big integers. Nothing else is needed
to evaluate one, in any language.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeAlias

from bestiary.errors import BestiaryError

_in_full: ContextVar[bool] = ContextVar("in_full", default=False)


@contextmanager
def in_full() -> Generator[None]:
    """Have what chooses and divides do so when it is evaluated, so that no form depends on the numbers in it."""
    before = _in_full.set(True)
    try:
        yield
    finally:
        _in_full.reset(before)


@dataclass(frozen=True)
class Least:
    """The least of several formulas."""

    of: tuple[Formula, ...]

    def __str__(self) -> str:
        return f"min({', '.join(map(str, self.of))})"


@dataclass(frozen=True)
class Quotient:
    """One formula divided by another, rounded up."""

    over: Formula
    by: Formula

    def __str__(self) -> str:
        return f"ceil({self.over} / {self.by})"


Factor: TypeAlias = "str | Least | Quotient"
Term: TypeAlias = "tuple[int, tuple[Factor, ...]]"


@dataclass(frozen=True)
class Formula:
    """A sum of terms in one order, each product once: formulas that are equal term by term are equal values."""

    terms: tuple[Term, ...] = ()

    def __add__(self, other: Formula | int) -> Formula:
        return _sum((*self.terms, *formula(other).terms))

    def __sub__(self, other: Formula | int) -> Formula:
        return self + formula(other) * -1

    def __mul__(self, other: Formula | int) -> Formula:
        right = formula(other).terms
        return _sum((a * b, tuple(sorted((*left, *more), key=_order))) for a, left in self.terms for b, more in right)

    __radd__, __rmul__ = __add__, __mul__

    def __bool__(self) -> bool:
        return bool(self.terms)

    def evaluate(self, values: Mapping[str, int]) -> int:
        """Return its number where variables have these values; raises ``BestiaryError`` naming one that is missing."""
        return sum(_product(coefficient, factors, values) for coefficient, factors in self.terms)

    def put(self, name: str, value: Formula | int) -> Formula:
        """Return the formula with another one in place of a variable."""
        return sum((_put(term, name, formula(value)) for term in self.terms), Formula())

    def variables(self) -> frozenset[str]:
        """Return the names of its variables."""
        return frozenset(name for _, factors in self.terms for factor in factors for name in _names(factor))

    def to_json(self) -> list[Any]:
        """Return it as lists, objects, names and whole numbers; see the head of this file."""
        return [[coefficient, *map(_plain, factors)] for coefficient, factors in self.terms]

    def __str__(self) -> str:
        parts = [" x ".join(_shown(coefficient, factors)) for coefficient, factors in self.terms]
        return " + ".join(parts).replace(" + -", " - ") or "0"


def from_json(terms: Sequence[Any]) -> Formula:
    """Return the formula that ``to_json`` wrote."""
    return Formula(tuple((number, tuple(map(_read, factors))) for number, *factors in terms))


def _read(factor: Any) -> Factor:
    if isinstance(factor, str):
        return factor
    if "min" in factor:
        return Least(tuple(map(from_json, factor["min"])))
    over, by = map(from_json, factor["ceil"])
    return Quotient(over, by)


def formula(value: Formula | int | str) -> Formula:
    """Return a number or a variable's name as a formula, a formula as it is."""
    if isinstance(value, Formula):
        return value
    return Formula(((1, (value,)),)) if isinstance(value, str) else _sum(((value, ()),))


def least(*of: Formula | int | str) -> Formula:
    """Return the least of several; where all are numbers, a number."""
    formulas = tuple(map(formula, of))
    if not _in_full.get() and not any(one.variables() for one in formulas):
        return formula(min(one.evaluate({}) for one in formulas))
    return Formula(((1, (Least(formulas),)),))


def most(left: Formula, right: Formula) -> Formula:
    """Return the greater of two: the one that has more of every term, else their sum without the least of them."""
    signs = [number > 0 for number, _ in (left - right).terms]
    if _in_full.get():
        return left + right - least(left, right)
    if all(signs):  # no factor is ever negative
        return left
    return left + right - least(left, right) if any(signs) else right


def greatest(numbers: Iterable[int]) -> Formula:
    """Return the greatest of several numbers; ``in_full``, all of them, as the least of their opposites."""
    known = tuple(numbers)
    if _in_full.get() and known:
        return Formula(((-1, (Least(tuple(formula(-number) for number in known)),)),))
    return formula(max(known, default=0))


def quotient(over: Formula | int | str, by: Formula | int | str) -> Formula:
    """Return one divided by another, rounded up; where both are numbers, a number."""
    over, by = formula(over), formula(by)
    ratio = Quotient(over, by)
    varies = _in_full.get() or over.variables() | by.variables()
    return Formula(((1, (ratio,)),)) if varies else formula(_value(ratio, {}))


def _sum(terms: Iterable[Term]) -> Formula:
    sums: dict[tuple[Factor, ...], int] = {}
    for coefficient, factors in terms:
        sums[factors] = sums.get(factors, 0) + coefficient
    return Formula(tuple((number, factors) for factors, number in sorted(sums.items(), key=_term_order) if number))


def _term_order(item: tuple[tuple[Factor, ...], int]) -> tuple[int, list[tuple[bool, str]]]:
    return -len(item[0]), [_order(factor) for factor in item[0]]


def _order(factor: Factor) -> tuple[bool, str]:
    return not isinstance(factor, str), str(factor)


def _put(term: Term, name: str, value: Formula) -> Formula:
    product = formula(term[0])
    for factor in term[1]:
        if isinstance(factor, str):
            product = product * (value if factor == name else formula(factor))
        elif isinstance(factor, Least):
            product = product * least(*(one.put(name, value) for one in factor.of))
        else:
            product = product * quotient(factor.over.put(name, value), factor.by.put(name, value))
    return product


def _product(number: int, factors: tuple[Factor, ...], values: Mapping[str, int]) -> int:
    for factor in factors:
        number *= _value(factor, values)
    return number


def _value(factor: Factor, values: Mapping[str, int]) -> int:
    if isinstance(factor, Least):
        return min(one.evaluate(values) for one in factor.of)
    if isinstance(factor, Quotient):
        return -(-factor.over.evaluate(values) // factor.by.evaluate(values))
    if factor not in values:
        raise BestiaryError(f"the formula needs a value for '{factor}'")
    return values[factor]


def _names(factor: Factor) -> frozenset[str]:
    if isinstance(factor, str):
        return frozenset((factor,))
    inside = factor.of if isinstance(factor, Least) else (factor.over, factor.by)
    return frozenset[str]().union(*(one.variables() for one in inside))


def _plain(factor: Factor) -> Any:
    if isinstance(factor, str):
        return factor
    if isinstance(factor, Least):
        return {"min": [one.to_json() for one in factor.of]}
    return {"ceil": [factor.over.to_json(), factor.by.to_json()]}


def _shown(coefficient: int, factors: tuple[Factor, ...]) -> list[str]:
    """Return the factors of a term in words, a coefficient of one left out but for its sign."""
    if abs(coefficient) != 1 or not factors:
        return [f"{coefficient:,}", *map(str, factors)]
    first, *rest = map(str, factors)
    return [first if coefficient == 1 else f"-{first}", *rest]
