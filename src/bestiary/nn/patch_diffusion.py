"""Transformers of noisy maps, whose layers the time step modulates."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bestiary import spec
from bestiary.nn.autoencoders import Autoencoder
from bestiary.nn.base import Model
from bestiary.nn.context import Context
from bestiary.nn.norms import norm
from bestiary.nn.output import Output
from bestiary.nn.patches import PATCHES, uncut
from bestiary.nn.stack import Stack
from bestiary.nn.told import CONDITIONS, WAVES


class TimeVector(nn.Module):
    """Waves of the time step through two linear maps."""

    def __init__(self, node: spec.TimeVector, dim: int) -> None:
        super().__init__()
        self.waves, self.width = WAVES[type(node.waves)], node.width
        self.up, self.down = nn.Linear(node.width, dim), nn.Linear(dim, dim)

    def forward(self, times: Tensor) -> Tensor:
        """Map time steps, ``[B]``, to ``[B, dim]``."""
        waves = self.waves(times, self.width).to(self.up.weight.dtype)
        return self.down(F.silu(self.up(waves)))


class PatchDenoiser(Model):
    """A stack on the patches of a noisy map."""

    def __init__(self, node: spec.PatchDenoiser) -> None:
        super().__init__(node)
        self.embed = PATCHES[type(node.embed)](node.embed, node.dim)
        self.time = TimeVector(node.time, node.dim)
        self.conditions = nn.ModuleList(CONDITIONS[type(each)](each, node.dim, "silu") for each in node.conditions)
        self.stack = Stack(node.stack, node.dim)
        self.norm = norm(spec.PlainNorm(node.eps), node.dim)
        self.shift, self.scale = nn.Linear(node.dim, node.dim), nn.Linear(node.dim, node.dim)
        self.leave = nn.Linear(node.dim, node.out * node.embed.patch**2)

    def forward(self, sample: Tensor, timestep: Tensor | int, class_labels: Tensor | None = None) -> Output:
        """Predict what a noisy ``sample``, ``[B, channels, H, W]``, holds at ``timestep``, one or ``[B]``.

        ``class_labels`` are ``[B]``; the last one of the table stands for no class.
        """
        x = self.embed(sample)
        told = self.time(torch.as_tensor(timestep, device=sample.device).expand(len(sample)))
        for condition in self.conditions:
            told = told + condition({"class_labels": class_labels})
        context = Context(torch.arange(x.shape[1], device=x.device)[None], x.shape[1])
        context.told = told = F.silu(told)[:, None]
        x = self.norm(self.stack(x, context)) * (1 + self.scale(told)) + self.shift(told)
        return Output(x, sample=uncut(self.leave(x), self.spec.embed.patch, self.spec.out))


class PatchDiffusion(Model):
    """A stack on patches of latent maps, and the autoencoder of these."""

    def __init__(self, node: spec.PatchDiffusion) -> None:
        super().__init__(node)
        self.denoiser = PatchDenoiser(node.denoiser)
        self.autoencoder = Autoencoder(node.autoencoder)

    def forward(self, sample: Tensor, timestep: Tensor | int, class_labels: Tensor | None = None) -> Output:
        """Run one step: predict what noisy latent maps, ``[B, channels, H, W]``, hold at ``timestep``."""
        return self.denoiser(sample, timestep, class_labels)

    def decode(self, latents: Tensor) -> Tensor:
        """Return the images of scaled latent maps, from -1 to 1."""
        return self.autoencoder.decode(latents / self.spec.autoencoder.code.scale)
