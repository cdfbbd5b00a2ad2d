"""U-Nets whose levels halve their map as they enter, and double it as they leave."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bestiary import spec
from bestiary.nn.activations import ACTIVATIONS
from bestiary.nn.context import Context
from bestiary.nn.feature_maps import Cell
from bestiary.nn.norms import group_norm
from bestiary.nn.resamples import RESAMPLES
from bestiary.nn.unet import Denoiser


class Modulation(nn.Module):
    """A map normed, then scaled and shifted by what blocks are told."""

    def __init__(self, node: spec.Modulation, dim: int, told: int, activation: spec.Activation) -> None:
        super().__init__()
        self.activation = ACTIVATIONS[activation]
        self.norm = group_norm(node.norm, dim)
        self.told = nn.Linear(told, 2 * dim)

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        """Map ``[B, dim, H, W]`` to the same shape; ``told`` is ``[B, told]``."""
        scale, shift = self.told(self.activation(told))[:, :, None, None].chunk(2, dim=1)
        return self.norm(x) * (1 + scale) + shift


class DownLevel(nn.Module):
    """A level that halves its map as it enters."""

    def __init__(self, node: spec.DownLevel, entering: int, told: int, activation: spec.Activation) -> None:
        super().__init__()
        self.enter = RESAMPLES[type(node.enter)](node.dim, entering)
        self.told = Modulation(node.told, node.dim, told, activation)
        self.cells = nn.ModuleList(Cell(cell, node.dim, node.dim, 0) for cell in node.cells)

    def forward(self, x: Tensor, told: Tensor, read: Context) -> Tensor:
        """Map ``[B, entering, H, W]`` to half the height and width."""
        x = self.told(self.enter(x), told)
        for cell in self.cells:
            x = cell(x, None, read)
        return x


class UpLevel(nn.Module):
    """A level that doubles its map as it leaves; ``entering`` counts the channels of both maps that it reads."""

    def __init__(self, node: spec.UpLevel, entering: int, told: int, activation: spec.Activation) -> None:
        super().__init__()
        self.told = Modulation(node.told, entering, told, activation)
        widths = [entering, *(node.dim for _ in node.cells)]
        self.cells = nn.ModuleList(
            Cell(cell, width, node.dim, 0) for cell, width in zip(node.cells, widths, strict=False)
        )
        self.leave = RESAMPLES[type(node.leave)](node.dim)

    def forward(self, x: Tensor, beside: Tensor, told: Tensor, read: Context, size: tuple[int, int]) -> Tensor:
        """Map two maps of one height and width to another one of a size."""
        x = self.told(torch.cat((x, beside), dim=1), told)
        for cell in self.cells:
            x = cell(x, None, read)
        return self.leave(x, size)


class EfficientUNet(Denoiser):
    """A model of noisy maps that computes on halved ones."""

    def __init__(self, node: spec.EfficientUNet) -> None:
        super().__init__(node)
        told, width = node.time.hidden, node.dim
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        for level in node.down:
            self.down.append(DownLevel(level, width, told, node.activation))
            width = level.dim
        for level, opposite in zip(node.up, reversed(node.down), strict=True):
            self.up.append(UpLevel(level, width + opposite.dim, told, node.activation))
            width = level.dim
        self.leave = nn.Conv2d(width, node.out, 1)

    def run(self, x: Tensor, time: Tensor, read: Context) -> Tensor:
        """Take a map, ``[B, dim, H, W]``, down the levels and up again."""
        kept: list[tuple[Tensor, tuple[int, int]]] = []
        for level in self.down:
            size = (x.shape[-2], x.shape[-1])
            x = level(x, time, read)
            kept.append((x, size))
        for level in self.up:
            beside, size = kept.pop()
            x = level(x, beside, time, read, size)
        return x
