"""Ancestral sampling: each step draws from what the model says came before it (Ho et al. 2020, algorithm 2)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from bestiary import spec
from bestiary.diffuse.schedule import betas, image_and_noise, signal
from bestiary.errors import BestiaryError
from bestiary.watch import watched


@dataclass(frozen=True)
class Ancestral:
    """How the steps of a schedule are taken when noise is added again at each."""

    schedule: spec.Schedule
    learned: bool = False
    """Whether the model says how much, behind what it predicts (Nichol and Dhariwal 2021); else as little as can be."""
    clip: float | None = None
    """The predicted image is held within this of zero."""

    def times(self, count: int) -> list[int]:
        """Return the time steps of a run of so many, both ends among them; raises ``BestiaryError`` for too many."""
        steps = self.schedule.steps
        if not 1 <= count <= steps:
            raise BestiaryError(f"{count} steps are asked for; give from 1 to {steps}, which the model was trained on")
        ratio = (steps - 1) / max(1, count - 1)
        return [round(place * ratio) for place in range(count)][::-1] if count > 1 else [steps - 1]


def ancestral_step(
    sampler: Ancestral, predicted: Tensor, time: int, before: int, sample: Tensor, noise: Tensor
) -> Tensor:
    """Return a sample as of the step ``before``, -1 behind the last (Ho et al. 2020, equations 6 and 7).

    Where the variance is learned it stands behind what is predicted, between the least and the most that it can be
    (Nichol and Dhariwal 2021, equation 15).
    """
    predicted, *share = predicted.split(sample.shape[1], dim=1)
    shares = signal(sampler.schedule).to(sample.device)
    left, after = shares[time], shares[before] if before >= 0 else torch.ones_like(shares[0])
    added = betas(sampler.schedule)[time].to(sample.device) if before == time - 1 else 1 - left / after
    image, _ = image_and_noise(sampler.schedule, predicted, sample, left)
    image = image if sampler.clip is None else image.clamp(-sampler.clip, sampler.clip)
    mean = after**0.5 * added / (1 - left) * image + (1 - added) ** 0.5 * (1 - after) / (1 - left) * sample
    if time == 0:
        return mean
    least = (1 - after) / (1 - left) * added
    if not sampler.learned:
        return mean + (0.5 * least.clamp(min=1e-20).log()).exp() * noise
    between = (share[0] + 1) / 2
    return mean + (0.5 * (between * added.log() + (1 - between) * least.log())).exp() * noise


def ancestral(
    sampler: Ancestral,
    predict: Callable[[Tensor, int], Tensor],
    sample: Tensor,
    steps: int,
    generator: torch.Generator | None = None,
) -> Iterator[Tensor]:
    """Yield a sample with less and less noise, ``steps`` times; ``predict`` is the model, of a sample and its time."""
    times = sampler.times(steps)
    pairs = list(zip(times, [*times[1:], times[-1] - 1], strict=True))
    for time, before in watched(pairs, "drawing"):
        noise = torch.randn(sample.shape, generator=generator) if time else torch.zeros(())
        noise = noise.to(sample.device, sample.dtype)
        sample = ancestral_step(sampler, predict(sample, time), time, before, sample, noise)
        yield sample
