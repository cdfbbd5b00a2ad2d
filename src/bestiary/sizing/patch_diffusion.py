"""Sizes of transformers of noisy maps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from bestiary.sizing.cost import Pass, branch_costs, cost, once
from bestiary.sizing.feature_maps import decoding
from bestiary.sizing.inside import Parts, Rule, each_map, inside, model_inside, nothing
from bestiary.sizing.linear import Linear, Maps, maps
from bestiary.spec import Model, Modulated, Node, PatchDenoiser, PatchDiffusion, PlainNorm, TimeVector, places


def _modulated(node: Modulated, width: int, model: Model) -> Parts:
    yield from each_map(node, width, model)
    yield from inside("norm", node.norm, width, model)
    yield from inside("op", node.op, width, model)


def _denoiser(node: PatchDenoiser, width: int, model: Model) -> Parts:
    yield from inside("embed", node.embed, width, node)
    yield from inside("time", node.time, width, node)
    for index, condition in enumerate(node.conditions):
        yield from inside(f"conditions[{index}]", condition, width, node)
    yield from inside("stack", node.stack, width, node)
    yield from each_map(node, width, node)


def _denoiser_maps(node: PatchDenoiser, model: Model) -> Maps:
    square = Linear(node.dim, node.dim)
    return {"shift": square, "scale": square, "leave": Linear(node.dim, node.out * node.embed.patch**2)}


def _time_maps(node: TimeVector, model: Model) -> Maps:
    return {"up": Linear(node.width, model.dim), "down": Linear(model.dim, model.dim)}


def _modulated_cost(node: Modulated, run: Pass) -> int:
    return once(node, run) + cost(node.op, run)


Costs = Iterator[tuple[str, int]]


def denoiser_pass(node: PatchDenoiser, context: int | None, source: int | None) -> tuple[int, Costs]:
    """Return what one map costs."""
    run = Pass(node, places(node.embed))
    linear = maps(node, node)
    told = {name: 2 * linear[name].weights for name in ("shift", "scale")}
    parts = {
        "embed": cost(node.embed, run),
        "time": once(node.time, run),
        **{f"stack.layers[*].{name}": number for name, number in branch_costs(node.stack, run).items()},
        **told,
        "leave": 2 * run.tokens * linear["leave"].weights,
    }
    return 1, iter(parts.items())


def _whole(node: PatchDiffusion, width: int, model: Model) -> Parts:
    yield from model_inside("denoiser", node.denoiser)
    yield from model_inside("autoencoder", node.autoencoder)


def diffusion_pass(node: PatchDiffusion, context: int | None, source: int | None) -> tuple[int, Costs]:
    """Return what one step costs, and decoding."""
    step = [(f"denoiser.{path}", number) for path, number in denoiser_pass(node.denoiser, None, None)[1]]
    return 1, iter([*step, *((f"autoencoder.{path}", number) for path, number in decoding(node.autoencoder))])


PARTS: dict[type[Node], Rule] = {
    PatchDiffusion: _whole,
    Modulated: _modulated,
    PatchDenoiser: _denoiser,
    TimeVector: each_map,
    PlainNorm: nothing,
}

MAPS: dict[type[Node], Callable[[Any, Model], Maps]] = {
    Modulated: lambda node, model: dict.fromkeys(("shift", "scale", "gate"), Linear(model.dim, model.dim)),
    PatchDenoiser: _denoiser_maps,
    TimeVector: _time_maps,
}

FLOPS: dict[type[Node], Callable[[Any, Pass], int]] = {Modulated: _modulated_cost}
