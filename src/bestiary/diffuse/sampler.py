"""DDIM: from noise to an image in fewer steps than it was trained on (Song et al. 2020)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from bestiary import spec
from bestiary.diffuse.schedule import image_and_noise, signal
from bestiary.diffuse.thresholds import Percentile, held
from bestiary.errors import BestiaryError
from bestiary.watch import watched

Spacing = Literal["leading", "trailing", "linspace"]


@dataclass(frozen=True)
class Sampler:
    """How the steps of a schedule are taken."""

    schedule: spec.Schedule
    spacing: Spacing = "leading"
    """Which steps are taken: evenly spaced from the first, from the last, or with both (Lin et al. 2023, table 2)."""
    offset: int = 0
    """How many steps later than that, where they are spaced from the first."""
    clean_end: bool = True
    """Whether nothing is left of the noise behind the last step, or as little as at the schedule's first."""
    clip: float | Percentile | None = None
    """The predicted image is held within this of zero, or by the percentile of its own pixels."""
    anew: bool = False
    """Whether a step goes on with the noise that the image as it is held leaves over (Saharia et al. 2022, eq. 5)."""

    def times(self, count: int) -> list[int]:
        """Return the time steps of a run of so many, from the noisiest; raises ``BestiaryError`` if there are fewer."""
        steps = self.schedule.steps
        if not 1 <= count <= steps:
            raise BestiaryError(f"{count} steps are asked for; give from 1 to {steps}, which the model was trained on")
        if self.spacing == "leading":
            found = [place * (steps // count) + self.offset for place in range(count)][::-1]
        elif self.spacing == "trailing":
            found = [round(steps - place * (steps / count)) - 1 for place in range(count)]
        else:
            found = torch.linspace(0, steps - 1, count, dtype=torch.float64).round().long().tolist()[::-1]
        if found[0] >= steps:
            raise BestiaryError(f"{count} steps from {self.offset} on end at {found[0]}, behind the last; take fewer")
        return found


_USUAL: dict[type[spec.Model], dict[str, Any]] = {
    spec.PixelDiffusion: {"clip": 1.0},
    spec.LatentDiffusion: {"offset": 1, "clean_end": False},
    spec.PatchDiffusion: {},
}
"""Images are held within their range, as published code of Ho et al. 2020 does; latent maps have none."""


def sampler_of(model: Any) -> Sampler:
    """Return the sampler that a model's files describe, or the usual one of its kind."""
    settings = model.checkpoint.sampler if model.checkpoint else _USUAL[type(model.spec)]
    return Sampler(model.spec.schedule, **settings)


def ddim_step(
    sampler: Sampler, predicted: Tensor, time: int, stride: int, sample: Tensor, eta: float = 0.0,
    noise: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Return a sample with the noise of ``stride`` steps less (Song et al. 2020, equations 12 and 16).

    ``eta`` is how much of the noise that the step may add is added, of ``noise``: none, or up to 1, all of it.
    """
    shares = signal(sampler.schedule).to(sample.device)
    left = shares[time]
    end = torch.ones_like(left) if sampler.clean_end else shares[0]
    after = shares[time - stride] if time >= stride else end
    image, direction = image_and_noise(sampler.schedule, predicted, sample, left)
    image = held(image, sampler.clip)
    direction = (sample - left**0.5 * image) / (1 - left) ** 0.5 if sampler.anew else direction
    spread = eta * ((1 - after) / (1 - left) * (1 - left / after)) ** 0.5
    sample = after**0.5 * image + (1 - after - spread**2) ** 0.5 * direction
    return sample if noise is None or not eta else sample + spread * noise


def ddim(
    sampler: Sampler, predict: Callable[[Tensor, int], Tensor], sample: Tensor, steps: int, eta: float = 0.0,
    generator: torch.Generator | None = None,
) -> Iterator[Tensor]:  # fmt: skip
    """Yield a sample with less and less noise, ``steps`` times; ``predict`` is the model, of a sample and its time."""
    stride = sampler.schedule.steps // steps if steps else 0
    for time in watched(sampler.times(steps), "drawing"):
        noise = torch.randn(sample.shape, generator=generator, dtype=sample.dtype) if eta else None
        noise = None if noise is None else noise.to(sample.device)
        sample = ddim_step(sampler, predict(sample, time), time, stride, sample, eta, noise)
        yield sample
