"""Published counts of parameters, such as ``125M``: which exact counts their rounding allows."""

from __future__ import annotations

import re
from fractions import Fraction

_FIGURE = re.compile(r"(?P<digits>\d[\d,]*(?:\.\d+)?) ?(?P<unit>[KMBT]?)", re.IGNORECASE)
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "b": 10**9, "t": 10**12}


def interval(stated: str) -> tuple[Fraction, Fraction] | None:
    """Return the least and the greatest count that a figure may have been rounded from, or None if it is no figure.

    The last digit that is not a trailing zero is taken to be the rounded one: ``110M`` is 105 to 115 million, ``125M``
    124.5 to 125.5, ``1.50B`` 1.495 to 1.505 thousand million. A figure without a unit is exact.
    """
    found = _FIGURE.fullmatch(stated.strip().removeprefix("~"))
    if not found:
        return None
    digits, unit = found["digits"].replace(",", ""), _UNITS[found["unit"].lower()]
    value = Fraction(digits) * unit
    if unit == 1:
        return value, value
    whole, _, decimals = digits.partition(".")
    zeros = 0 if decimals else len(whole) - len(whole.rstrip("0"))
    half = Fraction(10**zeros * unit, 2 * 10 ** len(decimals))
    return value - half, value + half


def figure(stated: str) -> Fraction | None:
    """Return the number that a figure says, its rounding left aside, or None if it is no figure."""
    found = _FIGURE.fullmatch(stated.strip().removeprefix("~"))
    return Fraction(found["digits"].replace(",", "")) * _UNITS[found["unit"].lower()] if found else None


def rounded(exact: int) -> str:
    """Return an exact count as authors would state it, in three digits: ``125M``, ``1.56B``."""
    unit, size = next(((u, s) for u, s in reversed(_UNITS.items()) if exact * 2000 >= s * 1999), ("", 1))
    value = exact / size
    digits = max(0, 2 - len(str(round(value))) + 1) if size > 1 else 0
    return f"{value:.{digits}f}{unit.upper()}"


def agrees(stated: str, exact: int) -> bool:
    """Return whether an exact count rounds to a published figure; what is no figure agrees with no count."""
    span = interval(stated)
    return span is not None and span[0] <= exact <= span[1]
