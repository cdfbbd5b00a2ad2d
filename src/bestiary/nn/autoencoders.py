"""Autoencoders of images: to latent maps and back."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bestiary import spec
from bestiary.nn.base import Model
from bestiary.nn.feature_maps import ConvTower, checked_map
from bestiary.nn.output import Output

WIDEST, NARROWEST = 20.0, -30.0
"""Logarithms of variances are held between these, as published code does."""


@dataclass(frozen=True)
class Latent:
    """A normal distribution at each place of a latent map, ``[B, dim, H, W]`` each."""

    mean: Tensor
    logvar: Tensor

    def mode(self) -> Tensor:
        """Return the likeliest map."""
        return self.mean

    def draw(self, generator: torch.Generator | None = None) -> Tensor:
        """Draw a map."""
        noise = torch.randn(self.mean.shape, generator=generator, dtype=self.mean.dtype, device=self.mean.device)
        return self.mean + torch.exp(0.5 * self.logvar) * noise


class Autoencoder(Model):
    """An encoder, a code and a decoder."""

    def __init__(self, node: spec.Autoencoder) -> None:
        super().__init__(node)
        self.encoder = ConvTower(node.encoder)
        self.enter = nn.Conv2d(node.encoder.out, 2 * node.dim, 1)
        self.leave = nn.Conv2d(node.dim, node.decoder.channels, 1)
        self.decoder = ConvTower(node.decoder)

    def encode(self, pixel_values: Tensor) -> Latent:
        """Return the distribution of latent maps of images from -1 to 1, ``[B, channels, H, W]``."""
        checked_map("pixel_values", pixel_values, self.spec.encoder.channels)
        mean, logvar = self.enter(self.encoder(pixel_values)).chunk(2, dim=1)
        return Latent(mean, logvar.clamp(NARROWEST, WIDEST))

    def decode(self, latents: Tensor) -> Tensor:
        """Return the images of latent maps, ``[B, dim, H, W]``."""
        checked_map("latents", latents, self.spec.dim)
        return self.decoder(self.leave(latents))

    def forward(self, pixel_values: Tensor) -> Output:
        """Run images through the likeliest latent map and back."""
        latents = self.encode(pixel_values).mode()
        return Output(latents, latents=latents, sample=self.decode(latents))
