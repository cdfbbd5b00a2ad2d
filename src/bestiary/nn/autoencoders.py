"""Autoencoders of images: to latent maps and back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bestiary import spec
from bestiary.errors import BestiaryError
from bestiary.nn.base import Model
from bestiary.nn.embeddings import empty_table
from bestiary.nn.feature_maps import ConvTower, checked_map
from bestiary.nn.output import Output

WIDEST, NARROWEST = 20.0, -30.0
"""Logarithms of variances are held between these, as published code does."""


@dataclass(frozen=True)
class Latent:
    """A normal distribution at each place of a latent map, ``[B, dim, H, W]`` each."""

    mean: Tensor
    logvar: Tensor

    @property
    def given(self) -> Tensor:
        """The map that noise is added to."""
        return self.mean

    def mode(self) -> Tensor:
        """Return the likeliest map."""
        return self.mean

    def draw(self, generator: torch.Generator | None = None) -> Tensor:
        """Draw a map."""
        noise = torch.randn(self.mean.shape, generator=generator, dtype=self.mean.dtype, device=self.mean.device)
        return self.mean + torch.exp(0.5 * self.logvar) * noise


class Gaussian(nn.Module):
    """Means and variances of a map of distributions."""

    doubles = 2
    """How many numbers the encoder gives for each channel of the latent map."""

    def __init__(self, node: spec.Gaussian, dim: int) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Latent:
        """Return the distributions of a map, ``[B, 2 * dim, H, W]``."""
        mean, logvar = x.chunk(2, dim=1)
        return Latent(mean, logvar.clamp(NARROWEST, WIDEST))

    def settled(self, latents: Tensor) -> Tensor:
        """Return a map as the decoder reads it: as it is."""
        return latents


@dataclass(frozen=True)
class Coded:
    """A latent map as the encoder gives it, ``[B, dim, H, W]``, the vectors nearest to it, and their numbers.

    Noise is added to the first (Rombach et al. 2021, section 3.1: what the code does belongs to the decoder).
    """

    given: Tensor
    nearest: Tensor
    codes: Tensor

    def mode(self) -> Tensor:
        """Return the vectors; the encoder gets their gradient as if it had given them (Bengio et al. 2013)."""
        return self.given + (self.nearest - self.given).detach()


class Codebook(nn.Module):
    """Learned vectors, the nearest of which stands for each place."""

    doubles = 1

    def __init__(self, node: spec.Codebook, dim: int) -> None:
        super().__init__()
        self.vectors = empty_table(node.entries, dim)

    def forward(self, x: Tensor) -> Coded:
        """Return the vectors nearest to a map, ``[B, dim, H, W]``."""
        table = self.vectors.weight
        # The square of the distance, less that of the place itself, which is the same for all vectors.
        distances = table.square().sum(-1) - 2 * F.linear(x.movedim(1, -1), table)
        codes = distances.argmin(-1)
        return Coded(x, self.look_up(codes), codes)

    def look_up(self, codes: Tensor) -> Tensor:
        """Return the map of codes, ``[B, H, W]``."""
        return self.vectors(codes).movedim(-1, 1)

    def settled(self, latents: Tensor) -> Tensor:
        """Return a map as the decoder reads it: of learned vectors alone."""
        return self(latents).mode()


CODES: dict[type[spec.Code], Callable[[Any, int], Gaussian | Codebook]] = {
    spec.Gaussian: Gaussian,
    spec.Codebook: Codebook,
}


class Autoencoder(Model):
    """An encoder, a code and a decoder."""

    def __init__(self, node: spec.Autoencoder) -> None:
        super().__init__(node)
        self.encoder = ConvTower(node.encoder)
        self.code: Any = CODES[type(node.code)](node.code, node.dim)
        self.enter = nn.Conv2d(node.encoder.out, self.code.doubles * node.dim, 1)
        self.leave = nn.Conv2d(node.dim, node.decoder.channels, 1)
        self.decoder = ConvTower(node.decoder)

    def encode(self, pixel_values: Tensor) -> Latent | Coded:
        """Return the latent maps of images from -1 to 1, ``[B, channels, H, W]``, as the code has them."""
        checked_map("pixel_values", pixel_values, self.spec.encoder.channels)
        return self.code(self.enter(self.encoder(pixel_values)))

    def decode(self, latents: Tensor) -> Tensor:
        """Return the images of latent maps, ``[B, dim, H, W]``."""
        checked_map("latents", latents, self.spec.dim)
        return self.decoder(self.leave(self.code.settled(latents)))

    def picture(self, codes: Tensor) -> Tensor:
        """Return pictures from 0 to 1 of codes, ``[B, H, W]``, where the code is a codebook."""
        if not isinstance(self.code, Codebook):
            raise BestiaryError("this autoencoder has no codebook, whose entries codes would number; decode a map")
        return (self.decoder(self.leave(self.code.look_up(codes))) / 2 + 0.5).clamp(0, 1)

    def forward(self, pixel_values: Tensor) -> Output:
        """Run images through their likeliest latent map and back."""
        latent = self.encode(pixel_values)
        codes = latent.codes if isinstance(latent, Coded) else None
        return Output(latent.mode(), latents=latent.mode(), codes=codes, sample=self.decode(latent.mode()))
