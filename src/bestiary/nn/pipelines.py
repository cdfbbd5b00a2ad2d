"""Models of several parts that make images together: a text tower, a U-Net on latent maps, and their autoencoder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from bestiary import spec
from bestiary.nn.autoencoders import Autoencoder
from bestiary.nn.base import Model
from bestiary.nn.output import Output
from bestiary.nn.unet import UNet


class PixelDiffusion(Model):
    """A U-Net that takes noise out of images."""

    def __init__(self, node: spec.PixelDiffusion) -> None:
        super().__init__(node)
        self.unet = UNet(node.unet)

    def forward(self, sample: Tensor, timestep: Tensor | int, class_labels: Tensor | None = None) -> Output:
        """Run one step: predict what noisy images, ``[B, channels, H, W]``, hold at ``timestep``."""
        return self.unet(sample, timestep, class_labels=class_labels)


class LatentDiffusion(Model):
    """A U-Net that takes noise out of the latent maps of images, told what they show by a text tower."""

    def __init__(self, node: spec.LatentDiffusion, make: Callable[[Any], Model]) -> None:
        super().__init__(node)
        self.text = make(node.text)
        self.unet = UNet(node.unet)
        self.autoencoder = Autoencoder(node.autoencoder)

    def read(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """Return the vectors of texts, ``[B, S, dim]``, that the U-Net looks at."""
        return self.text(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state

    def forward(
        self, input_ids: Tensor, sample: Tensor, timestep: Tensor | int, attention_mask: Tensor | None = None
    ) -> Output:
        """Run one step: predict what noisy latent maps, ``[B, channels, H, W]``, hold at ``timestep``."""
        return self.unet(sample, timestep, self.read(input_ids, attention_mask))

    def encode(self, pixel_values: Tensor) -> Tensor:
        """Return the likeliest latent maps of images, scaled to unit variance."""
        return self.autoencoder.encode(pixel_values).given * self.spec.autoencoder.code.scale

    def decode(self, latents: Tensor) -> Tensor:
        """Return the images of scaled latent maps, from -1 to 1."""
        return self.autoencoder.decode(latents / self.spec.autoencoder.code.scale)
