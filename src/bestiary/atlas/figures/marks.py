"""Each family's mark in a figure: a color and a shape, either of which is enough; and legends in lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, TypeAlias

from bestiary.atlas.figures.colors import OTHERS, family_colors
from bestiary.atlas.figures.svg import PAPER, element, number, words
from bestiary.atlas.figures.text import width

Item: TypeAlias = tuple[float, Callable[[float, float], Iterable[str]]]
"""A part of a legend: how wide it is, and what draws it from a point on its line."""

_LINE, _TEXT = 20.0, 11.0
_SHAPES: tuple[tuple[tuple[float, float], ...], ...] = (
    (),  # a circle
    ((-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)),
    ((0, -1.3), (1.2, 0.9), (-1.2, 0.9)),
    ((0, -1.35), (1.35, 0), (0, 1.35), (-1.35, 0)),
    ((0, 1.3), (1.2, -0.9), (-1.2, -0.9)),
    ((-0.4, -1.2), (0.4, -1.2), (0.4, -0.4), (1.2, -0.4), (1.2, 0.4), (0.4, 0.4), (0.4, 1.2), (-0.4, 1.2), (-0.4, 0.4),
     (-1.2, 0.4), (-1.2, -0.4), (-0.4, -0.4)),
    ((-1.2, -1.1), (0, -0.3), (1.2, -1.1), (1.2, 1.1), (0, 0.3), (-1.2, 1.1)),  # a bow
    ((-0.5, -1.35), (0.5, -1.35), (0.5, 1.35), (-0.5, 1.35)),
)  # fmt: skip
"""Corners around a middle; after the last, the same ones hollow."""


class Look(NamedTuple):
    """How a family is marked: its color, the number of its shape, and whether that is hollow."""

    color: str
    shape: int = 0
    hollow: bool = False

    def draw(self, x: float, y: float, radius: float) -> str:
        """Return the mark around a point."""
        fill = {"class_": "label-box", "fill": PAPER, "stroke": self.color, "stroke_width": 1.4}
        look: Mapping[str, str | float] = fill if self.hollow else {"fill": self.color}
        corners = _SHAPES[self.shape]
        if not corners:
            return element("circle", cx=x, cy=y, r=radius, **look)
        points = " ".join(f"{number(x + radius * right)},{number(y + radius * down)}" for right, down in corners)
        return element("polygon", points=points, **look)


ALONE = Look(OTHERS, 0, hollow=True)
"""Families with one entry share a mark."""


def family_looks(families: Iterable[str]) -> dict[str, Look]:
    """Return the look of each family, those with most members first."""
    colors = family_colors(families)
    several = [family for family, color in colors.items() if color != OTHERS]
    looks = dict.fromkeys(colors, ALONE)
    for at, family in enumerate(several):
        looks[family] = Look(colors[family], at % len(_SHAPES), hollow=at // len(_SHAPES) % 2 == 1)
    return looks


def family_key(looks: Mapping[str, Look], shown: Iterable[str]) -> list[Item]:
    """Return the legend of the families that a figure shows."""
    found = set(shown)
    named = [(family, look) for family, look in looks.items() if family in found and look != ALONE]
    if any(looks[family] == ALONE for family in found):
        named.append(("a family of one entry", ALONE))
    return [key_item(name, 12, lambda x, y, look=look: look.draw(x + 5, y - 4, 4)) for name, look in named]


def key_item(text: str, room: float, draw: Callable[[float, float], str]) -> Item:
    """Return a part of a legend: what ``draw`` draws in its room, and a text beside it."""
    return room + 5 + width(text, _TEXT) + 16, lambda x, y: (
        draw(x, y),
        words(x + room + 5, y, text, _TEXT, class_="ink label"),
    )


def flowed(items: Iterable[Item], left: float, right: float, y: float) -> tuple[list[str], float]:
    """Return a legend's parts set one after another in lines, and where the next line would be."""
    drawn: list[str] = []
    x = left
    for across, draw in items:
        if x > left and x + across > right:
            x, y = left, y + _LINE
        drawn += draw(x, y)
        x += across
    return drawn, y + _LINE if drawn else y
