"""Who has which parameters: one box claims each part of a count, so a drawing's numbers sum to the total."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from bestiary.atlas.figures.body.boxes import Amount, Said
from bestiary.atlas.figures.body.folds import Drawn
from bestiary.sizing import Count
from bestiary.spec import Layer, Stack, own_layers

Inside = Callable[[Stack], Iterable[tuple[str, int]]]
"""What counts the parts of a stack: ``layers[*].attn`` and so on."""


class Row(NamedTuple):
    """What one box shows."""

    path: str
    what: str
    size: str
    parameters: int
    layers: int = 1
    """In how many layers, each with weights of its own."""
    runs: int = 1
    """How often the same weights run."""


class Ledger:
    """The parts of a model that no box has claimed yet, and the rows of those that one has."""

    def __init__(self, count: Count) -> None:
        self.total = count.total
        self.left = dict(count.parts)
        self.rows: list[Row] = []

    def claim(self, path: str, said: Said, places: Iterable[str] | None = None) -> Amount:
        """Give a box all that stands at a path and below, or at other places, and note the row under the path."""
        number = sum(self._take(place) for place in ([path] if places is None else places))
        return self.note(path, said, number)

    def note(self, path: str, said: Said, number: int, layers: int = 1, runs: int = 1) -> Amount:
        """Note the row of a box that has so many parameters."""
        self.rows.append(Row(path or "model", said.name, said.size, number, layers, runs))
        return Amount(number, number / self.total if self.total else 0.0)

    def move_last(self, place: int) -> None:
        """Put the last row at a place before: what is claimed last, as the rest, may be what comes first."""
        self.rows.insert(place, self.rows.pop())

    def holds(self, path: str) -> int:
        """Count what is unclaimed at a path and below."""
        return sum(number for place, number in self.left.items() if _is_in(place, path))

    def _take(self, path: str) -> int:
        return sum(self.left.pop(place) for place in [place for place in self.left if _is_in(place, path)])

    def layers(self, path: str, stack: Stack, groups: Sequence[Sequence[int]], inside: Inside) -> Shares:
        """Take the layers of a stack out, divided among groups of them, given by their places among its own layers."""
        own = own_layers(stack)
        first = f"{path}.layers[*]."
        there = {place.removeprefix(first): number for place, number in self.left.items() if place.startswith(first)}
        shares = [there] if len(groups) == 1 else [_parts(inside, [own[at] for at in group]) for group in groups]
        if sum(sum(share.values()) for share in shares) != sum(there.values()):
            return Shares(self, path, [{} for _ in groups], len(own))  # counted by other rules, and shown as a whole
        for place in there:
            del self.left[first + place]
        return Shares(self, path, shares, len(own))


class Shares:
    """The parameters of a stack's layers, by group and by part."""

    def __init__(self, ledger: Ledger, path: str, shares: list[dict[str, int]], depth: int) -> None:
        self._ledger, self._path, self._shares, self._depth = ledger, path, shares, depth

    def claim(self, group: int, drawn: Drawn, part: str, said: Said) -> Amount:
        """Give a box what a part of a group has, and all below it."""
        share = self._shares[group]
        number = sum(share.pop(place) for place in [place for place in share if _is_in(place, part)])
        layers = f"{self._path}.layers[{_chosen(drawn.places, self._depth)}]"
        return self._ledger.note(f"{layers}.{part}", said, number, len(drawn.places), drawn.runs)

    def left(self) -> dict[str, int]:
        """Return what no box has claimed."""
        return {f"{self._path}.layers[*].{place}": number for share in self._shares for place, number in share.items()}


def _is_in(place: str, path: str) -> bool:
    return not path or place == path or place.startswith((f"{path}.", f"{path}["))


def _parts(inside: Inside, layers: Sequence[Layer]) -> dict[str, int]:
    found = inside(Stack(tuple(layers)))
    return {path.removeprefix("layers[*]."): number for path, number in found if number}


def _chosen(places: Sequence[int], depth: int) -> str:
    """Write which layers: ``*`` all of them, ``0``, ``1:12``, ``1::2``, or each by its number."""
    if len(places) == depth:
        return "*"
    first, last = places[0], places[-1]
    if len(places) == 1:
        return str(first)
    step = places[1] - first
    if list(places) != list(range(first, last + 1, step)):
        return ",".join(map(str, places))
    stop = "" if last + step >= depth else str(last + 1)
    return f"{first or ''}:{stop}" + (f":{step}" if step > 1 else "")
