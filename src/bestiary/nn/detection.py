"""Detectors: a network's map, its places encoded, and queries of objects that ask them."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bestiary import spec
from bestiary.errors import BestiaryError
from bestiary.nn.base import Model
from bestiary.nn.context import Context, padding
from bestiary.nn.convolutional import ConvNet
from bestiary.nn.output import Output
from bestiary.nn.stack import Stack


class MapSines(nn.Module):
    """Sines on even coordinates and cosines on odd ones: of the row in the first half, of the column in the second."""

    def __init__(self, node: spec.MapSines, dim: int) -> None:
        super().__init__()
        self.base, self.width = node.base, dim // 2

    def forward(self, seen: Tensor) -> Tensor:
        """Return ``[B, H * W, dim]`` in float64 for places of which ``seen`` ``[B, H, W]`` are no padding."""
        both = [self.waves(seen.double().cumsum(axis), axis) for axis in (1, 2)]
        return torch.cat(both, dim=-1).flatten(1, 2)

    def waves(self, counted: Tensor, axis: int) -> Tensor:
        """Return the waves of places counted along an axis, ``[B, H, W, dim / 2]``."""
        last = counted.narrow(axis, counted.shape[axis] - 1, 1)
        turns = counted / (last + 1e-6) * 2 * math.pi  # so that a line of padding alone is not divided by zero
        exponents = torch.arange(0, self.width, 2, dtype=torch.float64, device=counted.device) / self.width
        angles = turns[..., None] / self.base**exponents
        return torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(-2)


class Detector(Model):
    """A network, an encoder of its last map, a decoder of queries that all are learned."""

    def __init__(self, node: spec.Detector) -> None:
        super().__init__(node)
        self.net = ConvNet(node.net)
        self.project = nn.Conv2d(node.net.dim, node.dim, 1)
        self.position = MapSines(node.position, node.dim)
        self.encoder = Stack(node.encoder, node.dim)
        self.queries = nn.Parameter(torch.empty(node.queries, node.dim))
        self.decoder = Stack(node.decoder, node.dim)
        self.add_heads()

    def forward(self, pixel_values: Tensor, pixel_mask: Tensor | None = None) -> Output:
        """Run the model on images, ``[B, channels, H, W]``.

        ``pixel_mask`` ``[B, H, W]`` has ones for pixels of an image and zeros for what fills it up to the batch's size.
        """
        channels = self.spec.net.channels
        if pixel_values.dim() != 4 or pixel_values.shape[1] != channels or 0 in pixel_values.shape[2:]:
            shape = list(pixel_values.shape)
            raise BestiaryError(f"pixel_values has shape {shape}; this model reads [batch, {channels}, height, width]")
        *maps, last = self.net.maps(pixel_values)
        projected = self.project(last)
        seen = places_seen(pixel_mask, pixel_values, projected)
        x, places = projected.flatten(2).transpose(1, 2), self.position(seen).to(projected.dtype)
        context = Context(torch.arange(x.shape[1], device=x.device)[None], x.shape[1], padding(seen.flatten(1)))
        context.places = places
        memory = self.encoder(x, context)
        asked = self.queries[None]
        context = Context(torch.arange(asked.shape[1], device=x.device)[None], asked.shape[1])
        context.memory, context.memory_keep = memory, padding(seen.flatten(1))
        context.places, context.memory_places, context.maps = asked, places, [*maps, projected]
        answers = self.decoder(torch.zeros_like(asked.expand(len(x), -1, -1)), context)
        return self.answer(answers, context, encoder_last_hidden_state=memory)

    def spread(self, drawn: float) -> None:
        """Scale what was drawn at this deviation to what the norms of a network, which are frozen, do not make up for.

        Kernels keep the spread of what they read (He et al. 2015), matrices that of both sides (Carion et al. 2020,
        appendix A.4); vectors of queries are as wide as those of places.
        """
        for parameter in self.parameters():
            if parameter.dim() == 4:
                parameter.mul_((2 / parameter[0].numel()) ** 0.5 / drawn)
            elif parameter.dim() == 2:
                parameter.mul_((2 / sum(parameter.shape)) ** 0.5 / drawn)
        self.queries.mul_((sum(self.queries.shape) / 2) ** 0.5)


def places_seen(pixel_mask: Tensor | None, pixel_values: Tensor, grid: Tensor) -> Tensor:
    """Return which places of a map are no padding, ``[B, H, W]`` bool: those whose first pixel is none."""
    if pixel_mask is None:
        return torch.ones(len(grid), *grid.shape[2:], dtype=torch.bool, device=grid.device)
    if pixel_mask.shape != (len(pixel_values), *pixel_values.shape[2:]):
        raise BestiaryError(
            f"pixel_mask has shape {list(pixel_mask.shape)}, but pixel_values {list(pixel_values.shape)}; give the mask"
            " that was made with them"
        )
    return F.interpolate(pixel_mask[None].float(), size=grid.shape[2:])[0].bool()
