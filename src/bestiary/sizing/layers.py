"""The layers of a stack with how often each occurs, so that a hundred equal ones are sized once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from bestiary.spec import Layer, Stack, own_layers, run_order


def owned(stack: Stack) -> dict[Layer, int]:
    """Return each different layer with the number that have weights of their own: what parameters multiply by."""
    return _distinct(own_layers(stack))


def runs(stack: Stack) -> dict[Layer, int]:
    """Return each different layer with how often it runs: what operations and caches multiply by."""
    layers = own_layers(stack)
    return _distinct([layers[index] for index in run_order(stack)])


def _distinct(layers: Iterable[Layer]) -> dict[Layer, int]:
    times: dict[Layer, int] = {}
    objects = {id(layer): layer for layer in layers}  # equal layers are mostly one object, which is hashed once
    for key, number in Counter(map(id, layers)).items():
        times[objects[key]] = times.get(objects[key], 0) + number
    return times
