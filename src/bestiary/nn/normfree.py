"""Residual networks without norms: standardized kernels, branches scaled by what is expected of them."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bestiary import spec
from bestiary.nn.convolutional import Network
from bestiary.spec.normfree import STEM

GAIN = 1.7015043497085571
"""What keeps the variance behind a GELU (published code of Brock et al. 2021)."""


def scaled_gelu(x: Tensor) -> Tensor:
    """Return GELU times the number that leaves the variance of normal numbers as it was."""
    return GAIN * F.gelu(x)


class StandardizedConvolution(nn.Conv2d):
    """A convolution whose kernels are standardized over what each output reads, with a gain for each output.

    It keeps the map's size but for its stride; where one side needs more zeros than the other, that is the right.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, eps: float, stride: int = 1, groups: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride, groups=groups)
        self.eps = eps
        self.gain = nn.Parameter(torch.ones(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[B, inputs, H, W]`` to ``[B, outputs, H / stride, W / stride]``, rounded up."""
        rows = self.weight.flatten(1)
        variance, mean = torch.var_mean(rows, dim=1, correction=0, keepdim=True)
        scale = self.gain[:, None] * (rows.shape[1] * (variance + self.eps)).rsqrt()
        weight = ((rows - mean) * scale).view_as(self.weight)
        kernel, stride = self.kernel_size[0], self.stride[0]
        zeros = [max((-(-side // stride) - 1) * stride + kernel - side, 0) for side in (x.shape[3], x.shape[2])]
        x = F.pad(x, [part for many in zeros for part in (many // 2, many - many // 2)])
        return F.conv2d(x, weight, self.bias, self.stride, groups=self.groups)

    def fill_scales(self) -> None:
        """Set gains to what they are at first."""
        self.gain.fill_(1.0)


class Weighing(nn.Module):
    """Channels weighed by what their means say of one another (Hu et al. 2017)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.squeeze, self.excite = nn.Linear(channels, channels // 2), nn.Linear(channels // 2, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[B, channels, H, W]`` to the same shape."""
        return x * self.excite(F.relu(self.squeeze(x.mean((2, 3))))).sigmoid()[:, :, None, None]


class Block(nn.Module):
    """Convolutions of 1, 3, 3 and 1 beside a shortcut."""

    def __init__(self, inputs: int, width: int, stride: int, deviation: float, net: spec.NormFreeNet) -> None:
        super().__init__()
        inner, groups = width // 2, width // 2 // net.group
        self.deviation, self.alpha, self.stride = deviation, net.alpha, stride
        self.conv1 = StandardizedConvolution(inputs, inner, 1, net.eps)
        self.conv2 = StandardizedConvolution(inner, inner, 3, net.eps, stride, groups)
        self.conv3 = StandardizedConvolution(inner, inner, 3, net.eps, 1, groups)
        self.conv4 = StandardizedConvolution(inner, width, 1, net.eps)
        self.weighing = Weighing(width)
        self.skip = nn.Parameter(torch.zeros(()))
        changes = stride > 1 or inputs != width
        self.shortcut = StandardizedConvolution(inputs, width, 1, net.eps) if changes else None

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[B, inputs, H, W]`` to ``[B, width, H, W]``, or half as high and wide."""
        h = scaled_gelu(x) / self.deviation
        if self.shortcut is not None:
            pooled = h if self.stride == 1 else F.avg_pool2d(h, 2, ceil_mode=True, count_include_pad=False)
            x = self.shortcut(pooled)
        h = self.conv2(scaled_gelu(self.conv1(h)))
        h = self.conv4(scaled_gelu(self.conv3(scaled_gelu(h))))
        return x + self.alpha * self.skip * 2 * self.weighing(h)  # two keeps the variance behind the weighing


class NormFreeNet(Network):
    """A stem of four convolutions, stages, and a last convolution."""

    def __init__(self, node: spec.NormFreeNet) -> None:
        super().__init__(node)
        widths = [node.channels, *(node.stem // share for share in STEM)]
        pairs = zip(widths, widths[1:], (2, 1, 1, 2), strict=False)
        self.stem = nn.ModuleList(StandardizedConvolution(a, b, 3, node.eps, stride) for a, b, stride in pairs)
        self.blocks, inputs, variance = nn.ModuleList(), node.stem, 1.0
        for number, stage in enumerate(node.stages):
            for index in range(stage.blocks):
                stride = 2 if number and not index else 1
                self.blocks.append(Block(inputs, stage.width, stride, variance**0.5, node))
                # A stage's first block begins its variance anew: the shortcut reads what was divided.
                variance = (variance if index else 1.0) + node.alpha**2
                inputs = stage.width
        self.last = StandardizedConvolution(inputs, node.dim, 1, node.eps)
        self.add_heads()

    def features(self, pixel_values: Tensor) -> Tensor:
        """Return the last map, ``[B, dim, H / shrinks, W / shrinks]``."""
        x = self.checked(pixel_values)
        for number, convolution in enumerate(self.stem):
            x = convolution(scaled_gelu(x) if number else x)
        for block in self.blocks:
            x = block(x)
        return scaled_gelu(self.last(x))
