"""Folding: a sequence of layers as repeated patterns, so that forty equal layers are printed once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Fold = list[tuple[int, Any]]


def fold(layers: Sequence[Any]) -> Fold:
    """Fold a sequence into ``(times, pattern)`` pairs: repeated patterns first, then runs of equal layers.

    A pattern is a layer, or a nested fold where the repeated unit is itself a sequence.
    """
    count = len(layers)
    for period in range(2, count // 2 + 1):
        if count % period == 0 and all(layers[i] == layers[i % period] for i in range(count)):
            unit = layers[:period]
            if any(part != unit[0] for part in unit):
                return [(count // period, fold(unit))]
    runs: Fold = []
    for layer in layers:
        if runs and runs[-1][1] == layer:
            runs[-1] = (runs[-1][0] + 1, layer)
        else:
            runs.append((1, layer))
    return runs
