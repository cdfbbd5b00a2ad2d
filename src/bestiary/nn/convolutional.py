"""Residual networks of bottleneck blocks."""

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
from bestiary.spec.convolutional import WIDENING


class BatchNorm(nn.Module):
    """Statistics of the batch while it is trained, kept ones else."""

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, node: spec.MapNorm, channels: int) -> None:
        super().__init__()
        self.eps = node.eps
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.empty(channels))
        self.register_buffer("running_var", torch.empty(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[B, channels, H, W]`` to the same shape."""
        mean, variance = self.running_mean, self.running_var
        return F.batch_norm(x, mean, variance, self.weight, self.bias, self.training, 0.1, self.eps)

    def constants(self) -> dict[str, Tensor]:
        """Return the kept statistics where no file says them."""
        shape = self.running_mean.shape
        return {"running_mean": torch.zeros(shape), "running_var": torch.ones(shape)}


class FrozenBatchNorm(nn.Module):
    """A gain and an offset for each channel, made of four constants."""

    weight: Tensor
    bias: Tensor
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, node: spec.MapNorm, channels: int) -> None:
        super().__init__()
        self.eps = node.eps
        for name in ("weight", "bias", "running_mean", "running_var"):
            self.register_buffer(name, torch.empty(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[B, channels, H, W]`` to the same shape."""
        gain = self.weight * (self.running_var + self.eps).rsqrt()
        offset = self.bias - self.running_mean * gain
        return x * gain[:, None, None] + offset[:, None, None]

    def constants(self) -> dict[str, Tensor]:
        """Return what changes nothing."""
        ones, zeros = torch.ones(self.weight.shape), torch.zeros(self.weight.shape)
        return {"weight": ones, "bias": zeros, "running_mean": zeros, "running_var": ones}


def convolution(inputs: int, outputs: int, kernel: int, stride: int = 1, dilation: int = 1) -> nn.Conv2d:
    """Build a convolution that keeps the map's size but for its stride, without a bias: a norm follows."""
    return nn.Conv2d(inputs, outputs, kernel, stride, dilation * (kernel // 2), dilation, bias=False)


class PoolStem(nn.Module):
    """A wide convolution and the greatest of each neighborhood."""

    def __init__(self, node: spec.PoolStem, net: spec.ConvNet) -> None:
        super().__init__()
        self.conv1, self.norm1 = convolution(net.channels, node.width, 7, 2), map_norm(net.norm, node.width)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[B, channels, H, W]`` to ``[B, width, H / 4, W / 4]``."""
        return F.max_pool2d(F.relu(self.norm1(self.conv1(x))), 3, 2, 1)


class DeepStem(nn.Module):
    """Three small convolutions and the mean of each neighborhood."""

    def __init__(self, node: spec.DeepStem, net: spec.ConvNet) -> None:
        super().__init__()
        half = node.width // 2
        self.conv1, self.norm1 = convolution(net.channels, half, 3, 2), map_norm(net.norm, half)
        self.conv2, self.norm2 = convolution(half, half, 3), map_norm(net.norm, half)
        self.conv3, self.norm3 = convolution(half, node.width, 3), map_norm(net.norm, node.width)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[B, channels, H, W]`` to ``[B, width, H / 4, W / 4]``."""
        x = F.relu(self.norm1(self.conv1(x)))
        x = F.relu(self.norm2(self.conv2(x)))
        return F.avg_pool2d(F.relu(self.norm3(self.conv3(x))), 2)


class Bottleneck(nn.Module):
    """Convolutions of 1, 3 and 1 beside a shortcut."""

    def __init__(
        self, inputs: int, width: int, halving: spec.Halving | None, norm: spec.MapNorm, dilation: int = 1
    ) -> None:
        super().__init__()
        outputs, stride = WIDENING * width, 2 if isinstance(halving, spec.Strided) else 1
        self.averages = isinstance(halving, spec.Averaged)
        self.conv1, self.norm1 = convolution(inputs, width, 1), map_norm(norm, width)
        self.conv2, self.norm2 = convolution(width, width, 3, stride, dilation), map_norm(norm, width)
        self.conv3, self.norm3 = convolution(width, outputs, 1), map_norm(norm, outputs)
        changes = halving is not None or inputs != outputs
        self.shortcut = convolution(inputs, outputs, 1, stride) if changes else None
        self.shortcut_norm = map_norm(norm, outputs) if changes else None

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[B, inputs, H, W]`` to ``[B, 4 width, H, W]``, or half as high and wide."""
        h = F.relu(self.norm1(self.conv1(x)))
        h = F.relu(self.norm2(self.conv2(h)))
        if self.averages:
            x, h = F.avg_pool2d(x, 2), F.avg_pool2d(h, 2)
        if self.shortcut is not None and self.shortcut_norm is not None:
            x = self.shortcut_norm(self.shortcut(x))
        return F.relu(x + self.norm3(self.conv3(h)))


class Stage(nn.Module):
    """Blocks of one width, the first of which may halve the map."""

    def __init__(self, node: spec.Stage, inputs: int, norm: spec.MapNorm) -> None:
        super().__init__()
        outputs, dilation = WIDENING * node.width, 2 if isinstance(node, spec.DilatedStage) else 1
        blocks = [Bottleneck(inputs, node.width, node.halving, norm)]
        blocks += [Bottleneck(outputs, node.width, None, norm, dilation) for _ in range(node.blocks - 1)]
        self.blocks = nn.ModuleList(blocks)

    def forward(self, x: Tensor) -> Tensor:
        """Run the blocks."""
        for block in self.blocks:
            x = block(x)
        return x


class Network(Model):
    """A network over images, whose last map's places are tokens."""

    def forward(self, pixel_values: Tensor) -> Output:
        """Run the model on images, ``[B, channels, H, W]``; the last map's places are tokens, ``[B, places, dim]``."""
        x = self.features(pixel_values).flatten(2).transpose(1, 2)
        return self.answer(x, Context(torch.arange(x.shape[1], device=x.device)[None], x.shape[1]))

    def features(self, pixel_values: Tensor) -> Tensor:
        """Return the last map, ``[B, dim, H / shrinks, W / shrinks]``."""
        raise NotImplementedError

    def checked(self, pixel_values: Tensor) -> Tensor:
        """Refuse images of another size than the model reads, where it reads one."""
        wanted = (self.spec.channels, self.spec.image, self.spec.image)
        if self.spec.image is not None and pixel_values.shape[1:] != wanted:
            raise BestiaryError(
                f"pixel_values has shape {list(pixel_values.shape)}; this model reads"
                f" [batch, {', '.join(map(str, wanted))}]: resize the image first"
            )
        return pixel_values


class ConvNet(Network):
    """A stem and its stages."""

    def __init__(self, node: spec.ConvNet) -> None:
        super().__init__(node)
        self.stem = _STEMS[type(node.stem)](node.stem, node)
        widths = [node.stem.width, *(WIDENING * stage.width for stage in node.stages)]
        stages = zip(node.stages, widths, strict=False)
        self.stages = nn.ModuleList(Stage(stage, inputs, node.norm) for stage, inputs in stages)
        self.add_heads()

    def features(self, pixel_values: Tensor) -> Tensor:
        """Return the last map, ``[B, dim, H / shrinks, W / shrinks]``."""
        return self.maps(self.checked(pixel_values))[-1]

    def maps(self, pixel_values: Tensor) -> list[Tensor]:
        """Return the map of each stage, ``[B, channels, H, W]``."""
        x, maps = self.stem(pixel_values), list[Tensor]()
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


def map_norm(node: spec.MapNorm, channels: int) -> nn.Module:
    """Build the norm of a map's channels."""
    return FrozenBatchNorm(node, channels) if isinstance(node, spec.FrozenBatchNorm) else BatchNorm(node, channels)


_STEMS: dict[type[spec.Stem], Callable[[Any, spec.ConvNet], nn.Module]] = {
    spec.PoolStem: PoolStem,
    spec.DeepStem: DeepStem,
}
