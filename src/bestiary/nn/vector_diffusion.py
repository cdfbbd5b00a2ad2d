"""Pictures by way of an image's vector: what tells it from a text, what paints it, what enlarges that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bestiary import spec
from bestiary.errors import BestiaryError
from bestiary.nn.base import Model
from bestiary.nn.context import Context
from bestiary.nn.output import Output
from bestiary.nn.stack import Stack
from bestiary.nn.text_diffusion import EmbeddingDenoiser, ImageTextDiffusion
from bestiary.nn.unet import UNet


class VectorTeller(Model):
    """What a U-Net is told of the vectors of an image and of its text."""

    def __init__(self, node: spec.VectorTeller) -> None:
        super().__init__(node)
        self.nothing = nn.Parameter(torch.empty(node.width))
        self.image, self.whole = nn.Linear(node.width, node.hidden), nn.Linear(node.width, node.hidden)
        self.extra = nn.Linear(node.width, node.extra * node.dim)
        self.words = nn.Linear(node.width, node.dim)
        self.norm = nn.LayerNorm(node.dim)

    def forward(
        self, image_embeds: Tensor | None, text_embeds: Tensor, encoder_hidden_states: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return what attention reads, ``[B, extra + S, dim]``, and what is added to the time step's vector.

        ``image_embeds`` and ``text_embeds`` are ``[B, width]``; with ``None`` a learned vector stands for no image.
        """
        if image_embeds is None:
            image_embeds = self.nothing.expand(len(text_embeds), -1)
        extra = self.extra(image_embeds).unflatten(-1, (self.spec.dim, -1)).transpose(1, 2)
        read = torch.cat((extra, self.norm(self.words(encoder_hidden_states))), dim=1)
        return read, self.image(image_embeds) + self.whole(text_embeds)


class VectorDiffusion(Model):
    """A U-Net that takes noise out of images, told by vectors of the image and its text alone."""

    def __init__(self, node: spec.VectorDiffusion) -> None:
        super().__init__(node)
        self.teller = VectorTeller(node.teller)
        self.unet = UNet(node.unet)

    def forward(
        self,
        sample: Tensor,
        timestep: Tensor | int,
        image_embeds: Tensor | None,
        text_embeds: Tensor,
        encoder_hidden_states: Tensor,
        attention_mask: Tensor | None = None,
    ) -> Output:
        """Run one step: predict what noisy images hold; the mask has ones for real words."""
        read, added = self.teller(image_embeds, text_embeds, encoder_hidden_states)
        keep = None if attention_mask is None else F.pad(attention_mask, (self.spec.teller.extra, 0), value=1)
        return self.unet(sample, timestep, read, keep, vector=added)


class PictureUpscaler(Model):
    """A U-Net that draws a larger picture of a small one."""

    def __init__(self, node: spec.PictureUpscaler) -> None:
        super().__init__(node)
        self.unet = UNet(node.unet)

    def forward(self, sample: Tensor, timestep: Tensor | int, low_res: Tensor) -> Output:
        """Run one step; ``low_res`` is the small picture, ``[B, channels, h, w]``."""
        return self.unet(self.beside(sample, low_res), timestep)

    def beside(self, sample: Tensor, low_res: Tensor) -> Tensor:
        """Return noisy images with a small picture, enlarged, beside them."""
        enlarged = F.interpolate(low_res, sample.shape[-2:], mode="bilinear", align_corners=False)
        return torch.cat((sample, enlarged), dim=1)


class FinishedUpscaler(PictureUpscaler):
    """The same, whose last step another U-Net takes."""

    def __init__(self, node: spec.FinishedUpscaler) -> None:
        super().__init__(node)
        self.finish = UNet(node.finish)

    def forward(self, sample: Tensor, timestep: Tensor | int, low_res: Tensor, last: bool = False) -> Output:
        """Run one step, the ``last`` one by the U-Net that finishes."""
        return (self.finish if last else self.unet)(self.beside(sample, low_res), timestep)

    def beside(self, sample: Tensor, low_res: Tensor) -> Tensor:
        """Return noisy images with a small picture, enlarged by cubes, beside them."""
        enlarged = F.interpolate(low_res, sample.shape[-2:], mode="bicubic", align_corners=False, antialias=True)
        return torch.cat((sample, enlarged), dim=1)


class DiffusedVector(Model):
    """What takes noise out of an image's vector."""

    def __init__(self, node: spec.DiffusedVector) -> None:
        super().__init__(node)
        self.denoiser = EmbeddingDenoiser(node.denoiser)

    def forward(self, *given: Tensor | None, **named: Tensor | None) -> Output:
        """Run one step, as the denoiser does."""
        return self.denoiser(*given, **named)

    def vector(self, sample: Tensor) -> Tensor:
        """Return the vector that texts and images share, of one of unit variance."""
        return sample * self.denoiser.deviation + self.denoiser.mean


class CodedVector(Model):
    """What tells the codes of an image's vector one after another, and the vector of codes."""

    def __init__(self, node: spec.CodedVector, make: Callable[[Any], Model]) -> None:
        super().__init__(node)
        dim = node.dim
        self.text = make(node.text)
        self.whole = nn.Linear(node.width, dim)
        self.nearness, self.codes = nn.Embedding(node.buckets, dim), nn.Embedding(node.buckets, dim)
        self.position = nn.Parameter(torch.empty(node.length, dim))
        self.stack = Stack(node.stack, dim)
        self.output = nn.Linear(dim, node.buckets, bias=False)
        self.mean: Tensor
        self.axes: Tensor
        self.lowest: Tensor
        self.highest: Tensor
        for name, value in self.constants().items():
            self.register_buffer(name, value)

    def constants(self) -> dict[str, Tensor]:
        """Return the mean of vectors, their principal axes and the range along each, which training data tells."""
        ends = torch.ones(self.spec.components)
        axes = torch.eye(self.spec.components, self.spec.width)
        return {"mean": torch.zeros(self.spec.width), "axes": axes, "lowest": -ends, "highest": ends}

    def forward(
        self,
        text_embeds: Tensor,
        encoder_hidden_states: Tensor,
        nearness: Tensor,
        codes: Tensor | None = None,
    ) -> Output:
        """Score the buckets of each code and of the one behind them, ``[B, 1 + codes, buckets]``.

        ``encoder_hidden_states`` are the caption's vectors by the tower of this model's own, ``nearness`` ``[B]`` is
        the bucket of how near the two vectors are, ``codes`` ``[B, C]`` are those that are known.
        """
        known = 0 if codes is None else codes.shape[1]
        if known >= self.spec.components:
            raise BestiaryError(f"{known} codes are given; this model tells {self.spec.components}, one behind another")
        x = torch.stack((self.whole(text_embeds), self.nearness(nearness)), dim=1)
        x = x if codes is None else torch.cat((x, self.codes(codes)), dim=1)
        x = x + self.position[: x.shape[1]]
        context = Context(torch.arange(x.shape[1], device=x.device)[None], x.shape[1], memory=encoder_hidden_states)
        x = self.stack(x, context)[:, 1:]
        return Output(x, logits=self.output(x))

    def cut(self, image_embeds: Tensor) -> Tensor:
        """Return the codes of vectors, ``[B, components]``: where each lies along each axis, in buckets."""
        along = (image_embeds - self.mean) @ self.axes.T
        share = (along - self.lowest) / (self.highest - self.lowest)
        return (share * self.spec.buckets).floor().long().clamp(0, self.spec.buckets - 1)

    def vector(self, codes: Tensor) -> Tensor:
        """Return the vectors of codes, each at the middle of its buckets."""
        along = self.lowest + (codes + 0.5) / self.spec.buckets * (self.highest - self.lowest)
        return along.to(self.axes) @ self.axes + self.mean


PRIORS: dict[type[spec.Model], Callable[[Any, Callable[[Any], Model]], Model]] = {
    spec.DiffusedVector: lambda node, make: DiffusedVector(node),
    spec.CodedVector: CodedVector,
}

PAINTERS: dict[type[spec.Model], Callable[[Any, Callable[[Any], Model]], Model]] = {
    spec.VectorDiffusion: lambda node, make: VectorDiffusion(node),
    spec.ImageTextDiffusion: ImageTextDiffusion,
}

UPSCALERS: dict[type[spec.Model], Callable[[Any], Model]] = {
    spec.PictureUpscaler: PictureUpscaler,
    spec.FinishedUpscaler: FinishedUpscaler,
}


class PriorCascade(Model):
    """A text tower, a prior, what paints, and what enlarges."""

    def __init__(self, node: spec.PriorCascade, make: Callable[[Any], Model]) -> None:
        super().__init__(node)
        self.text = make(node.text)
        self.prior = PRIORS[type(node.prior)](node.prior, make)
        self.painter = PAINTERS[type(node.painter)](node.painter, make)
        self.upscalers = nn.ModuleList(UPSCALERS[type(part)](part) for part in node.upscalers)

    def forward(
        self,
        input_ids: Tensor,
        sample: Tensor,
        timestep: Tensor | int,
        image_embeds: Tensor,
        attention_mask: Tensor | None = None,
    ) -> Output:
        """Run one step of what paints; the prior and what enlarges are called by themselves."""
        if isinstance(self.painter, ImageTextDiffusion):
            return self.painter(input_ids, sample, timestep, image_embeds, attention_mask)
        read = self.text(input_ids=input_ids)  # causal, so what is padded behind a text changes nothing of it
        return self.painter(sample, timestep, image_embeds, read.text_embeds, read.last_hidden_state, attention_mask)
