"""Models that read episodes: steps of numbers to the first hidden state, and what is told of the next step."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bestiary import spec
from bestiary.errors import BestiaryError
from bestiary.nn.base import Model, advance, tower
from bestiary.nn.cache import Cache
from bestiary.nn.context import Context, padding
from bestiary.nn.embeddings import empty_table
from bestiary.nn.foretold import KINDS
from bestiary.nn.norms import norm
from bestiary.nn.output import Output
from bestiary.nn.positions import POSITIONS
from bestiary.nn.stack import Stack


class Steps(nn.Module):
    """Return to go, state and action of each step, mapped linearly, plus the step's own vector; then a norm."""

    def __init__(self, node: spec.Steps, dim: int) -> None:
        super().__init__()
        self.node, self.dropout = node, node.dropout
        self.times = empty_table(node.length, dim)
        self.return_to_go = nn.Linear(1, dim)
        self.state = nn.Linear(node.state, dim)
        self.action = nn.Linear(node.action, dim)
        self.norm = norm(node.norm, dim)
        self.position = None if node.position is None else POSITIONS[type(node.position)](node.position, dim)

    def forward(
        self, returns_to_go: Tensor, states: Tensor, actions: Tensor, timesteps: Tensor, context: Context
    ) -> Tensor:
        """Map ``[B, T, 1]``, ``[B, T, state]``, ``[B, T, action]`` and ``[B, T]`` to ``[B, 3 T, dim]``."""
        kinds = (self.return_to_go(returns_to_go), self.state(states), self.action(actions))
        x = torch.stack(kinds, dim=2) + self.times(timesteps)[:, :, None]
        x = self.norm(x.flatten(1, 2))
        x = x if self.position is None else x + self.position(context)
        return F.dropout(x, self.dropout, self.training)

    def checked(
        self, states: Tensor | None, actions: Tensor | None, returns: Tensor | None, times: Tensor | None
    ) -> None:
        """Refuse an episode of another shape than the model reads."""
        node = self.node
        given = {"states": (states, node.state), "actions": (actions, node.action), "returns_to_go": (returns, 1)}
        for name, (tensor, width) in given.items():
            if tensor is None or tensor.dim() != 3 or tensor.shape[-1] != width:
                shape = "missing" if tensor is None else f"of shape {list(tensor.shape)}"
                raise BestiaryError(f"{name} is {shape}; this model reads [batch, steps, {width}]")
        if times is None or (times.numel() and int(times.max()) >= node.length):
            raise BestiaryError(f"timesteps must be given, each less than the {node.length} steps of this model")


class StepTransformer(Model):
    """One tower that reads the steps of an episode."""

    def __init__(self, node: spec.Transformer) -> None:
        super().__init__(node)
        assert isinstance(node.embed, spec.Steps)
        self.embed = Steps(node.embed, node.dim)
        self.stack = Stack(node.stack, node.dim)
        self.add_heads()

    def forward(
        self,
        states: Tensor | None = None,
        actions: Tensor | None = None,
        returns_to_go: Tensor | None = None,
        timesteps: Tensor | None = None,
        attention_mask: Tensor | None = None,
        rewards: Tensor | None = None,
    ) -> Output:
        """Run the model.

        ``states`` is ``[B, T, state]``, ``actions`` ``[B, T, action]``, ``returns_to_go`` ``[B, T, 1]``, ``timesteps``
        ``[B, T]``, the place of each step in its episode. ``attention_mask`` is ones for real steps, ``[B, T]``.
        ``rewards`` are what peers pass; what is left to earn says them too, so nothing reads them.
        """
        self.embed.checked(states, actions, returns_to_go, timesteps)
        assert states is not None and actions is not None and returns_to_go is not None and timesteps is not None
        keep = padding(attention_mask)
        keep = None if keep is None else keep.repeat_interleave(KINDS, dim=1)
        tokens = KINDS * states.shape[1]
        context = Context(torch.arange(tokens, device=states.device)[None], tokens, keep)
        x = self.embed(returns_to_go, states, actions, timesteps, context)
        return self.answer(self.stack(x, context), context)


class Transitions(nn.Module):
    """A table in which each number of a transition has rows of its own, and the end one; plus positions."""

    def __init__(self, node: spec.Transitions, dim: int) -> None:
        super().__init__()
        self.node, self.dropout = node, node.dropout
        self.tokens = empty_table(node.bins * node.width + 1, dim)
        self.position = POSITIONS[type(node.position)](node.position, dim)

    def forward(self, context: Context) -> Tensor:
        """Map the bins in ``context.input_ids``, ``[B, T]``, to ``[B, T, dim]``."""
        bins, node = context.input_ids, self.node
        assert bins is not None
        place = torch.arange(context.past, context.keys, device=bins.device) % node.width
        row = torch.where(bins == node.bins, node.bins * node.width, bins + place * node.bins)
        return F.dropout(self.tokens(row) + self.position(context), self.dropout, self.training)


class TransitionTransformer(Model):
    """One tower that reads transitions, number by number."""

    def __init__(self, node: spec.Transformer) -> None:
        super().__init__(node)
        assert isinstance(node.embed, spec.Transitions)
        self.embed = Transitions(node.embed, node.dim)
        self.stack = Stack(node.stack, node.dim)
        self.add_heads()

    def forward(
        self, trajectories: Tensor | None = None, past_key_values: Cache | None = None, logits_to_keep: int = 0
    ) -> Output:
        """Run the model on the bins of transitions, ``[B, T]``; the bin after the last stands for the end.

        The first token is the first number of a state. Raises ``BestiaryError`` when it is longer than the positions.
        """
        if trajectories is None:
            raise BestiaryError("the model was called without trajectories: give the bins of some transitions")
        context = tower(trajectories, None, None, None, past_key_values, self.embed.tokens.weight)
        context.logits_to_keep = logits_to_keep
        x = self.stack(self.embed(context), context)
        advance(context)
        return self.answer(x, context, past_key_values=past_key_values)
