"""Sizes of robots that follow instructions: the parts of their networks, and what these cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from bestiary.sizing.cost import Pass, each, once
from bestiary.sizing.inside import Parts, Rule, each_map, inside, linear_parts
from bestiary.sizing.linear import Linear, Maps
from bestiary.spec import ActionBins, FilmNet, InvertedStage, Looks, Model, Node, OneMap


class _Layer(NamedTuple):
    """A map of a network: its parameters, and how many multiply-adds they take part in for one image."""

    parameters: int
    products: int


def _convolved(inputs: int, outputs: int, side: int, kernel: int = 1) -> _Layer:
    """A convolution without a bias, and the gain and offset of each channel behind it."""
    weights = inputs * outputs * kernel**2
    return _Layer(weights + 2 * outputs, weights * side**2)


def _film(context: int, channels: int) -> _Layer:
    return _Layer(2 * Linear(context, channels).parameters, 2 * context * channels)


def _block(stage: InvertedStage, inputs: int, before: int, after: int, context: int) -> Iterator[_Layer]:
    wide, few = inputs * stage.expand, max(1, inputs // 4)
    if stage.expand > 1:
        yield _convolved(inputs, wide, before)
    yield _convolved(1, wide, after, stage.kernel)
    yield _Layer(Linear(wide, few).parameters + Linear(few, wide).parameters, 2 * wide * few)
    yield _convolved(wide, stage.width, after)
    yield _film(context, stage.width)


def _network(net: FilmNet, image: int, dim: int) -> Iterator[_Layer]:
    side, inputs = image // 2, net.stem
    yield _convolved(3, net.stem, side, 3)
    for stage in net.stages:
        for number in range(stage.blocks):
            after = side // stage.stride if number == 0 else side
            yield from _block(stage, inputs, side, after, net.context)
            side, inputs = after, stage.width
    yield _convolved(inputs, net.top, side)
    yield _Layer(net.top * dim, net.top * dim * side**2)
    yield _film(net.context, dim)


def _places(node: Looks) -> int:
    side = node.image // 2
    for stage in node.net.stages:
        side //= stage.stride
    return side**2


def _looks(node: Looks, width: int, model: Model) -> Parts:
    yield "net", sum(layer.parameters for layer in _network(node.net, node.image, width))
    up, down = _learner(node, width)
    yield from inside("learner.norm", node.learner.norm, width, model)
    yield "learner.up", up.parameters
    yield "learner.down", down.parameters
    yield "past", Linear(node.bins, width).parameters
    yield "enter", Linear(width, width).parameters
    yield from inside("position", node.position, width, model)
    yield "everywhere", width


def _learner(node: Looks, width: int) -> tuple[Linear, Linear]:
    return Linear(width, node.learner.hidden), Linear(node.learner.hidden, node.learner.tokens)


def _looks_cost(node: Looks, run: Pass) -> int:
    width, places = run.model.dim, _places(node)
    learned = places * (sum(linear.weights for linear in _learner(node, width)) + node.learner.tokens * width)
    seen = sum(layer.products for layer in _network(node.net, node.image, width)) + learned
    return 2 * (node.images * seen + run.tokens * width**2)


def _action_bins_cost(node: ActionBins, run: Pass) -> int:
    embed: Any = run.model.at("embed")
    return embed.images * embed.actions * once(node, run)


def _action_bins(node: ActionBins, model: Any) -> Maps:
    bins = getattr(getattr(model, "embed", None), "bins", None)  # a half-made edit may embed something else
    return {"output": Linear(model.dim, bins)} if bins else {}


MAPS: dict[type[Node], Callable[[Any, Any], Maps]] = {
    OneMap: lambda node, model: {"map": Linear(model.dim, model.dim)},
    ActionBins: _action_bins,
    Looks: lambda node, model: {},
}
PARTS: dict[type[Node], Rule] = {OneMap: linear_parts, ActionBins: each_map, Looks: _looks}
FLOPS: dict[type[Node], Callable[[Any, Pass], int]] = {
    OneMap: each,
    ActionBins: _action_bins_cost,
    Looks: _looks_cost,
}
