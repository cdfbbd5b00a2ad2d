"""Sizes of what hears: the parts of spectrograms, waveforms and their heads, and what they cost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bestiary.sizing.cost import Pass, each, once
from bestiary.sizing.inside import Parts, Rule, each_map, inside, nothing, own
from bestiary.sizing.linear import Linear, Maps, maps
from bestiary.spec import (
    ConvolvedPosition,
    CTCHead,
    MeanClassifier,
    Model,
    Node,
    QuantizedTargets,
    SinusoidalRange,
    Spectrogram,
    TimeNorm,
    UnitScores,
    Waveform,
    samples_for,
)


def _waveform(node: Waveform, width: int, model: Model) -> Parts:
    yield from each_map(node, width, model)
    for index, one in enumerate(node.filters):
        yield from inside(f"filters.{index}.norm", one.norm, one.channels, model)
    channels = node.filters[-1].channels if node.filters else 1
    yield from inside("filtered_norm", node.filtered_norm, channels, model)
    yield "mask", width * node.masked
    yield from inside("position", node.position, width, model)
    yield from inside("norm", node.norm, width, model)


def _convolved(node: ConvolvedPosition, width: int, model: Model) -> Parts:
    yield "gain", node.kernel
    yield "direction", width * (width // node.groups) * node.kernel
    yield "bias", width


def _quantized_targets(node: QuantizedTargets, width: int, model: Model) -> Parts:
    yield from each_map(node, width, model)
    yield "codebooks", node.entries * node.code


def _unit_scores(node: UnitScores, width: int, model: Model) -> Parts:
    yield from each_map(node, width, model)
    yield "units", node.units * node.width


def _spectrogram_maps(node: Spectrogram, model: Model) -> Maps:
    return {"first": Linear(3 * node.mels, model.dim), "second": Linear(3 * model.dim, model.dim)}


def _waveform_maps(node: Waveform, model: Model) -> Maps:
    widths = (1, *(one.channels for one in node.filters))
    filters = zip(widths, node.filters, strict=False)
    each = [Linear(width * one.kernel, one.channels, one.bias) for width, one in filters]
    return {**{f"filters.{i}.map": linear for i, linear in enumerate(each)}, "map": Linear(widths[-1], model.dim)}


def _quantized_targets_maps(node: QuantizedTargets, model: Any) -> Maps:
    channels = model.embed.filters[-1].channels if isinstance(model.embed, Waveform) else model.dim
    return {
        "scores": Linear(channels, node.groups * node.entries),
        "map_code": Linear(node.code, node.width),
        "map_state": Linear(model.dim, node.width),
    }


def _mean_classifier_maps(node: MeanClassifier, model: Model) -> Maps:
    return {"map": Linear(model.dim, node.width), "output": Linear(node.width, node.labels)}


MAPS: dict[type[Node], Callable[[Any, Any], Maps]] = {
    Spectrogram: _spectrogram_maps,
    Waveform: _waveform_maps,
    CTCHead: lambda node, model: {"output": Linear(model.dim, node.vocab)},
    MeanClassifier: _mean_classifier_maps,
    QuantizedTargets: _quantized_targets_maps,
    UnitScores: lambda node, model: {"map": Linear(model.dim, node.width)},
}

PARTS: dict[type[Node], Rule] = {
    Spectrogram: each_map,
    SinusoidalRange: nothing,
    Waveform: _waveform,
    ConvolvedPosition: _convolved,
    TimeNorm: own(lambda node, width: 2 * width),
    CTCHead: each_map,
    MeanClassifier: each_map,
    QuantizedTargets: _quantized_targets,
    UnitScores: _unit_scores,
}


def _spectrogram_cost(node: Spectrogram, run: Pass) -> int:
    """The first convolution runs at every frame, the second at every other."""
    linear = maps(node, run.model)
    return 2 * (2 * node.position.length * linear["first"].weights + node.position.length * linear["second"].weights)


def _waveform_cost(node: Waveform, run: Pass) -> int:
    """Each filter runs at the places that the later ones read; an even kernel tells one position more than there are.

    Sounds are taken to be no longer than those places need.
    """
    linear, dim, position = maps(node, run.model), run.model.dim, node.position
    cost = run.tokens * linear["map"].weights
    for index in range(len(node.filters)):
        places = samples_for(node.filters[index + 1 :], run.tokens)
        cost += places * linear[f"filters.{index}.map"].weights
    told = run.tokens + (position.kernel % 2 == 0)
    return 2 * (cost + told * position.kernel * dim * (dim // position.groups))


def _mean_classifier_cost(node: MeanClassifier, run: Pass) -> int:
    linear = maps(node, run.model)
    return 2 * (run.tokens * linear["map"].weights + linear["output"].weights)


def _quantized_cost(node: QuantizedTargets, run: Pass) -> int:
    """Looking entries up is a product with ones and zeros, as the module computes it."""
    return each(node, run) + 2 * run.tokens * node.entries * node.code


def _unit_cost(node: UnitScores, run: Pass) -> int:
    return run.tokens * (once(node, run) + 2 * node.units * node.width)


FLOPS: dict[type[Node], Callable[[Any, Pass], int]] = {
    Spectrogram: _spectrogram_cost,
    Waveform: _waveform_cost,
    CTCHead: each,
    MeanClassifier: _mean_classifier_cost,
    QuantizedTargets: _quantized_cost,
    UnitScores: _unit_cost,
}
