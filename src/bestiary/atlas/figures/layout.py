"""Laying out a lineage in rows: long edges led between the boxes, few crossings, compact places.

The way is that of Sugiyama, Tagawa and Toda (1981), with one change: edges of one kind that leave one box share a
trunk, which runs down through the rows and from which each branches off above its end. All is whole numbers or sums
that are rounded once, and every tie is broken by name, so the same graph has the same drawing everywhere.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import fsum
from typing import NamedTuple

SWEEPS = 24  # the best order comes within the first dozen; more is insurance
SETTLES = 60
SLACK = 1.12  # how much wider than its fullest row a layout may be, so that edges run straighter


class Edge(NamedTuple):
    """An edge from a box to one in a later row, of a kind."""

    source: str
    target: str
    kind: str


class Place(NamedTuple):
    """What stands in a row: a box (``kind`` is empty), or a box's trunk of edges of one kind that runs through it."""

    row: int
    key: str
    kind: str = ""


@dataclass(frozen=True)
class Room:
    """The room between neighbors in a row: two boxes, a box and a trunk, two trunks."""

    boxes: float = 14
    box_and_trunk: float = 9
    trunks: float = 7

    def between(self, left: Place, right: Place) -> float:
        """Return the room that two neighbors keep, from edge to edge."""
        if left.kind and right.kind:
            return self.trunks
        return self.box_and_trunk if left.kind or right.kind else self.boxes


@dataclass(frozen=True)
class Layout:
    """Where each item's middle is, and the items that each edge passes from its source to its target."""

    rows: tuple[tuple[Place, ...], ...]
    middles: Mapping[Place, float]
    paths: Mapping[Edge, tuple[Place, ...]]
    width: float


def lay_out(rows: Sequence[Sequence[str]], edges: Iterable[Edge], widths: Mapping[str, float], room: Room) -> Layout:
    """Return the layout of boxes that are assigned to rows already, in their first order."""
    paths, neighbors, items = _items(rows, sorted(edges))
    graph = _Graph(neighbors)
    order = graph.ordered([list(row) for row in items])
    middles = graph.placed(order, lambda item: 0 if item.kind else widths[item.key], room)
    half = {item: 0 if item.kind else widths[item.key] / 2 for item in middles}
    left = min((middles[item] - half[item] for item in middles), default=0)
    middles = {item: round(middle - left, 2) for item, middle in middles.items()}
    width = max((middles[item] + half[item] for item in middles), default=0)
    return Layout(tuple(map(tuple, order)), middles, paths, width)


def _items(
    rows: Sequence[Sequence[str]], edges: Sequence[Edge]
) -> tuple[dict[Edge, tuple[Place, ...]], dict[Place, tuple[list[Place], list[Place]]], list[list[Place]]]:
    """Return the path of each edge, the neighbors of each item above and below, and the items of each row."""
    boxes = {key: Place(at, key) for at, row in enumerate(rows) for key in row}
    items = [[boxes[key] for key in row] for row in rows]
    neighbors: dict[Place, tuple[list[Place], list[Place]]] = {box: ([], []) for box in boxes.values()}
    paths: dict[Edge, tuple[Place, ...]] = {}
    for edge in edges:
        source, target = boxes[edge.source], boxes[edge.target]
        trunk = [Place(at, edge.source, edge.kind) for at in range(source.row + 1, target.row)]
        path = paths[edge] = (source, *trunk, target)
        for item in trunk:
            if item not in neighbors:
                neighbors[item] = ([], [])
                items[item.row].append(item)
        for upper, lower in itertools.pairwise(path):
            if lower not in neighbors[upper][1]:
                neighbors[upper][1].append(lower)
                neighbors[lower][0].append(upper)
    return paths, neighbors, items


class _Graph:
    """The items with their neighbors above (0) and below (1)."""

    def __init__(self, neighbors: dict[Place, tuple[list[Place], list[Place]]]) -> None:
        self.neighbors = neighbors

    def ordered(self, rows: list[list[Place]]) -> list[list[Place]]:
        """Return the rows in the order with the fewest crossings that sweeps of medians and swaps find."""
        best, least = [list(row) for row in rows], self.crossings(rows)
        for sweep in range(SWEEPS):
            side = sweep % 2
            for at in range(1, len(rows)) if side == 0 else range(len(rows) - 2, -1, -1):
                fixed = {item: place for place, item in enumerate(rows[at - 1 if side == 0 else at + 1])}
                rows[at] = self._by_medians(rows[at], fixed, side)
            if sweep % 4 >= 2:
                self._swap(rows)
            crossings = self.crossings(rows)
            if crossings < least:
                best, least = [list(row) for row in rows], crossings
        while self._swap(best):
            pass
        return best

    def _by_medians(self, row: list[Place], fixed: Mapping[Place, int], side: int) -> list[Place]:
        """Return a row sorted by the doubled median of each item's places; those without any stay where they are."""
        medians: dict[Place, int] = {}
        for item in row:
            places = sorted(fixed[other] for other in self.neighbors[item][side])
            if places:
                medians[item] = places[(len(places) - 1) // 2] + places[len(places) // 2]
        moved = iter(sorted((item for item in row if item in medians), key=lambda item: medians[item]))
        return [next(moved) if item in medians else item for item in row]

    def crossings(self, rows: Sequence[Sequence[Place]]) -> int:
        """Return how often edges cross, over all rows."""
        return sum(self._between(upper, lower) for upper, lower in itertools.pairwise(rows))

    def _between(self, upper: Sequence[Place], lower: Sequence[Place]) -> int:
        places = {item: place for place, item in enumerate(lower)}
        seen: list[int] = []
        crossings = 0
        for item in upper:
            ends = sorted(places[other] for other in self.neighbors[item][1])
            crossings += sum(len(seen) - bisect_left(seen, end + 1) for end in ends)
            for end in ends:
                insort(seen, end)
        return crossings

    def _swap(self, rows: list[list[Place]]) -> bool:
        """Swap neighbors wherever that leaves fewer crossings; return whether any were."""
        swapped = False
        for at, row in enumerate(rows):
            sides = [
                {item: place for place, item in enumerate(rows[other])} if 0 <= other < len(rows) else {}
                for other in (at - 1, at + 1)
            ]
            ends = {
                item: [sorted(sides[side][other] for other in self.neighbors[item][side]) for side in (0, 1)]
                for item in row
            }
            for place in range(len(row) - 1):
                left, right = ends[row[place]], ends[row[place + 1]]
                now, then = (sum(map(_inversions, a, b)) for a, b in ((left, right), (right, left)))
                if then < now:
                    row[place], row[place + 1] = row[place + 1], row[place]
                    swapped = True
        return swapped

    def placed(
        self, rows: Sequence[Sequence[Place]], width: Callable[[Place], float], room: Room
    ) -> dict[Place, float]:
        """Return the middle of each item: near those of its neighbors, as far as the order and the room let it."""
        offsets: list[list[float]] = []
        for row in rows:
            ends = [0.0]
            for left, right in itertools.pairwise(row):
                ends.append(ends[-1] + (width(left) + width(right)) / 2 + room.between(left, right))
            offsets.append(ends)
        widest = max((ends[-1] for ends in offsets), default=0)
        limit = widest * SLACK
        middles = {
            item: offset + (limit - ends[-1]) / 2
            for row, ends in zip(rows, offsets, strict=True)
            for item, offset in zip(row, ends, strict=True)
        }
        for settle in range(SETTLES):
            sides = ((0,), (1,), (0, 1))[2 if settle >= SETTLES - 8 else settle % 2]
            for at in range(len(rows)) if settle % 2 == 0 else range(len(rows) - 1, -1, -1):
                self._settle(rows[at], offsets[at], limit, middles, sides)
        return middles

    def _settle(
        self,
        row: Sequence[Place],
        offsets: Sequence[float],
        limit: float,
        middles: dict[Place, float],
        sides: Sequence[int],
    ) -> None:
        """Move a row's items to where their neighbors above (0) and below (1) pull them, none beyond the limit."""
        wishes, weights = [], []
        for item, offset in zip(row, offsets, strict=True):
            others = [(other, _pull(item, other)) for side in sides for other in self.neighbors[item][side]]
            weight = fsum(pull for _, pull in others)
            wish = fsum(middles[other] * pull for other, pull in others) / weight if weight else middles[item]
            wishes.append(wish - offset)
            weights.append(weight or 0.1)
        for item, offset, place in zip(row, offsets, _nondecreasing(wishes, weights), strict=True):
            middles[item] = min(max(place, 0), limit - offsets[-1]) + offset


def _pull(item: Place, other: Place) -> float:
    """Return how much an item wants to be straight below another: a trunk's own course the most."""
    return 8 if item.kind and other.kind else 2 if item.kind or other.kind else 1


def _inversions(left: Sequence[int], right: Sequence[int]) -> int:
    """Return how many edges of the left item cross edges of the one right of it."""
    return sum(len(left) - bisect_left(left, end + 1) for end in right)


def _nondecreasing(wishes: Sequence[float], weights: Sequence[float]) -> list[float]:
    """Return the numbers that never decrease and are nearest to the wishes, by weighted least squares."""
    pools: list[tuple[float, float, int]] = []  # their mean, their weight, how many
    for wish, weight in zip(wishes, weights, strict=True):
        mean, total, count = wish, weight, 1
        while pools and pools[-1][0] > mean:
            other, much, many = pools.pop()
            mean = (mean * total + other * much) / (total + much)
            total, count = total + much, count + many
        pools.append((mean, total, count))
    return [mean for mean, _, count in pools for _ in range(count)]
