"""Pieces of a drawing: each knows its size and draws itself at a place, so that pieces can be put together.

A stream runs through most of them, upwards, at a distance from the left that is their axis. What everything passes
stands across the stream; what a branch adds stands beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from bestiary.atlas.figures.svg import INK, PALE, PAPER, element, number, words
from bestiary.atlas.figures.text import shortened, width

Elements = list[str]
GAP = 12.0
"""Between pieces of a column."""
PAD = 14.0
"""Between a panel's edge and what stands in it."""


class Anchor(NamedTuple):
    """A point of a piece that a line from elsewhere leads to."""

    name: str
    x: float
    y: float

    def moved(self, x: float, y: float) -> Anchor:
        """Return the same point as seen from what the piece stands in."""
        return Anchor(self.name, self.x + x, self.y + y)


@dataclass(frozen=True)
class Piece:
    """Something drawn, at whatever place it is asked to."""

    width: float
    height: float
    axis: float
    draw: Callable[[float, float], Elements]
    """Draw at the place whose left and top are given."""
    anchors: tuple[Anchor, ...] = ()
    enter: tuple[float, float] | None = None
    """Where the stream comes in; at the bottom of the axis unless said."""
    leave: tuple[float, float] | None = None
    """Where it goes out; at the top of the axis unless said."""

    def at_axis(self, axis: float) -> float:
        """Return where the left is when the stream is there."""
        return axis - self.axis

    def inlet(self, x: float, y: float) -> tuple[float, float]:
        """Return where the stream comes in when the piece stands at a place."""
        dx, dy = self.enter or (self.axis, self.height)
        return x + dx, y + dy

    def outlet(self, x: float, y: float) -> tuple[float, float]:
        """Return where the stream goes out when the piece stands at a place."""
        dx, dy = self.leave or (self.axis, 0.0)
        return x + dx, y + dy


def line(*points: tuple[float, float], dashed: bool = False, arrow: bool = False) -> Elements:
    """Return a line through points, with a head at its end if it is an arrow."""
    path = "M" + "L".join(f"{number(x)} {number(y)}" for x, y in points)
    dashes = "4 3" if dashed else None
    drawn = element("path", class_="ink", d=path, fill="none", stroke=INK, stroke_width=1.2, stroke_dasharray=dashes)
    return [drawn, *(head(points[-2], points[-1]) if arrow else [])]


def head(start: tuple[float, float], end: tuple[float, float]) -> Elements:
    """Return the head of an arrow that comes from one point to another, along an axis."""
    (x0, y0), (x, y) = start, end
    dx, dy = (x > x0) - (x < x0), (y > y0) - (y < y0)
    corners = ((x, y), (x - 6 * dx + 3 * dy, y - 6 * dy + 3 * dx), (x - 6 * dx - 3 * dy, y - 6 * dy - 3 * dx))
    path = "M" + "L".join(f"{number(a)} {number(b)}" for a, b in (corners[1], corners[0], corners[2]))
    return [element("path", class_="ink", d=path, fill="none", stroke=INK, stroke_width=1.2)]


def plus(x: float, y: float) -> Elements:
    """Return the sign of a sum on a stream."""
    cross = f"M{number(x - 4)} {number(y)}h8M{number(x)} {number(y - 4)}v8"
    return [
        element("circle", class_="paper", cx=x, cy=y, r=6.5, fill=PAPER),
        element("circle", class_="ink", cx=x, cy=y, r=6.5, fill="none", stroke=INK, stroke_width=1.2),
        element("path", class_="ink", d=cross, fill="none", stroke=INK, stroke_width=1.2),
    ]


def label(x: float, y: float, text: str, size: float = 10, **attributes: str | float | None) -> str:
    """Return a text on the paper, which must keep clear of all others."""
    return words(x, y, text, size, **{"class_": "label ink", **attributes})


def caption(text: str, size: float = 11) -> Piece:
    """Return the line of text that names a part, in bold."""
    wide = width(text, size, bold=True)
    return Piece(wide, size + 3, 0, lambda x, y: [label(x, y + size, text, size, font_weight="bold")])


def captioned(piece: Piece, text: str, left: float) -> Piece:
    """Return a piece with its name below it, which begins at a distance from its left."""
    name = caption(text)

    def draw(x: float, y: float) -> Elements:
        return [*piece.draw(x, y), *name.draw(x + left, y + piece.height + 6)]

    wide = max(piece.width, left + name.width)
    return Piece(wide, piece.height + 20, piece.axis, draw, piece.anchors, piece.inlet(0, 0), piece.outlet(0, 0))


def column(pieces: Sequence[Piece], gap: float = GAP) -> Piece:
    """Return pieces one above the other, the first at the bottom, their axes in one line."""
    axis = max((piece.axis for piece in pieces), default=0.0)
    wide = max((axis - piece.axis + piece.width for piece in pieces), default=0.0)
    high = sum(piece.height for piece in pieces) + gap * max(0, len(pieces) - 1)
    tops: list[float] = []
    top = high
    for piece in pieces:
        top -= piece.height
        tops.append(top)
        top -= gap

    def draw(x: float, y: float) -> Elements:
        drawn: Elements = []
        for piece, top in zip(pieces, tops, strict=True):
            drawn += piece.draw(x + axis - piece.axis, y + top)
        return drawn

    anchors = tuple(
        anchor.moved(axis - piece.axis, top)
        for piece, top in zip(pieces, tops, strict=True)
        for anchor in piece.anchors
    )
    return Piece(wide, high, axis, draw, anchors)


def _clear(middle: float, lines: list[float]) -> float:
    """Return the height nearest to the middle that lines from the left leave room for text at."""
    offers = sorted((offset for offset in range(-60, 61)), key=lambda offset: (abs(offset), -offset))
    return next((middle + offset for offset in offers if all(abs(middle + offset - y) > 17 for y in lines)), middle)


def beside(pieces: Sequence[Piece], gap: float) -> Piece:
    """Return pieces side by side, their feet on one line, not joined; the stream is that of the first."""
    high = max(piece.height for piece in pieces)
    lefts: list[float] = []
    left = 0.0
    for piece in pieces:
        lefts.append(left)
        left += piece.width + gap

    def draw(x: float, y: float) -> Elements:
        return [
            each
            for piece, dx in zip(pieces, lefts, strict=True)
            for each in piece.draw(x + dx, y + high - piece.height)
        ]

    anchors = tuple(
        anchor.moved(dx, high - piece.height)
        for piece, dx in zip(pieces, lefts, strict=True)
        for anchor in piece.anchors
    )
    return Piece(left - gap, high, pieces[0].axis, draw, anchors)


def panel(inside: Piece, badge: str = "", title: str = "") -> Piece:
    """Return a piece in a frame: a title under its top edge, and beside it at the left how often it is repeated."""
    side = width(badge, 15, bold=True) + 10 if badge else 0.0
    top = PAD + (15 if title else 0)
    wide, high = inside.width + 2 * PAD, inside.height + top + PAD

    def draw(x: float, y: float) -> Elements:
        frame = element("rect", class_="pale", x=x + side, y=y, width=wide, height=high, rx=8, fill="none", stroke=PALE)
        drawn = [frame, *inside.draw(x + side + PAD, y + top)]
        if badge:
            drawn.append(label(x, y + free + 5, badge, 15, font_weight="bold"))
        if title:
            at = x + side + PAD + inside.axis + 14
            drawn.append(label(at, y + 17, shortened(title, wide - inside.axis - 40, 10.5), 10.5))
        return drawn

    anchors = tuple(anchor.moved(side + PAD, top) for anchor in inside.anchors)
    free = _clear(high / 2, [anchor.y for anchor in anchors if anchor.name == "cross"])
    return Piece(side + wide, high, side + PAD + inside.axis, draw, anchors)
