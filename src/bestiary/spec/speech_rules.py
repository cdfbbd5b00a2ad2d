"""What nodes of sound must keep to that their types cannot say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from bestiary.spec.models import Model
from bestiary.spec.node import Node
from bestiary.spec.speech import ConvolvedPosition, CTCHead, Filter, QuantizedTargets, SinusoidalRange, Waveform


def _sinusoidal_range(node: SinusoidalRange, spec: Model) -> Iterator[str]:
    if spec.dim < 4 or spec.dim % 2:
        yield f"these sinusoids are pairs of a sine and a cosine, two at least, but dim is {spec.dim}"


def _filter(node: Filter, spec: Model) -> Iterator[str]:
    if node.stride > node.kernel:
        yield f"a filter over {node.kernel} places at every {node.stride}-th would pass over what is between"


def _convolved(node: ConvolvedPosition, spec: Model) -> Iterator[str]:
    if spec.dim % node.groups:
        yield f"{node.groups} groups do not divide dim {spec.dim}"


def _waveform(node: Waveform, spec: Model) -> Iterator[str]:
    if not node.filters:
        yield "a waveform needs at least one filter"


def _ctc_head(node: CTCHead, spec: Model) -> Iterator[str]:
    if node.blank >= node.vocab:
        yield f"the blank is letter {node.blank}, but there are {node.vocab}"


def _quantized_targets(node: QuantizedTargets, spec: Any) -> Iterator[str]:
    if not isinstance(getattr(spec, "embed", None), Waveform):
        yield "quantized targets are made of what filters gave: embed a Waveform"
    if node.code % node.groups:
        yield f"{node.groups} codebooks do not divide a code of {node.code} numbers"


RULES: dict[type[Node], Callable[[Any, Model], Iterator[str]]] = {
    SinusoidalRange: _sinusoidal_range,
    Filter: _filter,
    ConvolvedPosition: _convolved,
    Waveform: _waveform,
    CTCHead: _ctc_head,
    QuantizedTargets: _quantized_targets,
}
