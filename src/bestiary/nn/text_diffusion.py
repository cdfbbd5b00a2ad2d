"""Pictures out of noise, told by a text: a tower and a U-Net, and several such one behind another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bestiary import spec
from bestiary.errors import BestiaryError
from bestiary.nn.base import Model
from bestiary.nn.context import Context, padding
from bestiary.nn.embeddings import Tokens
from bestiary.nn.output import Output
from bestiary.nn.patch_diffusion import TimeVector
from bestiary.nn.stack import Stack
from bestiary.nn.unet import UNet


class PaddedTokens(Tokens):
    """A token table, and a learned vector for each place where padding may stand."""

    def __init__(self, node: spec.PaddedTokens, dim: int) -> None:
        super().__init__(node, dim)
        self.padding = nn.Parameter(torch.empty(node.length, dim))

    def place(self, x: Tensor, context: Context) -> Tensor:
        """Add positions, and put vectors of their own where padding stands, which from here on is read as words are."""
        x = super().place(x, context)
        if context.keep is None:
            return x
        x = torch.where(context.keep[..., None], x, self.padding[: x.shape[1]].to(x.dtype))
        context.keep = None
        return x


class TextDiffusion(Model):
    """A U-Net that takes noise out of images, told by what a text tower makes of a text."""

    def __init__(self, node: spec.TextDiffusion, make: Callable[[Any], Model]) -> None:
        super().__init__(node)
        self.text = make(node.text)
        self.unet = UNet(node.unet)

    def read(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """Return the vectors of texts, ``[B, S, dim]``, that the U-Net looks at; the last is the whole text's."""
        return self.text(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state

    def predict(self, sample: Tensor, timestep: Tensor | int, vectors: Tensor) -> Output:
        """Predict what noisy images hold, told by vectors of texts."""
        return self.unet(sample, timestep, vectors, vector=vectors[:, -1])

    def forward(
        self, input_ids: Tensor, sample: Tensor, timestep: Tensor | int, attention_mask: Tensor | None = None
    ) -> Output:
        """Run one step: predict what noisy images, ``[B, channels, H, W]``, hold at ``timestep``."""
        return self.predict(sample, timestep, self.read(input_ids, attention_mask))


class ImageTextDiffusion(TextDiffusion):
    """The same, told by a vector of the image too."""

    def __init__(self, node: spec.ImageTextDiffusion, make: Callable[[Any], Model]) -> None:
        super().__init__(node, make)
        self.extra = nn.Linear(node.image, node.extra * node.dim)

    def forward(  # type: ignore[override]
        self,
        input_ids: Tensor,
        sample: Tensor,
        timestep: Tensor | int,
        image_embeds: Tensor,
        attention_mask: Tensor | None = None,
    ) -> Output:
        """Run one step; ``image_embeds`` ``[B, image]`` are vectors of images."""
        vectors = self.read(input_ids, attention_mask)
        extra = self.extra(image_embeds).unflatten(-1, (-1, self.spec.dim))
        told = torch.cat((vectors[:, -1], image_embeds), dim=-1)
        return self.unet(sample, timestep, torch.cat((vectors, extra), dim=1), vector=told)


class TextUpscaler(TextDiffusion):
    """The same, with a small picture beside the noisy large one."""

    def forward(  # type: ignore[override]
        self,
        input_ids: Tensor,
        sample: Tensor,
        timestep: Tensor | int,
        low_res: Tensor,
        attention_mask: Tensor | None = None,
    ) -> Output:
        """Run one step; ``low_res`` is the small picture, ``[B, channels, h, w]``."""
        return self.beside(sample, low_res, timestep, self.read(input_ids, attention_mask))

    def beside(self, sample: Tensor, low_res: Tensor, timestep: Tensor | int, vectors: Tensor) -> Output:
        """Predict what noisy images hold, a small picture, enlarged, beside them, told by vectors of texts."""
        enlarged = F.interpolate(low_res, sample.shape[-2:], mode="bilinear", align_corners=False)
        return self.predict(torch.cat((sample, enlarged), dim=1), timestep, vectors)


class TextInpainter(TextDiffusion):
    """The same, with what is known of a picture beside the noisy one."""

    def forward(  # type: ignore[override]
        self,
        input_ids: Tensor,
        sample: Tensor,
        timestep: Tensor | int,
        picture: Tensor | None = None,
        known: Tensor | None = None,
        attention_mask: Tensor | None = None,
    ) -> Output:
        """Run one step; ``picture`` is that with holes, ``known`` ``[B, 1, H, W]`` has ones where it is none."""
        return self.predict(sample, timestep, self.read(input_ids, attention_mask), picture, known)

    def predict(
        self,
        sample: Tensor,
        timestep: Tensor | int,
        vectors: Tensor,
        picture: Tensor | None = None,
        known: Tensor | None = None,
    ) -> Output:
        """Predict what noisy images hold, told by vectors of texts and by what is known, if anything is."""
        return super().predict(torch.cat((sample, *_known(sample, picture, known)), dim=1), timestep, vectors)


class TextInpaintUpscaler(TextUpscaler):
    """The same, with a small picture besides."""

    def forward(  # type: ignore[override]
        self,
        input_ids: Tensor,
        sample: Tensor,
        timestep: Tensor | int,
        low_res: Tensor,
        picture: Tensor | None = None,
        known: Tensor | None = None,
        attention_mask: Tensor | None = None,
    ) -> Output:
        """Run one step; ``picture`` and ``known`` are as large as what is drawn, ``low_res`` is the small picture."""
        return self.beside(sample, low_res, timestep, self.read(input_ids, attention_mask), picture, known)

    def beside(
        self,
        sample: Tensor,
        low_res: Tensor,
        timestep: Tensor | int,
        vectors: Tensor,
        picture: Tensor | None = None,
        known: Tensor | None = None,
    ) -> Output:
        """Predict what noisy images hold, what is known and a small picture beside them."""
        return super().beside(torch.cat((sample, *_known(sample, picture, known)), dim=1), low_res, timestep, vectors)


def _known(sample: Tensor, picture: Tensor | None, known: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return a picture with its holes blank, and ones where it is known."""
    known = torch.zeros_like(sample[:, :1]) if known is None else known.to(sample)
    return (torch.zeros_like(sample) if picture is None else picture) * known, known


class EmbeddingDenoiser(Model):
    """A causal stack over a text's vectors and a noisy vector of an image."""

    def __init__(self, node: spec.EmbeddingDenoiser) -> None:
        super().__init__(node)
        dim, width = node.dim, node.width
        self.words, self.whole, self.image = (nn.Linear(width, dim) for _ in range(3))
        self.time = TimeVector(node.time, dim)
        self.last = nn.Parameter(torch.empty(dim))
        self.position = nn.Parameter(torch.empty(node.length + 4, dim))
        self.stack = Stack(node.stack, dim)
        self.output = nn.Linear(dim, width)
        self.mean, self.deviation = (nn.Parameter(torch.empty(width)) for _ in range(2))

    def forward(
        self,
        sample: Tensor,
        timestep: Tensor | int,
        text_embeds: Tensor,
        encoder_hidden_states: Tensor,
        attention_mask: Tensor | None = None,
    ) -> Output:
        """Tell the vector of an image from a noisy one, ``[B, width]``, of which ``text_embeds`` is the text's.

        ``encoder_hidden_states`` ``[B, length, width]`` are the text's vectors, with ones in the mask for real words.
        """
        if encoder_hidden_states.shape[1] != self.spec.length:
            raise BestiaryError(
                f"encoder_hidden_states has {encoder_hidden_states.shape[1]} vectors; this model reads"
                f" {self.spec.length}: pad the text"
            )
        time = self.time(torch.as_tensor(timestep, device=sample.device).expand(len(sample)))
        single = (self.whole(text_embeds), time, self.image(sample), self.last.expand(len(sample), -1))
        x = torch.cat((self.words(encoder_hidden_states), torch.stack(single, dim=1)), dim=1) + self.position
        keep = padding(attention_mask)
        keep = None if keep is None else torch.cat((keep, keep.new_ones(len(keep), 4)), dim=1)
        x = self.stack(x, Context(torch.arange(x.shape[1], device=x.device)[None], x.shape[1], keep=keep))
        return Output(x, image_embeds=self.output(x[:, -1]))


class Cascade(Model):
    """What draws small pictures, and what enlarges them."""

    def __init__(self, node: spec.Cascade, make: Callable[[Any], Model]) -> None:
        super().__init__(node)
        self.text = make(node.text)
        self.upscalers = nn.ModuleList(make(part) for part in node.upscalers)

    def forward(
        self, input_ids: Tensor, sample: Tensor, timestep: Tensor | int, attention_mask: Tensor | None = None
    ) -> Output:
        """Run one step of the first part, on small pictures; the others are called by themselves."""
        return self.text(input_ids, sample, timestep, attention_mask)
