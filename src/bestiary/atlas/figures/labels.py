"""Labels around dots that overlap nothing: each as near as the others let it, tied by a thin line where it is far."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeAlias

Point: TypeAlias = tuple[float, float]
Box: TypeAlias = tuple[float, float, float, float]
"""Left, top, right, bottom."""


class Mark(NamedTuple):
    """A dot, the room its label takes, and where smaller dots are on a line below it, the lowest first."""

    key: str
    x: float
    y: float
    width: float
    height: float
    others: tuple[float, ...] = ()

    @property
    def foot(self) -> float:
        """Where the line ends."""
        return self.others[0] if self.others else self.y


class Place(NamedTuple):
    """Where a label's box begins, left and top, and the line from its dot to it where it does not stand beside it."""

    x: float
    y: float
    leader: tuple[Point, Point] | None


_CLEAR = 6.0  # from a dot's middle to a label
_STEP, _FAR = 9, 40
_BESIDE = 14  # up to here a label needs no line
_THROUGH = 16.0  # what a label over another entry's line of sizes costs, in distance
_OVER = 20.0  # and its line over another entry's dot
_CROSSED = 9.0  # and over such a line
_ROUNDS = 12
_WAYS = (
    (16, 0), (-16, 0), (0, -16), (0, 16), (15, -6), (15, 6), (-15, -6), (-15, 6), (11, -11), (11, 11), (-11, -11),
    (-11, 11), (6, -15), (6, 15), (-6, -15), (-6, 15),
)  # fmt: skip
"""Directions of sixteenths: whole numbers, where a sine may differ in its last digit from machine to machine."""

_HEAP = 8  # dots so near each other lie in a heap, from which lines must find out to the right and the left
_ASIDE = tuple((along, down) for along, down in _WAYS if abs(along) >= 6)


def place_labels(marks: Sequence[Mark], inside: Box) -> dict[str, Place]:
    """Return a place for each mark's label: none overlaps a label, a dot or another's line, and all are inside.

    The most crowded choose first. Those that find no place choose before them the next time; where all rounds leave
    some without, they stand in columns at the right, still alone.
    """
    first: list[Mark] = []
    ranked = sorted(marks, key=lambda mark: (-_crowd(mark, marks), mark.x, mark.y, mark.key))
    for _ in range(_ROUNDS):
        board = _Board(marks, inside)
        failed = [mark for mark in [*first, *(m for m in ranked if m not in first)] if not board.put(mark)]
        if not failed:
            break
        first = [*failed, *(mark for mark in first if mark not in failed)]
    for mark in failed:
        board.put_aside(mark)
    return board.places


class _Board:
    """What is on the drawing so far."""

    def __init__(self, marks: Sequence[Mark], inside: Box) -> None:
        self.marks, self.inside = marks, inside
        self.labels: list[Box] = []
        self.leaders: list[tuple[Point, Point]] = []
        self.places: dict[str, Place] = {}

    def put(self, mark: Mark) -> bool:
        """Choose the cheapest free place of a mark's label and take it; return whether there is one."""
        near = [o for o in self.marks if o.key != mark.key and abs(o.x - mark.x) < 600]
        best: tuple[float, Box, tuple[Point, Point] | None] | None = None
        heaped = sum(abs(o.x - mark.x) < _HEAP and abs(o.y - mark.y) < _HEAP for o in near) > 2
        for cost, box, leader in _candidates(mark, _ASIDE if heaped else _WAYS):
            if best and cost >= best[0]:
                break
            if not self._free(box, leader, near):
                continue
            if leader:
                cost += sum(_OVER * _cuts(leader, _around(o, _CLEAR - 3)) + _CROSSED * _meets(leader, o) for o in near)
            cost += _THROUGH * sum(o.foot > box[1] and o.y < box[3] and box[0] < o.x < box[2] for o in [*near, mark])
            if best is None or cost < best[0]:
                best = cost, box, leader
        if best is None:
            return False
        self._take(mark, *best[1:])
        return True

    def put_aside(self, mark: Mark) -> None:
        """Put a mark's label in the columns at the right."""
        box = self._aside(mark)
        self._take(mark, box, ((mark.x, mark.y), (box[0], (box[1] + box[3]) / 2)))

    def _take(self, mark: Mark, box: Box, leader: tuple[Point, Point] | None) -> None:
        self.labels.append(box)
        if leader:
            self.leaders.append(leader)
        self.places[mark.key] = Place(box[0], box[1], leader)

    def _free(self, box: Box, leader: tuple[Point, Point] | None, near: Sequence[Mark]) -> bool:
        left, top, right, bottom = self.inside
        return not (
            box[0] < left
            or box[1] < top
            or box[2] > right
            or box[3] > bottom
            or any(_overlap(box, other) for other in self.labels)
            or any(_overlap(box, _around(other, _CLEAR)) for other in near)
            or any(_cuts(line, box) for line in self.leaders)
            or (leader and any(_cuts(leader, other) for other in self.labels))
            or (leader and any(_cross(leader, other) for other in self.leaders))
        )

    def _aside(self, mark: Mark) -> Box:
        """Return the first free place in the columns at the right, from the top."""
        _, top, right, bottom = self.inside
        x = right
        while True:
            y = top
            while y + mark.height <= bottom:
                box = (x, y, x + mark.width, y + mark.height)
                if not any(_overlap(box, other) for other in self.labels):
                    return box
                y += mark.height
            x += mark.width


def _candidates(mark: Mark, ways: Sequence[tuple[int, int]]) -> Iterator[tuple[float, Box, tuple[Point, Point] | None]]:
    """Yield places from the nearest on, those to the right first, each with its line."""
    for ring in range(_FAR):
        reach = _CLEAR + ring * _STEP
        ends = [(along * reach / 16, down * reach / 16, _side_of(along, down)) for along, down in ways]
        if ring:  # and on the stacks of lines to the right and the left, which can be as high as they have to
            ends += [(to * _CLEAR, down * ring * mark.height, (to, 0)) for to in (1, -1) for down in (1, -1)]
        for rank, (along, down, (right, below)) in enumerate(ends):
            x, y = mark.x + along, mark.y + down
            left = x - mark.width * (1 - right) / 2
            top = y - mark.height * (1 - below) / 2
            leader = None if ring * _STEP < _BESIDE and rank < len(ways) else ((mark.x, mark.y), (x, y))
            yield ring * _STEP + rank * 0.5, (left, top, left + mark.width, top + mark.height), leader


def _side_of(along: int, down: int) -> tuple[int, int]:
    """Return to which side of a line's end its label is: right (1, 0), left (-1, 0), below (0, 1) or above (0, -1)."""
    if abs(along) >= 6:
        return (1 if along > 0 else -1), 0
    return 0, (1 if down > 0 else -1)


def _crowd(mark: Mark, marks: Sequence[Mark]) -> int:
    """Return how many dots are where a label of this size might want to be."""
    return sum(abs(o.x - mark.x) < mark.width + 20 and abs(o.y - mark.y) < 30 for o in marks)


def _around(mark: Mark, room: float) -> Box:
    return mark.x - room, mark.y - room, mark.x + room, mark.y + room


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _cuts(line: tuple[Point, Point], box: Box) -> bool:
    """Return whether a line passes through the inside of a box."""
    (x0, y0), (x1, y1) = line
    left, top, right, bottom = box
    if max(x0, x1) <= left or min(x0, x1) >= right or max(y0, y1) <= top or min(y0, y1) >= bottom:
        return False
    corners = ((left, top), (right, top), (right, bottom), (left, bottom))
    sides = [_side(line, corner) for corner in corners]
    return min(sides) < 0 < max(sides)


def _meets(line: tuple[Point, Point], mark: Mark) -> bool:
    return mark.foot > mark.y and _cross(line, ((mark.x, mark.y), (mark.x, mark.foot)))


def _cross(a: tuple[Point, Point], b: tuple[Point, Point]) -> bool:
    return _side(a, b[0]) * _side(a, b[1]) < 0 and _side(b, a[0]) * _side(b, a[1]) < 0


def _side(line: tuple[Point, Point], point: Point) -> float:
    (x0, y0), (x1, y1) = line
    return (x1 - x0) * (point[1] - y0) - (y1 - y0) * (point[0] - x0)
