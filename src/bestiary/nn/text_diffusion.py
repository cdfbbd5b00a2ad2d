"""Pictures out of noise, told by a text: a tower and a U-Net, and several such one behind another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bestiary import spec
from bestiary.nn.base import Model
from bestiary.nn.context import Context
from bestiary.nn.embeddings import Tokens
from bestiary.nn.output import Output
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
        return self.predict(beside(sample, low_res), timestep, self.read(input_ids, attention_mask))


def beside(sample: Tensor, low_res: Tensor) -> Tensor:
    """Put a small picture, enlarged, behind the channels of a noisy one."""
    enlarged = F.interpolate(low_res, sample.shape[-2:], mode="bilinear", align_corners=False)
    return torch.cat((sample, enlarged), dim=1)


class Cascade(Model):
    """What draws small pictures, and what enlarges them."""

    def __init__(self, node: spec.Cascade, make: Callable[[Any], Model]) -> None:
        super().__init__(node)
        self.text = TextDiffusion(node.text, make)
        self.upscalers = nn.ModuleList(TextUpscaler(part, make) for part in node.upscalers)

    def forward(
        self, input_ids: Tensor, sample: Tensor, timestep: Tensor | int, attention_mask: Tensor | None = None
    ) -> Output:
        """Run one step of the first part, on small pictures; the others are called by themselves."""
        return self.text(input_ids, sample, timestep, attention_mask)
