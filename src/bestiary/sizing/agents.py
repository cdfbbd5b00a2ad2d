"""Sizes of agents: the parts of what reads texts, pictures, numbers and actions as one sequence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bestiary.sizing.cost import Pass, each
from bestiary.sizing.inside import Parts, Rule
from bestiary.sizing.linear import Linear
from bestiary.spec import AgentTokens, Model, Node, PatchBlock

_AROUND = 9
"""A convolution reads so many pixels: three by three."""


def _patch_block(node: PatchBlock, channels: int, dim: int) -> Parts:
    yield "enter", Linear(channels * _AROUND, node.width).parameters
    yield "norms", 2 * 2 * node.width
    yield "convolutions", 2 * Linear(node.width * _AROUND, node.width).parameters
    yield "leave", Linear(node.width, dim).parameters


def _agent_tokens(node: AgentTokens, width: int, model: Model) -> Parts:
    yield "tokens", node.vocab * width
    yield from ((f"block.{part}", number) for part, number in _patch_block(node.block, node.channels, width))
    yield from ((name, node.intervals * width) for name in ("rows", "columns"))
    yield "places", (node.places + 1) * width


PARTS: dict[type[Node], Rule] = {AgentTokens: _agent_tokens}

# Which tokens are patches is the input's, not the model's: counted as none.
FLOPS: dict[type[Node], Callable[[Any, Pass], int]] = {AgentTokens: each}
