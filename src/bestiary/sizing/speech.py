"""Sizes of what hears: the parts of spectrograms and waveforms, and what they cost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bestiary.sizing.cost import Pass
from bestiary.sizing.inside import Rule, each_map, nothing
from bestiary.sizing.linear import maps
from bestiary.spec import Node, SinusoidalRange, Spectrogram

PARTS: dict[type[Node], Rule] = {Spectrogram: each_map, SinusoidalRange: nothing}


def _spectrogram(node: Spectrogram, run: Pass) -> int:
    """The first convolution runs at every frame, the second at every other."""
    linear = maps(node, run.model)
    return 2 * (2 * node.position.length * linear["first"].weights + node.position.length * linear["second"].weights)


FLOPS: dict[type[Node], Callable[[Any, Pass], int]] = {Spectrogram: _spectrogram}
