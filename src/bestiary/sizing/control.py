"""Sizes of what acts: parts and operations of its nodes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bestiary.sizing import agents, robots
from bestiary.sizing.cost import Pass, each, once
from bestiary.sizing.inside import Parts, Rule, each_map, inside, own
from bestiary.sizing.maps import maps
from bestiary.spec import BinScores, IdleTables, Model, NextAction, NextReturn, NextState, Node, Steps, Transitions

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
