"""Changes of a map's resolution by a factor of two."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn import functional as F

from bestiary import spec

Size = tuple[int, int] | None
"""Height and width that a map must come out with, where halving and doubling would not bring them back."""


class ConvDown(nn.Module):
    """A convolution of stride two, zeros around."""

    def __init__(self, dim: int, entering: int | None = None) -> None:
        super().__init__()
        self.conv = nn.Conv2d(entering or dim, dim, 3, stride=2, padding=1)

    def forward(self, x: Tensor, size: Size = None) -> Tensor:
        """Map ``[B, dim, H, W]`` to half the height and width."""
        return self.conv(x)


class CornerConvDown(nn.Module):
    """A convolution of stride two, zeros at the right and the bottom."""

    def __init__(self, dim: int, entering: int | None = None) -> None:
        super().__init__()
        self.conv = nn.Conv2d(entering or dim, dim, 3, stride=2)

    def forward(self, x: Tensor, size: Size = None) -> Tensor:
        """Map ``[B, dim, H, W]`` to half the height and width."""
        return self.conv(F.pad(x, (0, 1, 0, 1)))


class PoolDown(nn.Module):
    """The mean of four pixels."""

    def __init__(self, dim: int) -> None:
        super().__init__()

    def forward(self, x: Tensor, size: Size = None) -> Tensor:
        """Map ``[B, dim, H, W]`` to half the height and width."""
        return F.avg_pool2d(x, 2)


class MaxDown(nn.Module):
    """The greatest of four pixels."""

    def __init__(self, dim: int) -> None:
        super().__init__()

    def forward(self, x: Tensor, size: Size = None) -> Tensor:
        """Map ``[B, dim, H, W]`` to half the height and width."""
        return F.max_pool2d(x, 2)


class NearestUp(nn.Module):
    """Each pixel four times."""

    def __init__(self, dim: int) -> None:
        super().__init__()

    def forward(self, x: Tensor, size: Size = None) -> Tensor:
        """Map ``[B, dim, H, W]`` to twice the height and width, or to a size."""
        height, width = x.shape[-2:]
        return F.interpolate(x, size=size or (2 * height, 2 * width), mode="nearest")


class ConvUp(NearestUp):
    """Each pixel four times, and a convolution."""

    def __init__(self, dim: int) -> None:
        super().__init__(dim)
        self.conv = nn.Conv2d(dim, dim, 3, padding=1)

    def forward(self, x: Tensor, size: Size = None) -> Tensor:
        """Map ``[B, dim, H, W]`` to twice the height and width, or to a size."""
        return self.conv(super().forward(x, size))


class TransposedConvUp(nn.Module):
    """A transposed convolution of stride two, cut at the right and the bottom."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose2d(dim, dim, 3, stride=2)

    def forward(self, x: Tensor, size: Size = None) -> Tensor:
        """Map ``[B, dim, H, W]`` to twice the height and width, or to a size not above one more."""
        height, width = size or (2 * x.shape[-2], 2 * x.shape[-1])
        return self.conv(x)[..., :height, :width]


RESAMPLES: dict[type[spec.Resample], Callable[..., nn.Module]] = {
    spec.ConvDown: ConvDown,
    spec.CornerConvDown: CornerConvDown,
    spec.PoolDown: PoolDown,
    spec.MaxDown: MaxDown,
    spec.NearestUp: NearestUp,
    spec.ConvUp: ConvUp,
    spec.TransposedConvUp: TransposedConvUp,
}
