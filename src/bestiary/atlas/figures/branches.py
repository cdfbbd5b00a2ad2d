"""Drawing a lineage that is laid out: a box for each entry, and from its parents edges that keep clear of all boxes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from bestiary.atlas.figures.edges import STROKES, STRONGEST, TOOK
from bestiary.atlas.figures.layout import Edge, Layout, Place
from bestiary.atlas.figures.marks import Item, Look, family_key, flowed, key_item
from bestiary.atlas.figures.svg import INK, PALE, PAPER, Link, document, element, linked, number, words
from bestiary.atlas.figures.text import width
from bestiary.catalog.schema import UNDISCLOSED, Entry

_HIGH, _NAME, _NOTE = 32.0, 11.5, 9.0
_PAD, _STRIP = 7.0, 5.0
_MARGIN, _YEARS, _LEAST = 24.0, 60.0, 640.0
_BETWEEN, _STEEP, _DEEPEST = 30.0, 0.06, 50.0


class Rows(NamedTuple):
    """The slugs of each row, and the year that a row opens, or nothing."""

    slugs: list[list[str]]
    headings: list[str | None]


class _Box(NamedTuple):
    entry: Entry
    look: Look
    left: float
    top: float
    width: float

    def ports(self, count: int) -> list[float]:
        """Return where so many lines meet a side, around its middle."""
        step = min(9.0, (self.width - 16) / max(count - 1, 1))
        return [self.left + self.width / 2 + (at - (count - 1) / 2) * step for at in range(count)]


def box_width(entry: Entry) -> float:
    """Return how wide an entry's box is."""
    return _STRIP + 2 * _PAD + max(width(entry.name, _NAME, bold=True), width(_note(entry), _NOTE))


def draw(
    title: str,
    entries: Mapping[str, Entry],
    looks: Mapping[str, Look],
    rows: Rows,
    layout: Layout,
    link: Link | None,
    center: str | None,
) -> str:
    """Return the drawing; the box of ``center`` has a heavy frame."""
    room = max(layout.width, _LEAST)
    across = room + _YEARS + 2 * _MARGIN
    key, below = _key(entries, looks, layout, across)
    tops = _tops(layout, below + 10)
    left = _MARGIN + _YEARS + (room - layout.width) / 2
    boxes: dict[str, _Box] = {}
    for place in (place for row in layout.rows for place in row if not place.kind):
        entry = entries[place.key]
        wide = box_width(entry)
        look = looks[entry.facts.family.value]
        boxes[place.key] = _Box(entry, look, left + layout.middles[place] - wide / 2, tops[place.row], wide)
    return document(
        across,
        (tops[-1] if tops else below) + _HIGH + _MARGIN,
        title,
        f"{len(entries)} entries in rows of years, {len(layout.paths)} edges to what each took from its parents.",
        [
            words(_MARGIN, _MARGIN + 14, title, 18, font_weight="bold", class_="ink label"),
            *key,
            *_headings(rows, tops, across),
            *_Lines(layout, boxes, tops, left).drawn(),
            *(_drawn_box(box, link, box.entry.slug == center) for box in boxes.values()),
        ],
    )


def _note(entry: Entry) -> str:
    """Return a box's second line: the family, so that no color is needed to know it, and the month."""
    kind = " · framework" if entry.kind == "framework" else ""
    family = entry.facts.family.value
    known = "family undisclosed" if family == UNDISCLOSED else family
    return f"{known}{kind} · {entry.facts.published.value:%Y-%m}"


def _tops(layout: Layout, top: float) -> list[float]:
    """Return the top of each row; lines that run far to the side get more height to bend in."""
    far = [0.0] * len(layout.rows)
    for path in layout.paths.values():
        for upper, lower in pairwise(path):
            far[lower.row] = max(far[lower.row], abs(layout.middles[upper] - layout.middles[lower]))
    tops: list[float] = []
    for reach in far:
        tops.append(tops[-1] + _HIGH + _BETWEEN + min(reach * _STEEP, _DEEPEST) if tops else top)
    return tops


def _headings(rows: Rows, tops: Sequence[float], across: float) -> Iterator[str]:
    """Yield each year beside its first row, under a line."""
    for heading, top in zip(rows.headings, tops, strict=True):
        if heading:
            d = f"M{number(_MARGIN)} {number(top - 15)}H{number(across - _MARGIN)}"
            yield element("path", class_="pale", d=d, stroke=PALE, stroke_width=0.6, opacity=0.6)
            yield words(_MARGIN, top + 20, heading, 15, font_weight="bold", class_="ink label")


def _key(
    entries: Mapping[str, Entry], looks: Mapping[str, Look], layout: Layout, across: float
) -> tuple[list[str], float]:
    """Return the legend, in lines as wide as the drawing, and where it ends."""

    def stroke(kind: str) -> Item:
        def line(x: float, y: float) -> str:
            d = f"M{number(x)} {number(y - 4)}h36"
            return element("path", class_="ink", d=d, stroke=INK, fill="none", **STROKES[kind])

        return key_item(f"{kind}: {TOOK[kind]}", 38, line)

    kinds = {edge.kind for edge in layout.paths}
    strokes = [stroke(kind) for kind in STRONGEST if kind in kinds]
    lines, y = flowed(strokes, _MARGIN, across - _MARGIN, _MARGIN + 40)
    families = family_key(looks, (entry.facts.family.value for entry in entries.values()))
    swatches, y = flowed(families, _MARGIN, across - _MARGIN, y)
    return [*lines, *swatches], y


class _Lines:
    """The edges as lines: from below a box down through the trunk to the top of another."""

    def __init__(self, layout: Layout, boxes: Mapping[str, _Box], tops: Sequence[float], left: float) -> None:
        self.layout, self.boxes, self.tops, self.left = layout, boxes, tops, left
        self.leave: dict[tuple[str, Place], float] = {}
        self.arrive: dict[Edge, float] = {}
        going: dict[str, set[Place]] = {}
        coming: dict[str, list[Edge]] = {}
        for edge, path in layout.paths.items():
            going.setdefault(edge.source, set()).add(path[1])
            coming.setdefault(edge.target, []).append(edge)
        for slug, places in going.items():
            ranked = sorted(places, key=lambda place: (layout.middles[place], place))
            for place, x in zip(ranked, boxes[slug].ports(len(ranked)), strict=True):
                self.leave[slug, place] = x
        for slug, edges in coming.items():
            edges.sort(key=lambda edge: (layout.middles[layout.paths[edge][-2]], edge))
            self.arrive.update(zip(edges, boxes[slug].ports(len(edges)), strict=True))

    def drawn(self) -> Iterator[str]:
        """Yield the lines, the weakest kind first, so that what is drawn over them is what says more."""
        fans: dict[tuple[str, str], list[Edge]] = {}
        for edge in self.layout.paths:
            fans.setdefault((edge.kind, edge.source), []).append(edge)
        for kind, source in sorted(fans, key=lambda fan: (-STRONGEST.index(fan[0]), fan)):
            yield from self._fan(fans[kind, source])

    def _fan(self, edges: Sequence[Edge]) -> Iterator[str]:
        """Yield what edges of one kind from one box share, and what each has alone.

        What they share is drawn once: a line drawn twice looks heavier, and weight means something here.
        """
        users: dict[tuple[Place, Place], list[Edge]] = {}
        for edge in edges:
            for stretch in pairwise(self.layout.paths[edge]):
                users.setdefault(stretch, []).append(edge)
        source = self.boxes[edges[0].source].entry
        if shared := [self._stretch(*stretch, found[0]) for stretch, found in users.items() if len(found) > 1]:
            names = ", ".join(self.boxes[edge.target].entry.name for edge in edges)
            yield self._line(edges, f"{edges[0].kind} of {source.name}, to {names}", "".join(shared))
        for edge in edges:
            own = [self._stretch(*stretch, edge) for stretch, found in users.items() if found == [edge]]
            child = self.boxes[edge.target].entry
            kinds = ", ".join(child.parents[edge.source].edge)
            yield self._line([edge], f"{child.name} from {source.name}: {kinds}", "".join(own))

    def _stretch(self, start: Place, end: Place, edge: Edge) -> str:
        """Return the way from one row to the next, and through that where it is a trunk."""
        x0 = self.left + self.layout.middles[start] if start.kind else self.leave[edge.source, end]
        x1 = self.left + self.layout.middles[end] if end.kind else self.arrive[edge]
        y0, y1 = self.tops[start.row] + _HIGH, self.tops[end.row]
        bend = number((y0 + y1) / 2)
        across = f"C{number(x0)} {bend} {number(x1)} {bend} {number(x1)} {number(y1)}"
        return f"M{number(x0)} {number(y0)}{across}" + (f"v{number(_HIGH)}" if end.kind else "")

    def _line(self, edges: Sequence[Edge], told: str, d: str) -> str:
        kind, source = edges[0].kind, edges[0].source
        shape = element("path", d=d, fill="none", stroke=self.boxes[source].look.color, **STROKES[kind])
        children = " ".join(edge.target for edge in edges)
        return linked(None, told, shape, class_="edge", data_parent=source, data_child=children)


def _drawn_box(box: _Box, link: Link | None, is_center: bool) -> str:
    entry = box.entry
    told = f"{entry.name}, {entry.facts.published.value.isoformat()}, family {entry.facts.family.value}"
    frame = element(
        "rect",
        class_="label-box",
        x=box.left,
        y=box.top,
        width=box.width,
        height=_HIGH,
        rx=3,
        fill=PAPER,
        stroke=box.look.color,
        stroke_width=3 if is_center else 1,
        stroke_dasharray="4 3" if entry.kind == "framework" else None,
    )
    strip = element("rect", x=box.left, y=box.top, width=_STRIP, height=_HIGH, rx=2, fill=box.look.color)
    x = box.left + _STRIP + _PAD
    name = words(x, box.top + 14, entry.name, _NAME, font_weight="bold", class_="ink label")
    note = words(x, box.top + 26, _note(entry), _NOTE, class_="ink label")
    target = link(entry.slug) if link else None
    return linked(target, told, frame, strip, name, note, class_="node", data_slug=entry.slug)
