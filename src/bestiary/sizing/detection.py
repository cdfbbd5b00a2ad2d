"""Sizes of detectors: parts, linear maps and operations of their nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import Any

from bestiary.sizing.convolutional import conv_costs, map_places
from bestiary.sizing.cost import Pass, branch_costs, cost, each
from bestiary.sizing.inside import Parts, Rule, each_map, inside, linear_parts, model_inside, nothing
from bestiary.sizing.linear import Linear, Maps, maps
from bestiary.spec import (
    Detector,
    MapSines,
    Model,
    Node,
    ObjectBoxes,
    ObjectClasses,
    ObjectMasks,
    PlacedAttention,
    PlacedCrossAttention,
)
from bestiary.spec.convolutional import WIDENING
from bestiary.spec.detection import mask_widths

KERNEL = 9
"""Entries of a kernel over 3 x 3 places."""


def _detector(node: Detector, width: int, model: Model) -> Parts:
    yield from model_inside("net", node.net)
    yield "project", Linear(node.net.dim, width).parameters
    yield from inside("encoder", node.encoder, width, model)
    yield "queries", node.queries * width
    yield from inside("decoder", node.decoder, width, model)
    for name, head in node.heads.items():
        yield from inside(f"heads.{name}", head, width, model)


def _masks(node: ObjectMasks, width: int, model: Model) -> Parts:
    yield from each_map(node, width, model)
    adapted, convolved = _adapted(model), list(pairwise(mask_widths(width, node.heads)))
    yield "adapt", sum(Linear(inputs, outputs).parameters for _, inputs, outputs in adapted)
    yield "steps", sum(KERNEL * inputs * outputs + 3 * outputs for inputs, outputs in convolved)
    yield "output", KERNEL * convolved[-1][1] + 1


def _adapted(model: Any) -> list[tuple[int, int, int]]:
    """Return for each finer map, from the second last on, how the image is shrunk, its channels and those it gets."""
    net, dim = model.net, model.dim
    shrinks = [4 * 2 ** sum(stage.halving is not None for stage in net.stages[: i + 1]) for i in range(len(net.stages))]
    channels = [WIDENING * stage.width for stage in net.stages]
    return [(shrinks[-2 - i], channels[-2 - i], dim // 2 ** (i + 1)) for i in range(len(net.stages) - 1)]


PARTS: dict[type[Node], Rule] = {
    Detector: _detector,
    MapSines: nothing,
    PlacedAttention: linear_parts,
    PlacedCrossAttention: linear_parts,
    ObjectClasses: each_map,
    ObjectBoxes: each_map,
    ObjectMasks: _masks,
}


def _attention_maps(node: PlacedAttention | PlacedCrossAttention, model: Model) -> Maps:
    inner = node.heads * node.head_dim if node.head_dim else model.dim
    shared = inner if node.kv_heads is None else inner * node.kv_heads // node.heads
    widths = {"q": inner, "k": shared, "v": shared}
    inputs = {name: Linear(model.dim, width, name in node.bias) for name, width in widths.items()}
    return {**inputs, "o": Linear(inner, model.dim, "o" in node.bias)}


def _box_maps(node: ObjectBoxes, model: Model) -> Maps:
    return {f"maps.{i}": Linear(model.dim, width) for i, width in enumerate((model.dim, model.dim, 4))}


MAPS: dict[type[Node], Callable[[Any, Model], Maps]] = {
    PlacedAttention: _attention_maps,
    PlacedCrossAttention: _attention_maps,
    ObjectClasses: lambda node, model: {"output": Linear(model.dim, node.labels + 1)},
    ObjectBoxes: _box_maps,
    ObjectMasks: lambda node, model: dict.fromkeys("qk", Linear(model.dim, model.dim)),
}


def _self_cost(node: PlacedAttention, run: Pass) -> int:
    return each(node, run) + 4 * maps(node, run.model)["q"].outputs * run.tokens**2


def _cross_cost(node: PlacedCrossAttention, run: Pass) -> int:
    linear = maps(node, run.model)
    asked = run.tokens * (linear["q"].weights + linear["o"].weights)
    read = run.source * (linear["k"].weights + linear["v"].weights)
    return 2 * (asked + read) + 4 * linear["q"].outputs * run.tokens * run.source


def _mask_cost(node: ObjectMasks, run: Pass) -> int:
    """Convolutions run for every query; finer maps are adapted once for all."""
    model: Any = run.model
    linear = maps(node, model)
    attended = 2 * (run.tokens * linear["q"].weights + run.source * linear["k"].weights)
    attended += 2 * model.dim * run.tokens * run.source
    adapted = _adapted(model)
    finer = [map_places(shrinks, model.image) for shrinks, _, _ in adapted]
    once = sum(2 * inputs * outputs * places for (_, inputs, outputs), places in zip(adapted, finer, strict=True))
    convolved = zip(pairwise(mask_widths(model.dim, node.heads)), (run.source, run.source, *finer), strict=False)
    asked = sum(2 * KERNEL * inputs * outputs * places for (inputs, outputs), places in convolved)
    asked += 2 * KERNEL * mask_widths(model.dim, node.heads)[-1] * finer[-1]
    return attended + once + run.tokens * asked


FLOPS: dict[type[Node], Callable[[Any, Pass], int]] = {
    PlacedAttention: _self_cost,
    PlacedCrossAttention: _cross_cost,
    ObjectClasses: each,
    ObjectBoxes: each,
    ObjectMasks: _mask_cost,
}

Costs = tuple[int, Iterable[tuple[str, int]]]
"""How many tokens a pass reads, and what its modules cost."""


def _whole_detector(spec: Detector, context: int | None, source: int | None) -> Costs:
    places = map_places(spec.net.shrinks, spec.image)
    return places + spec.queries, list(_modules(spec, places))


def _modules(spec: Detector, places: int) -> Iterator[tuple[str, int]]:
    yield from ((f"net.{name}", number) for name, number in conv_costs(spec.net, spec.image))
    yield "project", 2 * places * spec.net.dim * spec.dim
    asked = Pass(spec, spec.queries, places)
    for side, stack, run in (("encoder", spec.encoder, Pass(spec, places)), ("decoder", spec.decoder, asked)):
        costs = branch_costs(stack, run)
        yield from ((f"{side}.layers[*].{name}", number) for name, number in costs.items())
    yield from ((f"heads.{name}", cost(head, asked)) for name, head in spec.heads.items())


WHOLE: dict[type[Model], Callable[[Any, int | None, int | None], Costs]] = {Detector: _whole_detector}
