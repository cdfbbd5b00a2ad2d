"""Pictures of classes by transformers of patches (Peebles and Xie 2022)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from bestiary import spec
from bestiary.diffuse.draw import shown
from bestiary.diffuse.sampler import Sampler, ddim, sampler_of
from bestiary.errors import BestiaryError

STEPS, GUIDANCE = 50, 4.0
"""As DiT's published code takes them (sample.py), but for its steps, of which there are five times as many."""

USUAL = spec.Schedule(spec.LinearBetas(0.0001, 0.02))
"""The noise that transformers of patches were trained on (DiT's published code, diffusion/__init__.py)."""


@torch.inference_mode()
def draw_class(
    model: Any, label: int, *, steps: int = STEPS, guidance: float = GUIDANCE, eta: float = 0.0, seed: int = 0
) -> Tensor:
    """Return a picture of a class, ``[1, channels, H, W]``, from 0 to 1.

    Of a model without an autoencoder it is the first three channels of the latent map.
    """
    whole = isinstance(model.spec, spec.PatchDiffusion)
    node = model.spec.denoiser if whole else model.spec
    classes = next(each.classes - 1 for each in node.conditions if isinstance(each, spec.ClassCondition))
    if not 0 <= label < classes:
        raise BestiaryError(f"class {label} is asked for; this model draws classes 0 to {classes - 1}")
    side, channels = node.embed.image, node.embed.channels
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn((1, channels, side, side), generator=generator).to(model.device, model.dtype)
    sampler = sampler_of(model) if whole else Sampler(USUAL)
    *_, latents = ddim(sampler, _toward(model, label, classes, channels, guidance), noise, steps, eta, generator)
    return shown(model.decode(latents) if whole else latents[:, :3])


def _toward(model: Any, label: int, nothing: int, channels: int, guidance: float) -> Callable[[Tensor, int], Tensor]:
    """Return a prediction that goes past what the model says of no class, of which the last row of its table is."""
    labels = torch.tensor([label, nothing], device=model.device)

    def predict(sample: Tensor, time: int) -> Tensor:
        toward, without = model(torch.cat((sample, sample)), time, labels).sample[:, :channels].chunk(2)
        return without + guidance * (toward - without)

    return predict
