"""Boxes of an anatomy: a name, what is to be said of it, and how many parameters it has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from bestiary.atlas.figures.body.pieces import Anchor, Elements, Piece
from bestiary.atlas.figures.svg import element, linked, words
from bestiary.atlas.figures.text import shortened, width

OP_WIDTH = 268.0
"""How wide a box beside the stream is."""
BESIDE = 40.0
"""How far from the stream such a box begins."""
ACROSS = 14.0
"""How far to the left of the stream a box that stands across it begins."""
FULL_WIDTH = ACROSS + BESIDE + OP_WIDTH

TINTS: dict[str, tuple[str, str]] = {
    "attention": ("#dce9f5", "#2b6296"),
    "mlp": ("#fcefd2", "#946612"),
    "experts": ("#f9dcc0", "#a04f16"),
    "norm": ("#efefef", "#777777"),
    "embedding": ("#dff0e2", "#36744a"),
    "position": ("#ebe1f4", "#664593"),
    "convolution": ("#d6eeec", "#26706b"),
    "head": ("#f8dde3", "#9c3a56"),
    "other": ("#f3f2ec", "#6e6c62"),
}
"""The fill and the edge of each kind of box."""
DARK = "#1b1b1b"
"""Of text in boxes, which stay light in the dark."""


class Pill(NamedTuple):
    """Something that acts inside of an op: a position on queries and keys, say."""

    kind: str
    text: str


@dataclass(frozen=True)
class Said:
    """What a box says."""

    kind: str
    name: str
    details: tuple[str, ...] = ()
    pills: tuple[Pill, ...] = ()

    @property
    def size(self) -> str:
        """Everything but the name, in one line."""
        return ", ".join((*self.details, *(pill.text for pill in self.pills)))


class Amount(NamedTuple):
    """How many parameters a part has, and what share of the model's that is."""

    number: int
    share: float


def box(
    said: Said, amount: Amount | None, wide: float = OP_WIDTH, told: str = "", slabs: bool = False, below: float = 0
) -> Piece:
    """Return a box: the name and the parameters in its first line, where both have room, and the rest below.

    Its lower edge is the darker the more of the model's parameters are in it: a meter. ``slabs`` stands copies behind,
    ``below`` is room at the foot.
    """
    room = wide - 16
    number = f"{amount.number:,}" if amount and amount.number else ""
    name = shortened(said.name, room, 11.5, bold=True)
    together = width(name, 11.5, bold=True) + 10 + width(number, 10) <= room
    lines = wrapped(said.details, room)
    if number and not together:
        lines.append(number)
    high = 21.0 + 13 * len(lines) + 17 * len(said.pills) + (3 if lines or said.pills else 0) + below
    fill, edge = TINTS[said.kind]

    def draw(x: float, y: float) -> Elements:
        drawn = [_slab(x + shift, y - shift, wide, high, fill, edge) for shift in ((6.0, 3.0) if slabs else ())]
        drawn.append(_slab(x, y, wide, high, fill, edge))
        drawn.append(_inside(x + 8, y + 15, name, 11.5, font_weight="bold"))
        if number and together:
            drawn.append(_inside(x + wide - 8, y + 15, number, 10, text_anchor="end"))
        drawn += [_inside(x + 8, y + 29 + 13 * index, text) for index, text in enumerate(lines)]
        for index, pill in enumerate(said.pills):
            drawn += _pill(x + 8, y + 20 + 13 * len(lines) + 17 * index, pill, room)
        long = amount.share * (wide - 8) if amount else 0
        if long >= 2:
            drawn.append(element("rect", x=x + 4, y=y + high - 2.5, width=long, height=2.5, fill=edge))
        return [linked(None, told, *drawn)] if told else drawn

    ends = (Anchor("left", 0, high / 2), Anchor("right", wide, high / 2))
    return Piece(wide, high, wide / 2, draw, ends)


def bar(said: Said, amount: Amount | None, wide: float = OP_WIDTH, told: str = "") -> Piece:
    """Return a box of one line: a norm."""
    fill, edge = TINTS[said.kind]
    number = f"{amount.number:,}" if amount and amount.number else ""
    text = " · ".join((said.name, *said.details))
    text = shortened(text, wide - 16 - (width(number, 10) + 8 if number else 0), 10)

    def draw(x: float, y: float) -> Elements:
        drawn = [_slab(x, y, wide, 18, fill, edge, 4), _inside(x + 8, y + 12.5, text)]
        if number:
            drawn.append(_inside(x + wide - 8, y + 12.5, number, 10, text_anchor="end"))
        return [linked(None, told, *drawn)] if told else drawn

    return Piece(wide, 18, wide / 2, draw)


def across(piece: Piece) -> Piece:
    """Return a box placed across the stream: all that flows passes it."""
    return Piece(piece.width, piece.height, ACROSS, piece.draw, piece.anchors)


def wrapped(details: Sequence[str], room: float, size: float = 10) -> list[str]:
    """Return details in lines: as many in one as it has room for."""
    lines: list[str] = []
    for detail in details:
        for word in _broken(detail, room, size):
            joined = f"{lines[-1]} · {word}" if lines else word
            if lines and width(joined, size) <= room:
                lines[-1] = joined
            else:
                lines.append(word)
    return lines


def _broken(text: str, room: float, size: float) -> list[str]:
    if width(text, size) <= room:
        return [text]
    lines = [""]
    for word in text.split(" "):
        joined = f"{lines[-1]} {word}".strip()
        if width(joined, size) <= room or not lines[-1]:
            lines[-1] = joined
        else:
            lines.append(word)
    return [shortened(each, room, size) for each in lines]


def _slab(x: float, y: float, wide: float, high: float, fill: str, edge: str, round_: float = 5) -> str:
    return element("rect", x=x, y=y, width=wide, height=high, rx=round_, fill=fill, stroke=edge)


def _inside(x: float, y: float, text: str, size: float = 10, **attributes: str | float | None) -> str:
    return words(x, y, text, size, **{"class_": "label", "fill": DARK, **attributes})


def _pill(x: float, y: float, pill: Pill, room: float) -> Elements:
    fill, edge = TINTS[pill.kind]
    text = shortened(pill.text, room - 12, 9.5)
    return [_slab(x, y, width(text, 9.5) + 12, 14, fill, edge, 7), _inside(x + 6, y + 10.5, text, 9.5)]
