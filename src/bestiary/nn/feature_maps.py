"""Feature maps: residual blocks, changes of resolution, and stacks that read pixels as tokens."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bestiary import spec
from bestiary.errors import BestiaryError
from bestiary.nn.activations import ACTIVATIONS
from bestiary.nn.context import Context
from bestiary.nn.norms import group_norm
from bestiary.nn.resamples import RESAMPLES, Size
from bestiary.nn.stack import Stack


class ResBlock(nn.Module):
    """Norm, nonlinearity and convolution, twice, beside a shortcut; the time step's vector acts between the two."""

    maps_all = False
    """Whether a shortcut is mapped even where the width stays."""

    def __init__(self, node: spec.ResBlock, entering: int, dim: int, time: int) -> None:
        super().__init__()
        self.activation, self.dropout = ACTIVATIONS[node.activation], node.dropout
        self.scales = isinstance(node.time, spec.ScaleShift)
        self.norm1 = group_norm(node.norm, entering)
        self.resample = None if node.resample is None else RESAMPLES[type(node.resample)](entering)
        self.conv1 = nn.Conv2d(entering, dim, 3, padding=1)
        self.time = None if node.time is None else nn.Linear(time, dim * (1 + self.scales))
        self.norm2 = group_norm(node.norm, dim)
        self.conv2 = nn.Conv2d(dim, dim, 3, padding=1)
        self.shortcut = nn.Conv2d(entering, dim, 1) if self.maps_all or entering != dim else None

    def forward(self, x: Tensor, time: Tensor | None, size: Size = None) -> Tensor:
        """Map ``[B, entering, H, W]`` to ``[B, dim, H, W]``, resampled perhaps; ``time`` is ``[B, time]``."""
        h = self.activation(self.norm1(x))
        if self.resample is not None:
            h, x = self.resample(h, size), self.resample(x, size)
        h = self.told(self.conv1(h), time)
        h = F.dropout(self.activation(h), self.dropout, self.training)
        h = self.conv2(h)
        return self.sum(x if self.shortcut is None else self.shortcut(x), h)

    def sum(self, shortcut: Tensor, h: Tensor) -> Tensor:
        """Return the two sides added."""
        return shortcut + h

    def told(self, h: Tensor, time: Tensor | None) -> Tensor:
        """Return the second norm of a map that is told the time step, before the norm or behind it."""
        if self.time is None:
            return self.norm2(h)
        assert time is not None, "a block that is told the time step was run without one"
        told = self.time(self.activation(time))[:, :, None, None]
        if not self.scales:
            return self.norm2(h + told)
        scale, shift = told.chunk(2, dim=1)
        return self.norm2(h) * (1 + scale) + shift


class ScaledResBlock(ResBlock):
    """The same, its sum scaled."""

    def __init__(self, node: spec.ScaledResBlock, entering: int, dim: int, time: int) -> None:
        super().__init__(node, entering, dim, time)
        self.scale = node.scale

    def sum(self, shortcut: Tensor, h: Tensor) -> Tensor:
        """Return the two sides added, and scaled."""
        return (shortcut + h) * self.scale


class MappedResBlock(ScaledResBlock):
    """The same with a linear map on every shortcut."""

    maps_all = True


class GainBlock(nn.Module):
    """ReLU and convolution, several times, times a constant, beside a shortcut."""

    def __init__(self, node: spec.GainBlock, entering: int, dim: int, time: int) -> None:
        super().__init__()
        widths = (entering, *(dim // 4 for _ in node.kernels[1:]), dim)
        self.gain = node.gain
        self.convs = nn.ModuleList(
            nn.Conv2d(*ends, kernel, padding=kernel // 2)
            for ends, kernel in zip(pairwise(widths), node.kernels, strict=True)
        )
        self.shortcut = nn.Conv2d(entering, dim, 1) if entering != dim else None

    def forward(self, x: Tensor, time: Tensor | None, size: Size = None) -> Tensor:
        """Map ``[B, entering, H, W]`` to ``[B, dim, H, W]``."""
        h = x
        for conv in self.convs:
            h = conv(F.relu(h))
        return (x if self.shortcut is None else self.shortcut(x)) + self.gain * h


BLOCKS: dict[type[Any], Callable[[Any, int, int, int], nn.Module]] = {
    spec.ResBlock: ResBlock,
    spec.ScaledResBlock: ScaledResBlock,
    spec.MappedResBlock: MappedResBlock,
    spec.GainBlock: GainBlock,
}


class PixelStack(nn.Module):
    """A stack that reads the pixels of a map as tokens."""

    def __init__(self, node: spec.PixelStack, dim: int) -> None:
        super().__init__()
        self.stack = Stack(node.stack, dim)

    def forward(self, x: Tensor, read: Context) -> Tensor:
        """Map ``[B, dim, H, W]`` to the same shape, row by row."""
        return picture(self.stack(tokens(x), over(x, read)), x)


class PixelTransformer(nn.Module):
    """The same between two linear maps, behind a norm, added to what entered."""

    def __init__(self, node: spec.PixelTransformer, dim: int) -> None:
        super().__init__()
        self.norm = group_norm(node.norm, dim)
        self.enter, self.leave = nn.Linear(dim, dim), nn.Linear(dim, dim)
        self.stack = Stack(node.stack, dim)

    def forward(self, x: Tensor, read: Context) -> Tensor:
        """Map ``[B, dim, H, W]`` to the same shape, row by row."""
        h = self.stack(self.enter(tokens(self.norm(x))), over(x, read))
        return x + picture(self.leave(h), x)


ATTENDS: dict[type[spec.Attend], Callable[[Any, int], nn.Module]] = {
    spec.PixelStack: PixelStack,
    spec.PixelTransformer: PixelTransformer,
}


def tokens(x: Tensor) -> Tensor:
    """Turn ``[B, dim, H, W]`` into tokens, ``[B, H * W, dim]``, row by row."""
    return x.flatten(2).transpose(1, 2)


def picture(x: Tensor, like: Tensor) -> Tensor:
    """Turn tokens, ``[B, H * W, dim]``, into a map with the height and width of another."""
    return x.transpose(1, 2).unflatten(2, like.shape[-2:])


def over(x: Tensor, read: Context) -> Context:
    """Return the context of a pass over the pixels of a map, which reads what ``read`` does."""
    count = x.shape[-2] * x.shape[-1]
    places = torch.arange(count, device=x.device)[None]
    return Context(places, count, memory=read.memory, memory_keep=read.memory_keep)


class Cell(nn.Module):
    """A residual block, and perhaps attention behind it."""

    def __init__(self, node: spec.Cell, entering: int, dim: int, time: int) -> None:
        super().__init__()
        self.res = BLOCKS[type(node.res)](node.res, entering, dim, time)
        self.attend = None if node.attend is None else ATTENDS[type(node.attend)](node.attend, dim)

    def forward(self, x: Tensor, time: Tensor | None, read: Context) -> Tensor:
        """Map ``[B, entering, H, W]`` to ``[B, dim, H, W]``."""
        x = self.res(x, time)
        return x if self.attend is None else self.attend(x, read)


class Level(nn.Module):
    """Cells of one width, and how the map leaves. ``beside`` is the width of what each cell reads beside its input."""

    def __init__(self, node: spec.Level, entering: int, time: int = 0, beside: tuple[int, ...] = ()) -> None:
        super().__init__()
        widths = [entering, *(node.dim for _ in node.cells)]
        extra = beside or (0,) * len(node.cells)
        self.cells = nn.ModuleList(
            Cell(cell, width + more, node.dim, time)
            for cell, width, more in zip(node.cells, widths, extra, strict=False)
        )
        self.resample = None if node.resample is None else resampling(node.resample, node.dim, time)

    def forward(self, x: Tensor, time: Tensor | None, read: Context) -> Tensor:
        """Map ``[B, entering, H, W]`` to ``[B, dim, H, W]``, resampled perhaps."""
        for cell in self.cells:
            x = cell(x, time, read)
        return self.leave(x, time)

    def leave(self, x: Tensor, time: Tensor | None, size: Size = None) -> Tensor:
        """Resample a map as the level does."""
        if isinstance(self.resample, ResBlock):
            return self.resample(x, time, size)
        return x if self.resample is None else self.resample(x, size)


def resampling(node: spec.Resample | spec.ResBlock, dim: int, time: int) -> nn.Module:
    """Build what changes the resolution between levels."""
    return BLOCKS[type(node)](node, dim, dim, time) if isinstance(node, spec.ResBlock) else RESAMPLES[type(node)](dim)


class ConvTower(nn.Module):
    """Levels in order between two convolutions."""

    def __init__(self, node: spec.ConvTower) -> None:
        super().__init__()
        self.activation, self.channels = ACTIVATIONS[node.activation], node.channels
        self.enter = nn.Conv2d(node.channels, node.dim, 3, padding=1)
        widths = [node.dim, *(level.dim for level in node.levels)]
        self.levels = nn.ModuleList(Level(level, width) for level, width in zip(node.levels, widths, strict=False))
        self.norm = group_norm(node.norm, widths[-1])
        self.leave = nn.Conv2d(widths[-1], node.out, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[B, channels, H, W]`` to ``[B, out, H', W']``."""
        x, read = self.enter(x), nothing_read(x)
        for level in self.levels:
            x = level(x, None, read)
        return self.leave(self.activation(self.norm(x)))


def nothing_read(x: Tensor) -> Context:
    """Return a context that holds no vectors to look at."""
    return Context(torch.arange(1, device=x.device)[None], 1)


def checked_map(name: str, x: Tensor, channels: int) -> None:
    """Raise ``BestiaryError`` where a tensor is no batch of maps of so many channels."""
    if x.dim() != 4 or x.shape[1] != channels:
        raise BestiaryError(f"{name} has shape {list(x.shape)}; give [batch, {channels}, height, width]")
