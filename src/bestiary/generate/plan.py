"""Planning with a model of transitions: a beam search that keeps what promises the most reward (Janner et al. 2021)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bestiary.data.episodes import Bins
from bestiary.generate.sampling import Sampling, pick


@dataclass(frozen=True)
class Search:
    """How to plan: ``horizon`` steps ahead, ``beam`` plans kept of ``expand`` times as many, by discounted reward.

    Actions are drawn from the likeliest bins that hold a share ``top_p`` of the probability, states are the likeliest.
    Of what happened before, ``context`` steps are read.
    """

    horizon: int = 5
    beam: int = 16
    expand: int = 2
    discount: float = 0.99
    top_p: float = 0.4
    context: int = 5


@torch.inference_mode()
def plan(model: Any, bins: Bins, seen: Tensor, search: Search, generator: torch.Generator) -> Tensor:
    """Return the best plan, ``[horizon, width]`` bins, after ``seen`` ``[1, T]``: past transitions and a state."""
    embed = model.spec.embed
    plans = seen.repeat(search.beam, 1)
    earned = torch.zeros(search.beam, search.horizon + 1, dtype=torch.float64)
    drawing = Sampling(1.0, top_p=search.top_p)
    discounts = search.discount ** torch.arange(search.horizon + 1, dtype=torch.float64)
    for step in range(search.horizon):
        plans, earned = plans.repeat(search.expand, 1), earned.repeat(search.expand, 1)
        for _ in range(embed.action):
            plans = _extended(plans, pick(_scores(model, plans), drawing, generator))
        for place in (step, step + 1):  # the reward, and the value of all that comes after
            scores = _scores(model, plans)
            expected = bins.expected(scores.double().softmax(-1)[:, :-1].numpy(), embed.width - 2 + place - step)
            earned[:, place] = torch.from_numpy(expected)
            plans = _extended(plans, scores.argmax(-1))
        best = (earned * discounts).sum(-1).topk(search.beam).indices
        plans, earned = plans[best], earned[best]
        if step + 1 < search.horizon:
            for _ in range(embed.observation):
                plans = _extended(plans, _scores(model, plans).argmax(-1))
    # The best come first. What was seen began with a transition, and its state begins the plan.
    return plans[0].unflatten(0, (-1, embed.width))[-search.horizon :]


def _scores(model: Any, plans: Tensor) -> Tensor:
    """Return the scores of the next bin, of the last whole transitions that the model has positions for."""
    embed = model.spec.embed
    excess = plans.shape[1] - embed.position.length
    cut = -(-max(excess, 0) // embed.width) * embed.width
    return model(trajectories=plans[:, cut:], logits_to_keep=1).logits[:, -1].float()


def _extended(plans: Tensor, bins: Tensor) -> Tensor:
    return torch.cat((plans, bins[:, None]), dim=1)


def first_action(found: Tensor, bins: Bins, observation: int, action: int) -> np.ndarray[Any, Any]:
    """Return the numbers of a plan's first action."""
    chosen = found[:1, observation : observation + action].numpy()
    return bins.middle(chosen, observation)[0].astype(np.float32)
