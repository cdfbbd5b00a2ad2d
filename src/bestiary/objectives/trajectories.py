"""What models of trajectories are trained on: bins of transitions by cross-entropy, actions by their squared error."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def transition_loss(
    logits: Tensor, targets: Tensor, counts: Tensor, observation: int, action: int, *,
    action_weight: float = 5.0, reward_weight: float = 1.0, value_weight: float = 1.0,
) -> Tensor:  # fmt: skip
    """Return the weighted cross-entropy of the bins that follow (Janner et al. 2021, as released).

    ``logits`` is ``[B, T, bins + 1]``, ``targets`` ``[B, T]`` the bins that come next, of whole transitions less their
    first token, and ``counts`` ``[B, T]`` which of them count; the mean is over all.
    """
    parts = ((observation, 1.0), (action, action_weight), (1, reward_weight), (1, value_weight))
    weights = torch.cat([torch.full((number,), weight) for number, weight in parts]).to(logits)
    places = torch.arange(1, targets.shape[1] + 1, device=targets.device) % len(weights)
    losses = F.cross_entropy(logits.transpose(1, 2), targets, reduction="none")
    return (losses * weights[places] * counts).mean()


def action_loss(predicted: Tensor, actions: Tensor, attention_mask: Tensor) -> Tensor:
    """Return the squared error of the actions of real steps (Chen et al. 2021, as released)."""
    keep = attention_mask.bool()
    return F.mse_loss(predicted[keep], actions[keep])
