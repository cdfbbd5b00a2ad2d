"""Heads that read the places of a sound."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bestiary import spec
from bestiary.nn.context import Context
from bestiary.nn.output import Output


class CTCHead(nn.Module):
    """Scores of letters and of a blank at each place."""

    def __init__(self, node: spec.CTCHead, model: spec.Model) -> None:
        super().__init__()
        self.dropout, self.output = node.dropout, nn.Linear(model.dim, node.vocab)

    def forward(self, x: Tensor, context: Context, output: Output) -> None:
        """Fill ``logits``, ``[B, T, vocab]``."""
        output.logits = self.output(F.dropout(x, self.dropout, self.training))


class MeanClassifier(nn.Module):
    """Scores of labels from the mean of the real places, mapped to another width first."""

    def __init__(self, node: spec.MeanClassifier, model: spec.Model) -> None:
        super().__init__()
        self.map, self.output = nn.Linear(model.dim, node.width), nn.Linear(node.width, node.labels)

    def forward(self, x: Tensor, context: Context, output: Output) -> None:
        """Fill ``logits``, ``[B, labels]``."""
        x = self.map(x)
        if context.keep is None:
            mean = x.mean(1)
        else:
            mean = (x * context.keep[..., None]).sum(1) / context.keep.sum(1, keepdim=True)
        output.logits = self.output(mean)


class QuantizedTargets(nn.Module):
    """An entry of each codebook for what the filters gave, and a map of the hidden state to compare with it.

    ``temperature`` is that of the Gumbel softmax, which training lowers.
    """

    def __init__(self, node: spec.QuantizedTargets, model: Any) -> None:
        super().__init__()
        self.groups, self.dropout, self.temperature = node.groups, node.dropout, 2.0
        channels = model.embed.filters[-1].channels
        self.scores = nn.Linear(channels, node.groups * node.entries)
        self.codebooks = nn.Parameter(torch.empty(1, node.groups * node.entries, node.code // node.groups))
        self.map_code, self.map_state = nn.Linear(node.code, node.width), nn.Linear(model.dim, node.width)

    def forward(self, x: Tensor, context: Context, output: Output) -> None:
        """Fill ``projected_states`` and ``projected_quantized_states``, ``[B, T, width]``, and the perplexity."""
        assert context.filtered is not None
        scores = self.scores(F.dropout(context.filtered, self.dropout, self.training))
        scores = scores.unflatten(-1, (self.groups, -1))
        if self.training:
            chosen = F.gumbel_softmax(scores.float(), self.temperature, hard=True).to(scores.dtype)
            spread = scores.float().softmax(-1)
        else:
            chosen = spread = F.one_hot(scores.argmax(-1), scores.shape[-1]).to(scores.dtype)
        entries = self.codebooks[0].unflatten(0, (self.groups, -1))
        code = torch.einsum("btgv,gvc->btgc", chosen, entries).flatten(2)
        output.projected_states = self.map_state(x)
        output.projected_quantized_states = self.map_code(code)
        output.codevector_perplexity = _perplexity(spread, context.masked_places)


def _perplexity(spread: Tensor, masked: Tensor | None) -> Tensor:
    """Return how many entries are in use, over all codebooks: of ``[B, T, groups, entries]`` at the masked places."""
    mean = (spread.flatten(0, 1) if masked is None else spread[masked.bool()]).mean(0)
    return torch.exp(-torch.xlogy(mean, mean).sum(-1)).sum()


class UnitScores(nn.Module):
    """The cosine of a map of the hidden state and the vector of each hidden unit."""

    def __init__(self, node: spec.UnitScores, model: spec.Model) -> None:
        super().__init__()
        self.map = nn.Linear(model.dim, node.width)
        self.units = nn.Parameter(torch.empty(node.units, node.width))

    def forward(self, x: Tensor, context: Context, output: Output) -> None:
        """Fill ``logits``, ``[B, T, units]``."""
        output.logits = F.normalize(self.map(x), dim=-1) @ F.normalize(self.units, dim=-1).T / 0.1


HEADS: dict[type[spec.Head], Callable[[Any, Any], nn.Module]] = {
    spec.CTCHead: CTCHead,
    spec.MeanClassifier: MeanClassifier,
    spec.QuantizedTargets: QuantizedTargets,
    spec.UnitScores: UnitScores,
}
