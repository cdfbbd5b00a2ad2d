"""What one model changed from another: a line for each change, with a bar for the parameters that it brings."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from bestiary.atlas.figures.body.boxes import wrapped
from bestiary.atlas.figures.body.pieces import Elements, label, line
from bestiary.atlas.figures.body.terms import ARROW, plural
from bestiary.atlas.figures.figure import Figure
from bestiary.atlas.figures.svg import PALE, document, element, linked
from bestiary.atlas.figures.text import shortened, width
from bestiary.sizing import Change, count, diff
from bestiary.sizing.difference import shown
from bestiary.spec import Model, Residual
from bestiary.spec.show import brief

COLUMNS = ("path", "old", "new", "parameters")
_MARGIN, _GAP, _LINE, _SIZE = 24.0, 18.0, 13.0, 10.5
_HEAD = 88.0
_SIDE, _MOST_LINES = 200.0, 5
"""How wide one side of a change is at most, and how many lines high."""
_BAR = 150.0
"""How long the longest bar is."""
_MORE, _LESS = ("#2b6296", "#2b6296"), ("#ffffff", "#a04f16")
"""Fill and edge of bars: what is gained is full, what is lost is empty."""


class _Lines(NamedTuple):
    """A change as the lines of its three columns."""

    path: list[str]
    old: list[str]
    new: list[str]
    change: Change

    @property
    def height(self) -> float:
        """How high it is with the space around it."""
        return max(len(self.path), len(self.old), len(self.new)) * _LINE + 11


_SIDES: tuple[Callable[[_Lines], list[str]], ...] = (lambda row: row.path, lambda row: row.old, lambda row: row.new)


class _Columns(NamedTuple):
    """Where the columns of a drawing begin, and where bars end and begin."""

    path: float
    old: float
    new: float
    zero: float
    right: float


def difference(a: Model, b: Model, a_title: str, b_title: str) -> Figure:
    """Draw what changes one model into another; the parameters of the changes sum exactly to the difference."""
    found = diff(a, b)
    rows = [_Lines(*_texts(change), change) for change in found.changes]
    columns = _places(rows, a_title, b_title)
    title = f"{a_title} {ARROW} {b_title}"
    said = f"{_signed(found.parameters)} parameters, {plural(len(rows), 'change')}"
    if not rows:
        said = "no differences in architecture"
    drawn = [label(_MARGIN, 28, title, 16, font_weight="bold"), label(_MARGIN, 45, said, 11)]
    drawn += _header(columns, a_title, b_title) if rows else []
    top = _HEAD
    for row in rows:
        drawn += _drawn(row, columns, top, max(abs(row.change.parameters) for row in rows))
        top += row.height
    drawn.append(label(_MARGIN, top + 14, _equal(a, b), _SIZE))
    needed = (
        columns.right,
        *(width(text, 16, True) + _MARGIN for text in (title,)),
        width(_equal(a, b), _SIZE) + _MARGIN,
    )
    told = f"Each change from {a_title} to {b_title}, and the parameters that it brings."
    svg = document(max(needed) + _MARGIN, top + 14 + _MARGIN, title, told, drawn)
    table = [
        (change.path, brief_side(change.old), brief_side(change.new), change.parameters) for change in found.changes
    ]
    return Figure(title, svg, COLUMNS, (*table, ("sum", None, None, found.parameters)))


def brief_side(value: object) -> str | int | None:
    """Return one side of a change as a cell: numbers as they are, the rest as Python."""
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    return brief(value)


def _texts(change: Change) -> tuple[list[str], list[str], list[str]]:
    return wrapped([change.path], 230, _SIZE), _side(change.old), _side(change.new)


def _side(value: object) -> list[str]:
    """Return one side of a change in lines; what would take more than four is shown by its kind."""
    if isinstance(value, int) and not isinstance(value, bool):
        return [f"{value:,}"]
    whole = brief(value.op if isinstance(value, Residual) else value)
    lines = wrapped([whole if value is not None and not isinstance(value, str) else shown(value)], _SIDE, _SIZE)
    return lines if len(lines) <= _MOST_LINES else wrapped([shown(value)], _SIDE, _SIZE)


def _signed(number: int) -> str:
    return f"{number:+,}".replace("-", "\u2212") if number else "0"


def _places(rows: list[_Lines], a_title: str, b_title: str) -> _Columns:
    sides = ([text for row in rows for text in lines(row)] for lines in _SIDES)
    wide = [max([width("what changes", _SIZE, True), *(width(text, _SIZE) for text in texts)]) for texts in sides]
    titles = (min(width(title, _SIZE, True), _SIDE) for title in (a_title, b_title))
    wide[1:] = [max(needed, title) for needed, title in zip(wide[1:], titles, strict=True)]
    old = _MARGIN + wide[0] + _GAP
    new = old + wide[1] + _GAP + 14
    first = new + wide[2] + _GAP
    numbers = max([70.0, *(width(_signed(row.change.parameters), _SIZE) for row in rows)])
    changes = [row.change.parameters for row in rows]
    scale = _BAR / max([1, *map(abs, changes)])
    lost = -min(0, *changes, 0) * scale
    zero = first + (lost + numbers + 8 if lost else 0)
    return _Columns(_MARGIN, old, new, zero, zero + max(0, *changes, 0) * scale + numbers + 8)


def _header(at: _Columns, a_title: str, b_title: str) -> Elements:
    y = _HEAD - 14
    texts = (
        (at.path, "what changes"),
        (at.old, shortened(a_title, _SIDE, _SIZE, True)),
        (at.new, shortened(b_title, _SIDE, _SIZE, True)),
    )
    drawn = [label(x, y, text, _SIZE, font_weight="bold") for x, text in texts]
    rule = element("path", class_="pale", d=f"M{_MARGIN:g} {_HEAD - 6:g}H{at.right:.2f}", fill="none", stroke=PALE)
    return [*drawn, label(at.zero + 4, y, "parameters", _SIZE, font_weight="bold"), rule]


def _drawn(row: _Lines, at: _Columns, top: float, most: int) -> Elements:
    drawn: Elements = []
    for x, lines in zip(at[:3], (side(row) for side in _SIDES), strict=True):
        drawn += [label(x, top + 14 + _LINE * index, text, _SIZE) for index, text in enumerate(lines)]
    drawn += line((at.new - 20, top + 10.5), (at.new - 8, top + 10.5), arrow=True)
    number = row.change.parameters
    long = max(1.0, _BAR * abs(number) / most) if number else 0.0
    fill, edge = _MORE if number > 0 else _LESS
    if number:
        x = at.zero if number > 0 else at.zero - long
        drawn.append(element("rect", x=x, y=top + 5, width=long, height=11, fill=fill, stroke=edge))
    ends = {"text_anchor": "end"} if number < 0 else {}
    x = at.zero - long - 6 if number < 0 else at.zero + long + 6
    drawn.append(label(x, top + 14, _signed(number), _SIZE, **ends))
    drawn += [element("path", class_="pale", d=f"M{at.zero:.2f} {top:.2f}v{row.height:.2f}", stroke=PALE)]
    change = row.change
    return [linked(None, f"{change.path}: {brief(change.old)} {ARROW} {brief(change.new)}", *drawn)]


def _equal(a: Model, b: Model) -> str:
    """Say in one line what both models have alike."""
    old, new = count(a).parts, count(b).parts
    alike = [path for path, number in old.items() if new.get(path) == number]
    if not alike:
        return "no part is as large in both"
    return f"as large in both: {plural(len(alike), 'part')} with {sum(old[path] for path in alike):,} parameters"
