"""The collection by size: each entry at its day and, on a log axis, at the exact parameters of its sizes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import ceil, floor, log10
from typing import NamedTuple

from bestiary.atlas.figures.figure import Figure
from bestiary.atlas.figures.labels import Mark, Place, place_labels
from bestiary.atlas.figures.marks import Look, family_key, family_looks, flowed
from bestiary.atlas.figures.svg import INK, PALE, Link, document, element, linked, number, words
from bestiary.atlas.figures.text import width
from bestiary.atlas.figures.timeline import MARGIN, Calendar, lanes, told
from bestiary.atlas.figures.tree import chosen, spelled
from bestiary.catalog.index import Catalog
from bestiary.catalog.schema import Entry

_MONTH, _EACH, _DECADE = 4.0, 13.0, 165.0
_SIDE = 64.0
_NAME, _HIGH = 11.0, 14.0
_SAID = "A large mark is the largest published size, small dots are the others. Months are as wide as they are full."
_DOT, _SMALL = 3.5, 1.7


class Sized(NamedTuple):
    """A published size and its exact parameters."""

    size: str
    parameters: int


def sizes(catalog: Catalog, slug: str) -> tuple[Sized, ...]:
    """Return the published sizes of an entry, the smallest first; none where nobody published any."""
    found = (Sized(size.name, size.total) for size in catalog.rows[slug].sizes)
    return tuple(sorted(found, key=lambda sized: (sized.parameters, sized.size)))


def by_parameters(catalog: Catalog, link: Link | None, family: str | None) -> Figure:
    """Return the timeline whose height is the number of parameters; what has no published size stands below it."""
    entries = chosen(catalog, family)
    counted = {slug: found for slug in entries if (found := sizes(catalog, slug))}
    looks = family_looks(row.family for row in catalog.rows.values())
    title = f"{spelled(catalog, family) if family else 'All entries'} by parameters"
    calendar = Calendar.of([e.facts.published.value for e in entries.values()], MARGIN + _SIDE, _MONTH, _EACH)
    right = calendar.starts[-1] + 110
    families = family_key(looks, (entry.facts.family.value for entry in entries.values()))
    key, y = flowed(families, MARGIN, right, MARGIN + 56)
    scale = _Scale.of([sized.parameters for found in counted.values() for sized in found], y + 14)
    marks = [_mark(entries[slug], counted[slug], calendar, scale) for slug in sorted(counted)]
    places = place_labels(marks, (calendar.starts[0] + 2, scale.top + 2, right, scale.bottom - 2))
    right = max([right, *(places[mark.key].x + mark.width for mark in marks)])
    lines = [_line(entries[mark.key], counted[mark.key], mark, looks) for mark in marks]
    body = [_drawn(entries[mark.key], counted[mark.key], mark, places[mark.key], looks, link) for mark in marks]
    unknown = [entries[slug] for slug in sorted(entries) if slug not in counted]
    below, bottom = _unknown(unknown, calendar, scale.bottom, looks, link)
    heading = [
        words(MARGIN, MARGIN + 14, title, 18, font_weight="bold", class_="ink label"),
        words(MARGIN, MARGIN + 34, _SAID, 11,
              class_="ink label"),
    ]  # fmt: skip
    svg = document(
        right + MARGIN,
        bottom + 24 + MARGIN,
        title,
        f"{len(entries)} entries by day and parameters; {len(unknown)} of them have no published size.",
        [
            *heading,
            *key,
            *calendar.lines(scale.top, bottom),
            *scale.lines(calendar.starts[0], right),
            *lines,
            *body,
            *below,
        ],
    )
    return Figure(title, svg, ("name", "slug", "family", "published", "size", "parameters"), _rows(entries, counted))


def _rows(
    entries: Mapping[str, Entry], counted: Mapping[str, Sequence[Sized]]
) -> tuple[tuple[str | int | None, ...], ...]:
    """Return a row for each size by date, and one without for an entry that has none."""
    ordered = sorted(entries.values(), key=lambda entry: (entry.facts.published.value, entry.slug))
    return tuple(
        (e.name, e.slug, e.facts.family.value, e.facts.published.value.isoformat(), *sized)
        for e in ordered
        for sized in counted.get(e.slug, ((None, None),))
    )


class _Scale(NamedTuple):
    """A log scale from the bottom up, in decades."""

    lowest: float
    highest: float
    top: float

    @classmethod
    def of(cls, counts: Sequence[int], top: float) -> _Scale:
        """Return the scale that holds all counts, with a little room above and below."""
        low, high = min(counts, default=10**6), max(counts, default=10**9)
        return cls(log10(low) - 0.12, log10(high) + 0.12, top)

    def place(self, parameters: int) -> float:
        """Return how high a count is; rounded, since a logarithm's last digit is not the same everywhere."""
        return round(self.top + (self.highest - log10(parameters)) * _DECADE, 2)

    @property
    def bottom(self) -> float:
        """Where the scale begins."""
        return round(self.top + (self.highest - self.lowest) * _DECADE, 2)

    def lines(self, left: float, right: float) -> Iterator[str]:
        """Yield a line at each decade with what it stands for, and one below them all."""
        for power in range(ceil(self.lowest), floor(self.highest) + 1):
            y = self.place(10**power)
            yield _rule(left, right, y)
            yield words(left - 8, y + 4, short(10**power), 12, text_anchor="end", class_="ink label")
        yield _rule(left, right, self.bottom)


def _rule(left: float, right: float, y: float) -> str:
    d = f"M{number(left)} {number(y)}H{number(right)}"
    return element("path", class_="pale", d=d, stroke=PALE, stroke_width=0.6, opacity=0.6)


def short(parameters: int) -> str:
    """Return a count as people say it, in three digits at most: 110M, 1.56B."""
    for power, unit in ((12, "T"), (9, "B"), (6, "M"), (3, "K")):
        digits = f"{parameters / 10**power:.3g}"
        if parameters >= 10**power:
            return f"{digits}{unit}"
    return str(parameters)


def _mark(entry: Entry, found: Sequence[Sized], calendar: Calendar, scale: _Scale) -> Mark:
    x = calendar.place(entry.facts.published.value)
    heights = tuple(scale.place(sized.parameters) for sized in found)
    return Mark(entry.slug, x, heights[-1], width(entry.name, _NAME) + 2, _HIGH, heights[:-1])


def _line(entry: Entry, found: Sequence[Sized], mark: Mark, looks: Mapping[str, Look]) -> str:
    """Return the small dots of an entry's other sizes on their line; it lies below all labels.

    It is marked like an edge from the entry to itself, so that it fades where the entry does.
    """
    color = looks[entry.facts.family.value].color
    d = f"M{number(mark.x)} {number(mark.y)}V{number(mark.foot)}"
    dots = [element("circle", cx=mark.x, cy=y, r=_SMALL, fill=color) for y in mark.others]
    line = element("path", d=d, stroke=color, stroke_width=0.8, opacity=0.6)
    return linked(None, _said(entry, found), line, *dots, class_="edge", data_parent=entry.slug, data_child=entry.slug)


def _said(entry: Entry, found: Sequence[Sized]) -> str:
    listed = "; ".join(f"{sized.size} {sized.parameters:,}" for sized in reversed(found))
    return f"{told(entry)}. Parameters: {listed}"


def _drawn(
    entry: Entry, found: Sequence[Sized], mark: Mark, place: Place, looks: Mapping[str, Look], link: Link | None
) -> str:
    parts: list[str] = []
    if place.leader:
        (x0, y0), (x1, y1) = place.leader
        d = f"M{number(x0)} {number(y0)}L{number(x1)} {number(y1)}"
        parts.append(element("path", class_="ink", d=d, stroke=INK, stroke_width=0.5))
    parts.append(looks[entry.facts.family.value].draw(mark.x, mark.y, _DOT))
    parts.append(words(place.x + 1, place.y + 10.5, entry.name, _NAME, class_="ink label"))
    target = link(entry.slug) if link else None
    return linked(target, _said(entry, found), *parts, class_="node", data_slug=entry.slug)


def _unknown(
    entries: Sequence[Entry], calendar: Calendar, top: float, looks: Mapping[str, Look], link: Link | None
) -> tuple[list[str], float]:
    """Return the band of what has no published size, and where it ends."""
    if not entries:
        return [], top
    ordered = sorted(entries, key=lambda entry: (entry.facts.published.value, entry.slug))
    starts = [calendar.place(entry.facts.published.value) for entry in ordered]
    spans = [(x - 8, x + 8 + width(entry.name, _NAME)) for x, entry in zip(starts, ordered, strict=True)]
    found = lanes(spans)
    x = calendar.starts[0] - 8
    drawn = [
        words(x, top + down, text, 12, text_anchor="end", class_="ink label")
        for text, down in (("no size", 34), ("published", 48))
    ]
    for x, lane, entry in zip(starts, found, ordered, strict=True):
        y = top + 26 + lane * 17
        dot = looks[entry.facts.family.value].draw(x, y, _DOT)
        label = words(x + 7, y + 4, entry.name, _NAME, class_="ink label")
        drawn.append(
            linked(
                link(entry.slug) if link else None,
                f"{told(entry)}. No published size",
                dot,
                label,
                class_="node",
                data_slug=entry.slug,
            )
        )
    return drawn, top + 26 + max(max(found) + 1, 2) * 17
