"""Squeezed blocks, convolutions that merge maps, and attention whose queries a whole map tells."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bestiary import spec
from bestiary.nn.attention import Attention
from bestiary.nn.context import Context
from bestiary.nn.norms import norm


def squeezed(channels: int) -> int:
    """Return a quarter of the channels, to a multiple of eight that is not a tenth less."""
    width = max(8, (channels // 4 + 4) // 8 * 8)
    return width + 8 if width < 0.9 * channels / 4 else width


class SqueezedBlock(nn.Module):
    """A convolution of each channel, a gate of channels by what the whole map holds, a map of channels; a shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.deep = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        self.squeeze = nn.Linear(channels, squeezed(channels), bias=False)
        self.excite = nn.Linear(squeezed(channels), channels, bias=False)
        self.out = nn.Linear(channels, channels, bias=False)

    def forward(self, grid: Tensor) -> Tensor:
        """Map ``[B, H, W, C]`` to the same shape."""
        h = F.gelu(self.deep(grid.movedim(-1, 1)).movedim(1, -1))
        gate = torch.sigmoid(self.excite(F.gelu(self.squeeze(h.mean((1, 2), keepdim=True)))))
        return grid + self.out(h * gate)


class ConvShrink(nn.Module):
    """A block and a convolution in steps of two, norms around both."""

    def __init__(self, node: spec.Norm, inputs: int, outputs: int) -> None:
        super().__init__()
        self.norm_in, self.block = norm(node, inputs), SqueezedBlock(inputs)
        self.reduce = nn.Conv2d(inputs, outputs, 3, 2, 1, bias=False)
        self.norm_out = norm(node, outputs)

    def forward(self, grid: Tensor) -> Tensor:
        """Map ``[B, H, W, C]`` to ``[B, H / 2, W / 2, outputs]``."""
        grid = self.block(self.norm_in(grid))
        return self.norm_out(self.reduce(grid.movedim(-1, 1)).movedim(1, -1))


class GlobalQueryAttention(Attention):
    """Attention whose queries the context gives."""

    def __init__(self, node: spec.Attention, dim: int) -> None:
        super().__init__(node, dim)
        del self.q

    def forward(self, x: Tensor, context: Context) -> Tensor:
        """Map ``[B * windows, T, dim]`` to the same shape."""
        asked = context.asked
        assert asked is not None
        q = self.split(asked.repeat_interleave(len(x) // len(asked), 0), self.heads)
        k, v = self.split(self.k(x), self.heads), self.split(self.v(x), self.heads)
        return self.attend(q, k, v, self.bias(q, k, context))
