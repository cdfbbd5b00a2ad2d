"""Mixtures of experts: routers, the experts' MLPs, and the sum of what those that were chosen say."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bestiary import spec
from bestiary.nn.activations import ACTIVATIONS
from bestiary.nn.context import Context
from bestiary.nn.grouped import GroupedLinear, Groups


class Choice(NamedTuple):
    """The experts of each token."""

    expert: Tensor
    """``[B, T, k]``."""
    weight: Tensor
    """What each expert's answer is multiplied by, ``[B, T, k]``; 0 where the token was dropped."""
    logits: Tensor
    """The scores of all experts, ``[B, T, experts]``, or ``[B T, experts]`` where sequences do not matter."""


class TopK(nn.Linear):
    """The likeliest experts, probabilities in float32 and made to sum to one."""

    def __init__(self, node: spec.TopK, dim: int, experts: int) -> None:
        super().__init__(dim, experts, bias=node.bias)
        self.k = node.k

    def forward(self, x: Tensor, context: Context) -> Choice:  # type: ignore[override]
        """Choose for ``[B, T, dim]``."""
        logits = super().forward(x)
        likely, expert = logits.float().softmax(-1).topk(self.k)
        return Choice(expert, likely / likely.sum(-1, keepdim=True), logits.flatten(0, 1))


class Float32Router(nn.Linear):
    """A router that scores in float32 (Fedus et al. 2021, section 2.4: selective precision)."""

    def __init__(self, node: spec.Router, dim: int, experts: int) -> None:
        super().__init__(dim, experts, bias=node.bias)

    def score(self, x: Tensor) -> Tensor:
        """Return the scores of all experts, ``[B, T, experts]``."""
        return F.linear(x.float(), self.weight.float(), None if self.bias is None else self.bias.float())


class Top1(Float32Router):
    """The likeliest expert, as far as it has room in each sequence."""

    def __init__(self, node: spec.Top1, dim: int, experts: int) -> None:
        super().__init__(node, dim, experts)
        self.capacity = node.capacity

    def forward(self, x: Tensor, context: Context) -> Choice:  # type: ignore[override]
        """Choose for ``[B, T, dim]``."""
        logits = self.score(x)
        likely, expert = logits.softmax(-1).to(x.dtype).max(-1, keepdim=True)
        rank = _picked(expert, logits).cumsum(1).gather(-1, expert)
        return Choice(expert, likely * (rank <= self.capacity), logits)


class Top2(Float32Router):
    """The two likeliest experts, as far as they have room in each sequence; padding takes none."""

    def __init__(self, node: spec.Top2, dim: int, experts: int) -> None:
        super().__init__(node, dim, experts)
        self.factor = node.factor

    def forward(self, x: Tensor, context: Context) -> Choice:  # type: ignore[override]
        """Choose for ``[B, T, dim]``."""
        logits = self.score(x)
        likely, expert = logits.softmax(-1).topk(2)
        weight = likely / likely.sum(-1, keepdim=True)
        first, second = (_picked(each, logits) for each in expert.split(1, dim=-1))
        if context.keep is not None:
            real = context.keep[:, -x.shape[1] :, None]
            first, second = first * real, second * real
        taken = torch.stack((first.cumsum(1), second.cumsum(1) + first.sum(1, keepdim=True)), dim=2)
        rank = taken.gather(-1, expert[..., None])[..., 0]
        capacity = math.ceil(self.factor * 2 * x.shape[1] / self.out_features)
        return Choice(expert, (weight * (rank <= capacity)).to(x.dtype), logits)


def _picked(expert: Tensor, logits: Tensor) -> Tensor:
    """Return a one where a token picked an expert, ``[B, T, experts]``, of ``expert`` ``[B, T, 1]``."""
    return torch.zeros_like(logits, dtype=torch.long).scatter(-1, expert, 1)


class ExpertMLPs(nn.Module):
    """The MLPs of all experts."""

    def __init__(self, node: spec.MLP, dim: int, experts: int) -> None:
        super().__init__()
        self.activation, self.dropout = ACTIVATIONS[node.activation], node.dropout
        self.up = GroupedLinear(experts, dim, node.hidden, node.bias)
        self.down = GroupedLinear(experts, node.hidden, dim, node.bias)

    def forward(self, x: Tensor, groups: Groups) -> Tensor:
        """Map sorted vectors, ``[A, dim]``, to the same shape."""
        return self.down(F.dropout(self.activation(self.up(x, groups)), self.dropout, self.training), groups)


class ExpertGLUs(nn.Module):
    """The gated MLPs of all experts."""

    def __init__(self, node: spec.GLU, dim: int, experts: int) -> None:
        super().__init__()
        self.activation, self.dropout = ACTIVATIONS[node.activation], node.dropout
        self.gate = GroupedLinear(experts, dim, node.hidden, node.bias)
        self.up = GroupedLinear(experts, dim, node.hidden, node.bias)
        self.down = GroupedLinear(experts, node.hidden, dim, node.bias)

    def forward(self, x: Tensor, groups: Groups) -> Tensor:
        """Map sorted vectors, ``[A, dim]``, to the same shape."""
        hidden = self.activation(self.gate(x, groups)) * self.up(x, groups)
        return self.down(F.dropout(hidden, self.dropout, self.training), groups)


ROUTERS: dict[type[spec.Router], Callable[[Any, int, int], nn.Module]] = {
    spec.TopK: TopK,
    spec.Top1: Top1,
    spec.Top2: Top2,
}
KINDS: dict[type[spec.Op], Callable[[Any, int, int], nn.Module]] = {
    spec.MLP: ExpertMLPs,
    spec.GLU: ExpertGLUs,
}


class Experts(nn.Module):
    """A router and the experts that it chooses from; each token's answers are weighted and summed."""

    def __init__(self, node: spec.Experts, dim: int) -> None:
        super().__init__()
        self.count = node.experts
        self.router = ROUTERS[type(node.router)](node.router, dim, node.experts)
        self.experts = KINDS[type(node.expert)](node.expert, dim, node.experts)

    def forward(self, x: Tensor, context: Context) -> Tensor:
        """Map ``[B, T, dim]`` to the same shape, and leave the router's scores in the context."""
        expert, weight, logits = self.router(x, context)
        context.router_logits.append(logits)
        groups = Groups(expert.flatten(), self.count)
        vectors = x.flatten(0, 1).index_select(0, groups.order // expert.shape[-1])
        answers = groups.back(self.experts(vectors, groups)).unflatten(0, expert.shape)
        return (answers * weight[..., None]).to(x.dtype).sum(-2)
