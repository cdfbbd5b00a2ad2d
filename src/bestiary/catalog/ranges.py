"""How many parameters a model may have to be listed: ``:400M``, ``1B:``, ``7B:13B``, or one rounded number."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from bestiary.catalog.index import Row, Sized
from bestiary.catalog.stated import figure, interval
from bestiary.errors import BestiaryError


def fits(params: str) -> Callable[[Row], bool]:
    """Return the test of whether one of a model's published sizes is in a range, whose ends belong to it.

    A size is in it if its exact count is, or the figure that its authors state: ``7B:`` keeps what is called 7B and has
    6.74. One number without a colon stands for all that round to it, ``7B`` for 6.5 to 7.5 thousand million. A model
    whose sizes nobody published is in no range. Raises ``BestiaryError`` for what is no range.
    """
    least, most = _ends(params)

    def inside(number: Fraction | int | None) -> bool:
        return number is not None and (least is None or least <= number) and (most is None or number <= most)

    return lambda row: any(inside(size.total) or inside(_called(size)) for size in row.sizes)


def _called(size: Sized) -> Fraction | None:
    """Return the figure that a size's authors state of all its parameters."""
    return figure(size.stated) if size.stated and size.counted == "total" else None


def _ends(params: str) -> tuple[Fraction | None, Fraction | None]:
    first, colon, last = (part.strip() for part in params.partition(":"))
    if not colon and (span := interval(first)):
        return span
    least, most = figure(first), figure(last)
    unread = [end for end, number in ((first, least), (last, most)) if end and number is None]
    if unread or not colon or not first + last:
        raise BestiaryError(f"params is '{params}', no range; write :400M, 1B:, 7B:13B, or 7B for what rounds to it")
    if least is not None and most is not None and least > most:
        raise BestiaryError(f"params is '{params}', from more to less; write {last}:{first}")
    return least, most
