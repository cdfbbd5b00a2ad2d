"""Which layers are drawn: each run of equal ones once, each pattern that comes again once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bestiary.spec import Layer, Repeat, Stack


@dataclass(frozen=True)
class Drawn:
    """A layer that is drawn once, and its places among a stack's own layers."""

    layer: Layer
    places: tuple[int, ...]
    runs: int = 1
    """How often the same weights run."""


@dataclass(frozen=True)
class Group:
    """What is drawn in one frame: layers or groups, one after the other, ``times`` over."""

    items: tuple[Drawn | Group, ...]
    times: int
    shared: bool = False
    """Whether the same weights run again (ALBERT)."""


def grouped(stack: Stack) -> tuple[Group, ...]:
    """Return a stack's layers as groups, from the bottom up."""
    groups: list[Group] = []
    run: list[Drawn] = []
    first = 0
    for item in stack.layers:
        if isinstance(item, Repeat):
            inner = tuple(Drawn(layer, (first + index,), item.times) for index, layer in enumerate(item.layers))
            groups += [*_folded(run), Group(_inner(_folded(inner)), item.times, shared=True)]
            run = []
            first += len(item.layers)
        else:
            run.append(Drawn(item, (first,)))
            first += 1
    return (*groups, *_folded(run))


def layers_of(group: Group) -> tuple[Drawn, ...]:
    """Return the layers that a group draws."""
    return tuple(layer for item in group.items for layer in (layers_of(item) if isinstance(item, Group) else (item,)))


def _inner(groups: list[Group]) -> tuple[Drawn | Group, ...]:
    return tuple(item for group in groups for item in (group.items if group.times == 1 else (group,)))


def _folded(layers: Sequence[Drawn]) -> list[Group]:
    """Fold a sequence that is one pattern again and again; else equal neighbors, then the longest stretches."""
    units = [Group((layer,), 1) for layer in layers]
    period = _period(units)
    if period > 1:
        laps = [_stretches(_runs(units[at : at + period])) for at in range(0, len(units), period)]
        return [_again(laps, len(laps))]
    return _stretches(_runs(units))


def _runs(units: list[Group]) -> list[Group]:
    runs: list[list[Group]] = []
    for unit in units:
        if runs and _key(runs[-1][0]) == _key(unit):
            runs[-1].append(unit)
        else:
            runs.append([unit])
    return [_again([[unit] for unit in run], len(run)) for run in runs]


def _stretches(units: list[Group]) -> list[Group]:
    keys = [_key(unit) for unit in units]
    done: list[Group] = []
    at = 0
    while at < len(units):
        best, period = 1, 1
        for length in range(2, (len(units) - at) // 2 + 1):
            times = 1
            while keys[at + times * length : at + (times + 1) * length] == keys[at : at + length]:
                times += 1
            if times > 1 and times * length > best * period:
                best, period = times, length
        laps = [units[at + lap * period : at + (lap + 1) * period] for lap in range(best)]
        done += [_again(laps, best)] if best > 1 else laps[0]
        at += best * period
    return done


def _again(laps: list[list[Group]], times: int) -> Group:
    """Return laps that are alike as one group, each layer with its places in all of them."""
    items = _inner(laps[0])
    others = [_inner(lap) for lap in laps[1:]]
    merged = tuple(_merged([item, *(other[index] for other in others)]) for index, item in enumerate(items))
    return Group(merged, times)


def _merged(alike: list[Any]) -> Any:
    first = alike[0]
    if isinstance(first, Drawn):
        return Drawn(first.layer, tuple(place for each in alike for place in each.places), first.runs)
    return Group(
        tuple(_merged([each.items[index] for each in alike]) for index in range(len(first.items))), first.times
    )


def _period(units: list[Group]) -> int:
    keys = [_key(unit) for unit in units]
    for period in range(1, len(keys) // 2 + 1):
        if len(keys) % period == 0 and all(key == keys[index % period] for index, key in enumerate(keys)):
            return period
    return 0


def _key(group: Group) -> Any:
    return group.times, tuple(_key(item) if isinstance(item, Group) else item.layer for item in group.items)
