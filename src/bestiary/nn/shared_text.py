"""Pictures out of noise by several U-Nets that read one text tower."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bestiary import spec
from bestiary.nn.base import Model
from bestiary.nn.output import Output


class ToldDiffusion(Model):
    """A U-Net that takes noise out of images, told by vectors of a text."""

    def __init__(self, node: spec.ToldDiffusion, make: Callable[[Any], Model]) -> None:
        super().__init__(node)
        self.unet = make(node.unet)

    def forward(
        self,
        sample: Tensor,
        timestep: Tensor | int,
        encoder_hidden_states: Tensor,
        encoder_attention_mask: Tensor | None = None,
    ) -> Output:
        """Run one step: predict what noisy images, ``[B, channels, H, W]``, hold at ``timestep``."""
        return self.unet(sample, timestep, encoder_hidden_states, encoder_attention_mask)


class ToldUpscaler(ToldDiffusion):
    """The same, with a small picture beside the noisy large one."""

    def forward(  # type: ignore[override]
        self,
        sample: Tensor,
        timestep: Tensor | int,
        encoder_hidden_states: Tensor,
        low_res: Tensor,
        noise_level: Tensor | int,
        encoder_attention_mask: Tensor | None = None,
    ) -> Output:
        """Run one step; ``low_res`` is the small picture, ``[B, channels, h, w]``, as noisy as at ``noise_level``."""
        enlarged = F.interpolate(low_res, sample.shape[-2:], mode="bilinear", align_corners=False)
        beside = torch.cat((sample, enlarged), dim=1)
        return self.unet(beside, timestep, encoder_hidden_states, encoder_attention_mask, noise_level=noise_level)


class SharedTextCascade(Model):
    """One text tower, what draws small pictures, and what enlarges them."""

    def __init__(self, node: spec.SharedTextCascade, make: Callable[[Any], Model]) -> None:
        super().__init__(node)
        self.text = make(node.text)
        self.base = ToldDiffusion(node.base, make)
        self.upscalers = nn.ModuleList(ToldUpscaler(part, make) for part in node.upscalers)

    def read(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """Return the vectors of texts, ``[B, S, dim]``, that all U-Nets look at."""
        return self.text(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state

    def forward(
        self, input_ids: Tensor, sample: Tensor, timestep: Tensor | int, attention_mask: Tensor | None = None
    ) -> Output:
        """Run one step of the first part, on small pictures; the others are called by themselves."""
        return self.base(sample, timestep, self.read(input_ids, attention_mask), attention_mask)
