"""Heads that foretell an episode: the numbers of the next step, or the bin of the number that comes next."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from bestiary import spec
from bestiary.nn.activations import ACTIVATIONS
from bestiary.nn.context import Context
from bestiary.nn.output import Output

KINDS = 3
"""A step is three tokens: return to go, state, action."""


class Told(nn.Module):
    """Numbers told of the next step, read at one of the three tokens of a step."""

    at: int
    field: str

    def __init__(self, node: Any, model: Any, width: int) -> None:
        super().__init__()
        self.output = nn.Linear(model.dim, width)

    def forward(self, x: Tensor, context: Context, output: Output) -> None:
        """Fill the head's field, ``[B, T, width]``."""
        setattr(output, self.field, self.told(x[:, self.at :: KINDS]))

    def told(self, x: Tensor) -> Tensor:
        """Map ``[B, T, dim]`` to ``[B, T, width]``."""
        return self.output(x)


class NextState(Told):
    """The next state, from the action."""

    at, field = 2, "state_preds"

    def __init__(self, node: spec.NextState, model: Any) -> None:
        super().__init__(node, model, model.embed.state)


class NextAction(Told):
    """The action, from the state."""

    at, field = 1, "action_preds"

    def __init__(self, node: spec.NextAction, model: Any) -> None:
        super().__init__(node, model, model.embed.action)
        self.activation = node.activation

    def told(self, x: Tensor) -> Tensor:
        """Map ``[B, T, dim]`` to ``[B, T, action]``."""
        return self.output(x) if self.activation is None else ACTIVATIONS[self.activation](self.output(x))


class NextReturn(Told):
    """The next return to go, from the action."""

    at, field = 2, "return_preds"

    def __init__(self, node: spec.NextReturn, model: Any) -> None:
        super().__init__(node, model, 1)


class BinScores(nn.Module):
    """A matrix for each number of a transition."""

    def __init__(self, node: spec.BinScores, model: Any) -> None:
        super().__init__()
        embed: spec.Transitions = model.embed
        self.period = embed.width
        self.weight = nn.Parameter(torch.empty(embed.width, embed.bins + 1, model.dim))

    def forward(self, x: Tensor, context: Context, output: Output) -> None:
        """Fill ``logits``, ``[B, T, bins + 1]``, of the token that follows each."""
        kept = min(context.logits_to_keep or context.queries, context.queries)
        place = torch.arange(context.keys - kept, context.keys, device=x.device) % self.period
        output.logits = torch.einsum("btd,tnd->btn", x[:, -kept:], self.weight[place])


class ActionBins(nn.Module):
    """Scores of bins, read one token before each number of a motion."""

    def __init__(self, node: spec.ActionBins, model: Any) -> None:
        super().__init__()
        embed: spec.Looks = model.embed
        self.seen, self.images, self.actions = embed.learner.tokens, embed.images, embed.actions
        self.output = nn.Linear(model.dim, embed.bins)

    def forward(self, x: Tensor, context: Context, output: Output) -> None:
        """Fill ``logits``, ``[B, images, actions, bins]``."""
        steps = x.unflatten(1, (self.images, self.seen + self.actions))
        output.logits = self.output(steps[:, :, self.seen - 1 : self.seen - 1 + self.actions])


FORETOLD: dict[type[spec.Head], Callable[[Any, Any], nn.Module]] = {
    spec.NextState: NextState,
    spec.NextAction: NextAction,
    spec.NextReturn: NextReturn,
    spec.BinScores: BinScores,
    spec.ActionBins: ActionBins,
}
