"""Sizes of what acts: parts and operations of its nodes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bestiary.sizing import agents, robots
from bestiary.sizing.cost import Pass, each, once
from bestiary.sizing.inside import Parts, Rule, each_map, inside, own
from bestiary.sizing.linear import Linear, Maps, maps
from bestiary.spec import (
    AgentTokens,
    BinScores,
    IdleTables,
    Model,
    NextAction,
    NextReturn,
    NextState,
    Node,
    Steps,
    Transitions,
)

KINDS = 3
"""A step is three tokens: return to go, state, action."""


def _steps(node: Steps, width: int, model: Model) -> Parts:
    yield "times", node.length * width
    yield from each_map(node, width, model)
    yield from inside("norm", node.norm, width, model)
    yield from inside("position", node.position, width, model)


def _transitions(node: Transitions, width: int, model: Model) -> Parts:
    yield "tokens", (node.bins * node.width + 1) * width
    yield from inside("position", node.position, width, model)


def _bin_scores(node: BinScores, width: int, model: Any) -> Parts:
    yield "", sum(model.embed.width * one.parameters for one in maps(node, model).values())


def _steps_maps(node: Steps, model: Model) -> Maps:
    widths = {"return_to_go": 1, "state": node.state, "action": node.action}
    return {name: Linear(width, model.dim) for name, width in widths.items()}


def _told_maps(width: Callable[[Steps], int]) -> Callable[[Any, Any], Maps]:
    def maps(node: Node, model: Any) -> Maps:
        steps = getattr(model, "embed", None)  # a half-made edit may embed something else
        return {"output": Linear(model.dim, width(steps))} if isinstance(steps, Steps) else {}

    return maps


def _bin_scores_maps(node: BinScores, model: Any) -> Maps:
    embed = getattr(model, "embed", None)
    return {"output": Linear(model.dim, embed.bins + 1, False)} if isinstance(embed, Transitions) else {}


MAPS: dict[type[Node], Callable[[Any, Any], Maps]] = {
    **robots.MAPS,
    Steps: _steps_maps,
    NextState: _told_maps(lambda embed: embed.state),
    NextAction: _told_maps(lambda embed: embed.action),
    NextReturn: _told_maps(lambda embed: 1),
    Transitions: lambda node, model: {},
    AgentTokens: lambda node, model: {},
    BinScores: _bin_scores_maps,
}

PARTS: dict[type[Node], Rule] = {
    **agents.PARTS,
    **robots.PARTS,
    Steps: _steps,
    IdleTables: own(lambda node, width: (node.length + node.vocab) * width),
    NextState: each_map,
    NextAction: each_map,
    NextReturn: each_map,
    Transitions: _transitions,
    BinScores: _bin_scores,
}


def _each_step(node: Node, run: Pass) -> int:
    return run.tokens // KINDS * once(node, run)


FLOPS: dict[type[Node], Callable[[Any, Pass], int]] = {
    **agents.FLOPS,
    **robots.FLOPS,
    Steps: _each_step,
    NextState: _each_step,
    NextAction: _each_step,
    NextReturn: _each_step,
    Transitions: each,
    BinScores: each,
}
