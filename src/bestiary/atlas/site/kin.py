"""A model among its kin: what it came from on the left, what came from it on the right."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from bestiary.atlas.figures.edges import STROKES, TOOK, strongest
from bestiary.atlas.figures.figure import Figure
from bestiary.atlas.figures.svg import INK, PALE, PAPER, Link, document, element, linked, number, words
from bestiary.atlas.figures.text import shortened, width
from bestiary.atlas.site.collection import Collection
from bestiary.catalog.lineage import children, parents
from bestiary.catalog.schema import Entry

_ROW, _HIGH, _PAD, _GAP, _SIZE, _MOST = 34, 26, 10, 96, 12, 190


class Kin(NamedTuple):
    """A relative, and what the younger of the two took from the older."""

    slug: str
    name: str
    year: int
    edges: tuple[str, ...]


class Family(NamedTuple):
    """Both sides of a model's kin."""

    parents: tuple[Kin, ...]
    children: tuple[Kin, ...]


def kin(collection: Collection, entry: Entry) -> Family:
    """Return a model's parents and children."""
    catalog = collection.catalog
    older = [(step.parent, step.edges) for step in parents(entry.slug, catalog=catalog)]
    younger = [(step.child, step.edges) for step in children(entry.slug, catalog=catalog)]
    sides = [
        tuple(Kin(slug, catalog[slug].name, catalog[slug].facts.published.value.year, edges) for slug, edges in side)
        for side in (older, younger)
    ]
    return Family(*sides)


def kin_figure(collection: Collection, entry: Entry, link: Link) -> Figure | None:
    """Return the drawing of a model between its parents and its children; ``None`` where it has neither."""
    family = kin(collection, entry)
    if not (family.parents or family.children):
        return None
    columns = (family.parents, (Kin(entry.slug, entry.name, 0, ()),), family.children)
    wide = [_widest(column) for column in columns]
    height = max(map(len, columns)) * _ROW + 2 * _PAD
    starts = _starts(wide)
    drawn: list[str] = []
    middle = (starts[1], starts[1] + wide[1], height / 2)
    for side, column in ((0, family.parents), (2, family.children)):
        for place, other in enumerate(column):
            y = height / 2 + (place - (len(column) - 1) / 2) * _ROW
            ends = (starts[0] + wide[0], middle[0]) if side == 0 else (middle[1], starts[2])
            levels = (y, middle[2]) if side == 0 else (middle[2], y)
            drawn.append(_curve(ends[0], levels[0], ends[1], levels[1], other.edges))
            drawn.append(_box(other, starts[side], y, wide[side], link(other.slug), False))
    drawn.append(_box(columns[1][0], starts[1], height / 2, wide[1], None, True))
    title = f"{entry.name} and its kin"
    rows = tuple(
        (role, other.name, other.year, ", ".join(TOOK[edge] for edge in other.edges))
        for role, side in (("parent", family.parents), ("child", family.children))
        for other in side
    )
    description = f"{len(family.parents)} parents on the left, {len(family.children)} children on the right."
    svg = document(starts[2] + wide[2] + _PAD, height, title, description, drawn)
    return Figure(title, svg, ("role", "model", "year", "what the younger took"), rows)


def _widest(column: Iterable[Kin]) -> float:
    return max((min(width(other.name, _SIZE, True), _MOST) + 2 * _PAD for other in column), default=0)


def _starts(wide: list[float]) -> tuple[float, float, float]:
    first = _PAD
    second = first + wide[0] + (_GAP if wide[0] else 0)
    return first, second, second + wide[1] + (_GAP if wide[2] else 0)


def _curve(x1: float, y1: float, x2: float, y2: float, edges: tuple[str, ...]) -> str:
    """A line from older to younger, as the family tree draws what it says."""
    half = number((x1 + x2) / 2)
    way = f"M{number(x1)} {number(y1)}C{half} {number(y1)} {half} {number(y2)} {number(x2)} {number(y2)}"
    return element("path", class_="pale", d=way, fill="none", stroke=PALE, **STROKES[strongest(edges)])


def _box(other: Kin, x: float, y: float, wide: float, target: str | None, is_self: bool) -> str:
    frame = element(
        "rect", class_="label-box ink" if is_self else "label-box pale", x=x, y=y - _HIGH / 2, width=wide, height=_HIGH,
        rx=4, fill=PAPER, stroke=INK if is_self else PALE, stroke_width=1.5 if is_self else 1,
    )  # fmt: skip
    name = shortened(other.name, _MOST, _SIZE, True)
    text = words(
        x + wide / 2, y + 4, name, _SIZE, class_="label ink", text_anchor="middle",
        font_weight="bold" if is_self else None,
    )  # fmt: skip
    told = other.name if is_self else f"{other.name} ({other.year}): {', '.join(TOOK[e] for e in other.edges)}"
    return linked(target, told, frame, text)
