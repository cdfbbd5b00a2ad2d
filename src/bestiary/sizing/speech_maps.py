"""The linear maps of what hears: convolutions as the matrices that they apply at each place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bestiary.sizing.linear import Linear, Maps
from bestiary.spec import Model, Node, Spectrogram


def _spectrogram(node: Spectrogram, model: Model) -> Maps:
    return {"first": Linear(3 * node.mels, model.dim), "second": Linear(3 * model.dim, model.dim)}


MAPS: dict[type[Node], Callable[[Any, Model], Maps]] = {Spectrogram: _spectrogram}
