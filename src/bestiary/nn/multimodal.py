"""Two towers that are compared: one reads texts, the other images."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from bestiary import spec
from bestiary.nn.base import Model
from bestiary.nn.context import Context
from bestiary.nn.output import Output


class DualEncoder(Model):
    """A tower of texts beside one of images."""

    def __init__(self, node: spec.DualEncoder, make: Callable[[spec.Model], Model]) -> None:
        super().__init__(node)
        self.text, self.image = make(node.text), make(node.image)
        self.add_heads()

    def forward(
        self,
        input_ids: Tensor,
        pixel_values: Tensor,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
    ) -> Output:
        """Compare texts with images.

        ``input_ids`` and ``attention_mask`` are ``[N, T]``, ``pixel_values`` ``[M, channels, image, image]``; there
        may be more of one than of the other. ``last_hidden_state`` is that of the texts.
        """
        text = self.text(input_ids, attention_mask, position_ids=position_ids)
        image = self.image(pixel_values)
        return self.answer(
            text.last_hidden_state,
            Context(torch.zeros(1, 0), 0),
            text_embeds=unit(offered(text, "text_embeds")),
            image_embeds=unit(offered(image, "image_embeds")),
            text_model_output=text,
            vision_model_output=image,
        )

    def get_text_features(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """Return a vector for each text, ``[N, dim]``, whatever its length."""
        return offered(self.text(input_ids, attention_mask), "text_embeds")

    def get_image_features(self, pixel_values: Tensor) -> Tensor:
        """Return a vector for each image, ``[M, dim]``, whatever its length."""
        return offered(self.image(pixel_values), "image_embeds")


def offered(output: Output, name: str) -> Tensor:
    """Return the vector that a tower offers for comparison: its embedding, else its summary."""
    found = getattr(output, name)
    found = output.pooler_output if found is None else found
    assert found is not None
    return found


def unit(x: Tensor) -> Tensor:
    """Return vectors of length one."""
    return x / x.norm(dim=-1, keepdim=True)
