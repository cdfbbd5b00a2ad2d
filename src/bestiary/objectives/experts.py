"""Losses that keep a mixture of experts in balance and its router calm.

All read a router's scores for one layer, ``[..., tokens, experts]`` (of an output's ``router_logits``), and give one
number; the losses of several layers are summed or averaged by whoever trains. ``keep`` ``[..., tokens]`` marks real
tokens.
"""

from __future__ import annotations

import torch
from torch import Tensor


def load_balancing(router_logits: Tensor, chosen: int = 1, keep: Tensor | None = None) -> Tensor:
    """Return the loss of Switch Transformer (Fedus et al. 2021, equations 4 to 6), without its coefficient.

    The number of experts, times the sum over experts of the fraction of tokens sent there and the mean probability of
    being sent there; 1 where both are even. With more than one expert ``chosen`` for a token, fractions sum to that
    number. Tokens of all sequences are one batch.
    """
    probabilities, weight = _flat(router_logits.float().softmax(-1), keep)
    sent = torch.zeros_like(probabilities).scatter(-1, probabilities.topk(chosen).indices, 1.0)
    fraction, mean = (_mean(each, weight, 0) for each in (sent, probabilities))
    return router_logits.shape[-1] * (fraction * mean).sum()


def group_balancing(router_logits: Tensor, keep: Tensor | None = None) -> Tensor:
    """Return the loss of GShard (Lepikhin et al. 2020, algorithm 1), without its coefficient: the mean over groups.

    In each group, here a sequence, the mean over experts of the fraction of tokens whose first choice it is and their
    mean probability. ``router_logits`` is ``[groups, tokens, experts]``.
    """
    probabilities = router_logits.float().softmax(-1)
    weight = torch.ones_like(probabilities[..., :1]) if keep is None else keep[..., None].float()
    first = torch.zeros_like(probabilities).scatter(-1, probabilities.argmax(-1, keepdim=True), 1.0)
    fraction, mean = (_mean(each, weight, -2) for each in (first, probabilities))
    return (fraction * mean).mean(-1).mean()


def router_z(router_logits: Tensor, keep: Tensor | None = None) -> Tensor:
    """Return the router's z-loss (ST-MoE; Zoph et al. 2022, equation 5): the mean square of the log partition."""
    partition, weight = _flat(router_logits.float().logsumexp(-1, keepdim=True).square(), keep)
    return _mean(partition, weight, 0).sum()


def _flat(values: Tensor, keep: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return values with all tokens on one axis, and the weight of each token."""
    values = values.flatten(0, -2)
    return values, torch.ones_like(values[:, :1]) if keep is None else keep.reshape(-1, 1).float()


def _mean(values: Tensor, weight: Tensor, axis: int) -> Tensor:
    return (values * weight).sum(axis) / weight.sum(axis)
