"""How a predicted image is held within the range of real ones: by a bound, or by its own pixels."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Percentile:
    """Dynamic thresholding (Saharia et al. 2022, section 2.3): so large a ``share`` of an image's pixels is not cut.

    The rest is, and all is divided by the size at which it was, if that is more than one: so pixels near the ends of
    the range are pushed inwards.
    """

    share: float = 0.995


def held(image: Tensor, by: float | Percentile | None) -> Tensor:
    """Return images, ``[B, ...]``, held within a bound of zero, each by its own percentile, or as they are."""
    if by is None:
        return image
    if not isinstance(by, Percentile):
        return image.clamp(-by, by)
    pixels = image.flatten(1).abs()
    pixels = pixels if pixels.dtype == torch.float64 else pixels.float()  # halves have no quantiles
    size = pixels.quantile(by.share, dim=1).clamp(min=1.0).to(image.dtype).view(-1, *[1] * (image.dim() - 1))
    return image.clamp(-size, size) / size
