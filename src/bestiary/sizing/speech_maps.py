"""The linear maps of what hears: convolutions as the matrices that they apply at each place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bestiary.sizing.linear import Linear, Maps
from bestiary.spec import CTCHead, MeanClassifier, Model, Node, QuantizedTargets, Spectrogram, UnitScores, Waveform


def _spectrogram(node: Spectrogram, model: Model) -> Maps:
    return {"first": Linear(3 * node.mels, model.dim), "second": Linear(3 * model.dim, model.dim)}


def _waveform(node: Waveform, model: Model) -> Maps:
    widths = (1, *(one.channels for one in node.filters))
    filters = zip(widths, node.filters, strict=False)
    each = [Linear(width * one.kernel, one.channels, one.bias) for width, one in filters]
    return {**{f"filters.{i}.map": linear for i, linear in enumerate(each)}, "map": Linear(widths[-1], model.dim)}


def _quantized_targets(node: QuantizedTargets, model: Any) -> Maps:
    channels = model.embed.filters[-1].channels if isinstance(model.embed, Waveform) else model.dim
    return {
        "scores": Linear(channels, node.groups * node.entries),
        "map_code": Linear(node.code, node.width),
        "map_state": Linear(model.dim, node.width),
    }


def _mean_classifier(node: MeanClassifier, model: Model) -> Maps:
    return {"map": Linear(model.dim, node.width), "output": Linear(node.width, node.labels)}


MAPS: dict[type[Node], Callable[[Any, Any], Maps]] = {
    Spectrogram: _spectrogram,
    Waveform: _waveform,
    CTCHead: lambda node, model: {"output": Linear(model.dim, node.vocab)},
    MeanClassifier: _mean_classifier,
    QuantizedTargets: _quantized_targets,
    UnitScores: lambda node, model: {"map": Linear(model.dim, node.width)},
}
