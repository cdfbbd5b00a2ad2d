"""Agents that read everything as one sequence: texts, pictures patch by patch, numbers and actions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from bestiary.spec.embeddings import Tokens
from bestiary.spec.feature_maps import GroupNorm
from bestiary.spec.models import Model
from bestiary.spec.node import Node


@dataclass(frozen=True)
class PatchBlock(Node):
    """One residual block over the pixels of a patch, norms before its two convolutions (Reed et al. 2022, 2.2).

    A convolution brings the pixels to ``width`` channels before it; the mean of all places after it is mapped to the
    model's width.
    """

    width: int
    norm: GroupNorm = field(default=GroupNorm())


@dataclass(frozen=True)
class AgentTokens(Tokens):
    """Tokens among which patches of pictures stand (Reed et al. 2022, sections 2.1 and 2.2).

    The last token of ``vocab`` separates what is seen from what is done; ``bins`` before it stand for numbers. A patch
    goes through ``block``, and gets the vectors of its row and of its column, which are one of ``intervals`` of the
    picture. All that is seen in a time step gets the vector of its place there, one of ``places``; all that is done,
    one and the same.
    """

    bins: int = field(kw_only=True)
    block: PatchBlock = field(kw_only=True)
    patch: int = field(default=16, kw_only=True)
    channels: int = field(default=3, kw_only=True)
    intervals: int = field(default=128, kw_only=True)
    places: int = field(default=512, kw_only=True)


def _agent_tokens(node: AgentTokens, spec: Model) -> Iterator[str]:
    if node.bins + 1 >= node.vocab:
        yield f"{node.bins} bins and what separates leave no token of {node.vocab} for texts"
    if node.block.width % node.block.norm.groups:
        yield f"{node.block.norm.groups} groups do not divide {node.block.width} channels"
    if node.position is not None or node.norm is not None or node.width is not None or node.types or node.scaled:
        yield "AgentTokens have places of their own: leave position, norm, width, types and scaled out"


RULES: dict[type[Node], Callable[[Any, Model], Iterator[str]]] = {AgentTokens: _agent_tokens}
