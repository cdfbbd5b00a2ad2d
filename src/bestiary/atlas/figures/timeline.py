"""The collection in time: each family in a band of its own, or each entry at its number of parameters."""

from __future__ import annotations

import itertools
from calendar import monthrange
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import NamedTuple

from bestiary.atlas.figures.figure import Figure
from bestiary.atlas.figures.marks import Look, family_looks
from bestiary.atlas.figures.svg import PALE, Link, document, element, linked, number, words
from bestiary.atlas.figures.text import width
from bestiary.atlas.figures.tree import chosen, spelled
from bestiary.catalog.index import Catalog, packaged
from bestiary.catalog.schema import UNDISCLOSED, Entry
from bestiary.errors import BestiaryError, nearest

AXES = ("family", "parameters")
"""What a timeline can set its entries out by."""

MARGIN = 24.0
_BAND, _LANE, _NAME, _DOT = 128.0, 17.0, 11.0, 3.6
_MONTH, _EACH = 4.5, 8.0


class Calendar(NamedTuple):
    """A scale from left to right on which a month is the wider the more happened in it, and its days are alike.

    Half of all entries came in two of nine years: days of one width would heap them up beside a void.
    """

    first: int
    starts: tuple[float, ...]
    """Where each month begins, from January of the first year, and where the last December ends."""

    @classmethod
    def of(cls, dates: Iterable[date], left: float, least: float, each: float) -> Calendar:
        """Return the scale that holds all dates: a month is at least so wide, and so much wider for each of them."""
        months = sorted((day.year, day.month) for day in dates) or [(2017, 1)]
        starts = [left]
        for year in range(months[0][0], months[-1][0] + 1):
            for month in range(1, 13):
                starts.append(starts[-1] + least + each * months.count((year, month)))
        return cls(months[0][0], tuple(starts))

    def place(self, day: date) -> float:
        """Return where a day is."""
        at = (day.year - self.first) * 12 + day.month - 1
        share = (day.day - 1) / monthrange(day.year, day.month)[1]
        return self.starts[at] + share * (self.starts[at + 1] - self.starts[at])

    def lines(self, top: float, bottom: float) -> Iterator[str]:
        """Yield a line at the start of each year, and the year above its own stretch and below it."""
        years = self.starts[::12]
        for x in years:
            yield element("path", class_="pale", d=f"M{number(x)} {number(top)}V{number(bottom)}",
                          stroke=PALE, stroke_width=0.6, opacity=0.6)  # fmt: skip
        for at, (start, end) in enumerate(itertools.pairwise(years)):
            for y in (top - 6, bottom + 15):
                yield words((start + end) / 2, y, str(self.first + at), 12, text_anchor="middle", font_weight="bold",
                            class_="ink label")  # fmt: skip


def timeline(
    catalog: Catalog | None = None, by: str = "family", link: Link | None = None, family: str | None = None
) -> Figure:
    """Return all entries, or those of a family, in time: in bands by ``family``, or by ``parameters`` on a log axis.

    Raises ``BestiaryError`` for another ``by``, or a family that the catalog does not have.
    """
    if by not in AXES:
        raise BestiaryError(f"a timeline is by {' or '.join(AXES)}, not by '{by}'{nearest(by, AXES)}")
    catalog = packaged() if catalog is None else catalog
    if by == "parameters":
        from bestiary.atlas.figures.parameters import by_parameters

        return by_parameters(catalog, link, family)
    return _by_family(catalog, link, family)


def families(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    """Return the entries of each family by date; the families by their first, what is undisclosed last."""
    found: dict[str, list[Entry]] = {}
    for entry in sorted(entries, key=lambda entry: (entry.facts.published.value, entry.slug)):
        found.setdefault(entry.facts.family.value, []).append(entry)
    return dict(sorted(found.items(), key=lambda item: item[0] == UNDISCLOSED))


def lanes(spans: Sequence[tuple[float, float]]) -> list[int]:
    """Return for each span, in order of their starts, the first lane where it overlaps none before it."""
    ends: list[float] = []
    found: list[int] = []
    for start, end in spans:
        lane = next((at for at, taken in enumerate(ends) if taken <= start), len(ends))
        ends[lane : lane + 1] = [end]
        found.append(lane)
    return found


def told(entry: Entry) -> str:
    """Return what pointing at an entry says of it."""
    return f"{entry.name}, {entry.facts.published.value.isoformat()}, family {entry.facts.family.value}"


def _by_family(catalog: Catalog, link: Link | None, family: str | None) -> Figure:
    entries = chosen(catalog, family)
    looks = family_looks(row.family for row in catalog.rows.values())
    dates = [entry.facts.published.value for entry in entries.values()]
    calendar = Calendar.of(dates, MARGIN + _BAND, _MONTH, _EACH)
    bands = families(entries.values())
    title = f"{spelled(catalog, family) if family else 'All families'} in time"
    top = y = MARGIN + 74.0
    body: list[str] = []
    ends = [calendar.starts[-1]]
    for name, members in bands.items():
        drawn, y, end = _band(name, members, looks[name], calendar, y, link)
        body += drawn
        ends.append(end)
    across = max(ends) + MARGIN
    rules = [
        element("path", class_="pale", d=f"M{number(MARGIN)} {number(top)}H{number(across - MARGIN)}",
                stroke=PALE, stroke_width=0.6, opacity=0.6)
    ]  # fmt: skip
    heading = [
        words(MARGIN, MARGIN + 14, title, 18, font_weight="bold", class_="ink label"),
        words(MARGIN, MARGIN + 34, "Months are as wide as they are full.", 11, class_="ink label"),
    ]
    told = f"{len(entries)} entries at the day they became public, in {len(bands)} families, the oldest family first."
    svg = document(across, y + 24 + MARGIN, title, told, [*heading, *calendar.lines(top, y), *rules, *body])
    rows = tuple(
        (family, entry.name, entry.slug, entry.facts.published.value.isoformat())
        for family, members in bands.items()
        for entry in members
    )
    return Figure(title, svg, ("family", "name", "slug", "published"), rows)


def _band(
    name: str, members: Sequence[Entry], look: Look, calendar: Calendar, top: float, link: Link | None
) -> tuple[list[str], float, float]:
    """Return a family's band, where it ends below, and how far its labels reach to the right."""
    starts = [calendar.place(entry.facts.published.value) for entry in members]
    spans = [(x - 8, x + 8 + width(entry.name, _NAME)) for x, entry in zip(starts, members, strict=True)]
    found = lanes(spans)
    bottom = top + (max(found) + 1) * _LANE + 8
    drawn = [
        element("rect", x=MARGIN, y=top + 5, width=5, height=bottom - top - 10, rx=2, fill=look.color),
        words(MARGIN + 12, top + 4 + _LANE - 5, name, 12, font_weight="bold", class_="ink label"),
        element("path", class_="pale", d=f"M{number(MARGIN)} {number(bottom)}H{number(calendar.starts[-1])}",
                stroke=PALE, stroke_width=0.6, opacity=0.6),
    ]  # fmt: skip
    for x, lane, entry in zip(starts, found, members, strict=True):
        y = top + 4 + (lane + 0.5) * _LANE
        dot = look.draw(x, y, _DOT)
        label = words(x + 7, y + 4, entry.name, _NAME, class_="ink label")
        drawn.append(
            linked(link(entry.slug) if link else None, told(entry), dot, label, class_="node", data_slug=entry.slug)
        )
    return drawn, bottom, max(end for _, end in spans)
