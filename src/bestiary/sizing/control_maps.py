"""The linear maps of what acts: of the steps of episodes, and of what is told of the next."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bestiary.sizing import robots
from bestiary.sizing.linear import Linear, Maps
from bestiary.spec import AgentTokens, BinScores, Model, NextAction, NextReturn, NextState, Node, Steps, Transitions


def _steps(node: Steps, model: Model) -> Maps:
    widths = {"return_to_go": 1, "state": node.state, "action": node.action}
    return {name: Linear(width, model.dim) for name, width in widths.items()}


def _told(width: Callable[[Steps], int]) -> Callable[[Any, Any], Maps]:
    def maps(node: Node, model: Any) -> Maps:
        steps = getattr(model, "embed", None)  # a half-made edit may embed something else
        return {"output": Linear(model.dim, width(steps))} if isinstance(steps, Steps) else {}

    return maps


def _bin_scores(node: BinScores, model: Any) -> Maps:
    embed = getattr(model, "embed", None)
    return {"output": Linear(model.dim, embed.bins + 1, False)} if isinstance(embed, Transitions) else {}


MAPS: dict[type[Node], Callable[[Any, Any], Maps]] = {
    **robots.MAPS,
    Steps: _steps,
    NextState: _told(lambda embed: embed.state),
    NextAction: _told(lambda embed: embed.action),
    NextReturn: _told(lambda embed: 1),
    Transitions: lambda node, model: {},
    AgentTokens: lambda node, model: {},
    BinScores: _bin_scores,
}
