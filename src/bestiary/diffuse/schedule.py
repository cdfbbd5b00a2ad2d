"""Noise schedules: how much of the image is left at each time step (Ho et al. 2020, section 2)."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from bestiary import spec


def _linear(betas: spec.LinearBetas, steps: int) -> Tensor:
    return torch.linspace(betas.start, betas.end, steps, dtype=torch.float32)


def _cosine(betas: spec.CosineBetas, steps: int) -> Tensor:
    early = betas.offset
    left = [math.cos((place / steps + early) / (1 + early) * math.pi / 2) ** 2 for place in range(steps + 1)]
    return torch.tensor([min(1 - after / before, betas.most) for before, after in pairwise(left)], dtype=torch.float32)


def _scaled_linear(betas: spec.ScaledLinearBetas, steps: int) -> Tensor:
    return torch.linspace(betas.start**0.5, betas.end**0.5, steps, dtype=torch.float32) ** 2


BETAS: dict[type[spec.Betas], Callable[[Any, int], Tensor]] = {
    spec.CosineBetas: _cosine,
    spec.LinearBetas: _linear,
    spec.ScaledLinearBetas: _scaled_linear,
}


def betas(schedule: spec.Schedule) -> Tensor:
    """Return how much noise each step adds, ``[steps]``."""
    return BETAS[type(schedule.betas)](schedule.betas, schedule.steps)


def signal(schedule: spec.Schedule) -> Tensor:
    """Return the share of the image in the variance at each step, ``[steps]``: the products of what is kept.

    In float32 whatever the model's dtype, as published code has it.
    """
    return torch.cumprod(1.0 - betas(schedule), dim=0)


def noised(schedule: spec.Schedule, image: Tensor, noise: Tensor, times: Tensor) -> Tensor:
    """Return images, ``[B, ...]``, with noise mixed in as at time steps ``[B]``: what a model is trained on."""
    left = signal(schedule).to(device=image.device, dtype=image.dtype)[times].view(-1, *[1] * (image.dim() - 1))
    return left**0.5 * image + (1 - left) ** 0.5 * noise


def image_and_noise(schedule: spec.Schedule, predicted: Tensor, sample: Tensor, left: Tensor) -> tuple[Tensor, Tensor]:
    """Return the image and the noise that a prediction says a noisy sample is made of, ``left`` of it image."""
    kept, added = left**0.5, (1 - left) ** 0.5
    if schedule.predicts == "noise":
        return (sample - added * predicted) / kept, predicted
    if schedule.predicts == "image":
        return predicted, (sample - kept * predicted) / added
    return kept * sample - added * predicted, kept * predicted + added * sample
