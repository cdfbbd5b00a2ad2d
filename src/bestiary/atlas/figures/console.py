"""The lineage and the timelines in letters, for a terminal of any width: lines of texts and their styles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from math import floor, log10
from typing import NamedTuple, TypeAlias

from bestiary.atlas.figures.marks import Look, family_looks
from bestiary.atlas.figures.parameters import Sized, short
from bestiary.atlas.figures.timeline import Calendar, families, lanes
from bestiary.catalog import lineage
from bestiary.catalog.index import Catalog
from bestiary.catalog.lineage import Step
from bestiary.catalog.schema import Entry

Line: TypeAlias = tuple[tuple[str, str], ...]
"""Texts one after another, each with its style in Rich's words."""

_WIDE = 110  # columns from which on a tree has room for families and further parents
_BANDS = 17


class Twig(NamedTuple):
    """A line of a tree: what leads to it, the entry, what it took from the one above, and its other parents."""

    guides: str
    entry: Entry
    depth: int
    taken: Step | None
    others: tuple[Step, ...] = ()


def grown(catalog: Catalog, entries: Mapping[str, Entry], root: str | None = None) -> list[Twig]:
    """Return entries as a tree in which each stands once, below its first parent, the oldest first.

    With a root, only what descends from it is in the tree, and its own parents stand in lines above it.
    """
    steps = {slug: lineage.parents(slug, catalog=catalog) for slug in entries}
    within = set(entries)
    if root:
        within = {root, *(found.slug for found in lineage.descendants(root, catalog=catalog))} & within
    under: dict[str, list[str]] = {}
    tops: list[str] = []
    for slug in sorted(within, key=lambda slug: (entries[slug].facts.published.value, slug)):
        above = None if slug == root else next((s.parent for s in steps[slug] if s.parent in within), None)
        (tops if above is None else under.setdefault(above, [])).append(slug)

    def twig(slug: str, guides: str, depth: int, below: str | None) -> Twig:
        taken = next((step for step in steps[slug] if step.parent == below), None)
        own = slug == root
        return Twig(guides, entries[slug], depth, taken, () if own else tuple(s for s in steps[slug] if s != taken))

    def grow(slug: str, indent: str, depth: int) -> Iterator[Twig]:
        children = under.get(slug, [])
        for at, child in enumerate(children):
            last = at == len(children) - 1
            yield twig(child, f"{indent}{'└' if last else '├'}─ ", depth, slug)
            yield from grow(child, f"{indent}{' ' if last else '│'}  ", depth + 1)

    found: list[Twig] = []
    if root:
        found += [Twig("├─ " if at else "╭─ ", catalog[s.parent], -1, s) for at, s in enumerate(steps[root])]
    for top in tops:
        found += [twig(top, "", 0, None), *grow(top, "", 1)]
    return found


def tree_lines(catalog: Catalog, twigs: Sequence[Twig], width: int) -> list[Line]:
    """Return a tree's lines: names in the colors of their families, days, and what each took from above."""
    looks = family_looks(row.family for row in catalog.rows.values())
    names = max((len(twig.guides) + len(twig.entry.name) for twig in twigs), default=0) + 1
    wide = max((len(row.family) for row in catalog.rows.values()), default=0) + 2
    lines: list[Line] = []
    for twig in twigs:
        entry, family = twig.entry, twig.entry.facts.family.value
        line = [
            (twig.guides, "dim"),
            (entry.name, f"bold {looks[family].color}"),
            (" " * (names - len(twig.guides) - len(entry.name)), ""),
            (f"{entry.facts.published.value:%Y-%m}  ", "dim"),
        ]
        if width >= _WIDE:
            line.append((f"{family:<{wide}}", looks[family].color))
        line.append((", ".join(twig.taken.edges) if twig.taken else "", ""))
        if twig.others and width < _WIDE:
            line.append((f"{' ' if twig.taken else ''}+{len(twig.others)}", "dim"))
        elif twig.others:
            told = "; ".join(f"{catalog[s.parent].name}: {', '.join(s.edges)}" for s in twig.others)
            line.append((f"{' ' if twig.taken else ''} also {told}", "dim"))
        lines.append(_cut(line, width))
    return lines


def family_lines(catalog: Catalog, entries: Mapping[str, Entry], width: int) -> list[Line]:
    """Return the timeline of families: a band for each, its entries where they are in time, none over another."""
    looks = family_looks(row.family for row in catalog.rows.values())
    dates = [entry.facts.published.value for entry in entries.values()]
    room = max(width - _BANDS, 40)
    whole = Calendar.of(dates, 0, 2.5, 4)
    years = [floor(x * room / whole.starts[-1]) for x in whole.starts[::12]]
    scale = room / whole.starts[-1]
    lines = [_years(whole.first, years)]
    rule = ((" " * _BANDS, ""), ("─" * room, "dim"))
    tall = True
    for name, members in families(entries.values()).items():
        spans = sorted(
            (_span(entry, min(floor(whole.place(entry.facts.published.value) * scale), room - 1), room), entry.slug)
            for entry in members
        )
        found = lanes([(start, end + 2) for (start, end, _), _ in spans])
        if tall or max(found):  # families of one line need none between them
            lines.append(rule)
        tall = max(found) > 0
        for lane in range(max(found) + 1):
            cells = [("┊" if x in years[1:-1] else " ", "dim") for x in range(room)]
            for ((start, end, text), _), at in zip(spans, found, strict=True):
                if at == lane:
                    cells[max(start - 1, 0) : end + 1] = [(" ", "")] * len(cells[max(start - 1, 0) : end + 1])
                    cells[start:end] = [(letter, looks[name].color if letter == "●" else "") for letter in text]
            head = name if lane == 0 else ""
            lines.append(_joined([(f"{head[: _BANDS - 1]:<{_BANDS}}", f"bold {looks[name].color}"), *cells]))
    return lines


def parameter_lines(
    catalog: Catalog, entries: Mapping[str, Entry], counted: Mapping[str, Sequence[Sized]], width: int
) -> list[Line]:
    """Return the timeline by parameters: a line for each entry, from its smallest size to its largest, in decades."""
    looks = family_looks(row.family for row in catalog.rows.values())
    counts = [sized.parameters for found in counted.values() for sized in found] or [10**6, 10**9]
    names = max((len(entry.name) for entry in entries.values()), default=0) + 1
    room = max(width - names - 8 - 8, 16)
    low, high = floor(log10(min(counts))), floor(log10(max(counts))) + 1

    def place(count: int) -> int:
        return min(floor((log10(count) - low) * room / (high - low)), room - 1)

    decades = [round(at * room / (high - low)) for at in range(high - low)]
    axis = ""
    for at, x in enumerate(decades):
        if not axis or x > len(axis):
            axis = f"{axis:<{x}}{short(10 ** (low + at))}"
    lines: list[Line] = [((" " * (names + 8), ""), (axis[:room], "bold"))]
    year = 0
    for entry in sorted(entries.values(), key=lambda entry: (entry.facts.published.value, entry.slug)):
        day, look = entry.facts.published.value, looks[entry.facts.family.value]
        if day.year != year:
            year = day.year
            lines.append(((f"{year} ", "bold"), ("─" * (width - 5), "dim")))
        cells = [("┊" if x in decades else " ", "dim") for x in range(room)]
        found = counted.get(entry.slug, ())
        _draw_sizes(cells, [place(sized.parameters) for sized in found], look)
        said = short(found[-1].parameters) if found else "no size"
        head = [(f"{entry.name:<{names}}", f"bold {look.color}"), (f"{day:%m-%d}   ", "dim")]
        lines.append(_joined([*head, *cells, (f"{said:>8}", "" if found else "dim")]))
    return lines


def _draw_sizes(cells: list[tuple[str, str]], places: Sequence[int], look: Look) -> None:
    if places:
        for x in range(places[0], places[-1]):
            cells[x] = ("─", look.color)
        for x in places[:-1]:
            cells[x] = ("•", look.color)
        cells[places[-1]] = ("●", look.color)


def _years(first: int, starts: Sequence[int]) -> Line:
    """Return the years over their starts, shortened where they are narrow."""
    text = " " * _BANDS
    for at, (start, end) in enumerate(pairwise(starts)):
        year = str(first + at)
        room = end - start
        text = f"{text:<{_BANDS + start}}" + (year if room > 4 else f"{year[2:]}" if room > 2 else "")
    return ((text, "bold"),)


def _span(entry: Entry, x: int, room: int) -> tuple[int, int, str]:
    """Return where an entry's dot and name begin and end, and their text: the name to the left at the right end.

    Where there is room on neither side, the dot gives way by as much as the name needs.
    """
    needed = len(entry.name) + 2
    if x + needed > room and x + 1 >= needed:
        return x + 1 - needed, x + 1, f"{entry.name} ●"
    start = max(min(x, room - needed), 0)
    return start, min(start + needed, room), f"● {entry.name}"[:room]


def _joined(cells: Sequence[tuple[str, str]]) -> Line:
    """Return a line in which neighbors of one style are one text."""
    line: list[tuple[str, str]] = []
    for text, style in cells:
        if line and line[-1][1] == style:
            line[-1] = (line[-1][0] + text, style)
        else:
            line.append((text, style))
    return tuple(line)


def _cut(line: Sequence[tuple[str, str]], width: int) -> Line:
    """Return a line that ends in an ellipsis where it is too long."""
    if sum(len(text) for text, _ in line) <= width:
        return tuple(line)
    found: list[tuple[str, str]] = []
    left = width - 1
    for text, style in line:
        found.append((text[:left], style))
        left -= len(found[-1][0])
    return (*found, ("…", "dim"))
