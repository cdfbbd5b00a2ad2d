"""Another rate of sampling: the sound that the samples stand for, cut off above half of the lower rate, read anew."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

CROSSINGS = 32
"""Zeros of the filter on either side: the more, the sharper it cuts."""
BETA = 9.0
"""Of Kaiser's window: what lies above the cut is some 90 dB down."""
SHARE = 0.94
"""Of half the lower rate, up to which the filter passes; the rest is its slope."""
BLOCK = 1 << 14


def resample(sound: Tensor, old: int, new: int) -> Tensor:
    """Return a sound, ``[..., samples]``, at ``new`` samples a second; it lasts as long as before, rounded up.

    A windowed sinc in one of so many phases for each new sample (Smith, Digital Audio Resampling).
    """
    if old == new:
        return sound
    common = math.gcd(old, new)
    up, down = new // common, old // common
    kernel = _phases(up, down).to(sound.device)
    taps = kernel.shape[1]
    length = -(-sound.shape[-1] * up // down)
    padded = F.pad(sound, (taps // 2 - 1, taps // 2 + 1))
    pieces: list[Tensor] = []
    for first in range(0, length, BLOCK):
        place = torch.arange(first, min(first + BLOCK, length), device=sound.device) * down
        rows = (place // up)[:, None] + torch.arange(taps, device=sound.device)
        pieces.append((padded[..., rows] * kernel[place % up]).sum(-1))
    return torch.cat(pieces, dim=-1)


@lru_cache(maxsize=4)
def _phases(up: int, down: int) -> Tensor:
    """Return the filter for each place that a new sample can have between two old ones, ``[up, taps]``."""
    cut = SHARE * min(1.0, up / down)
    half = math.ceil(CROSSINGS / cut)
    phase = torch.arange(up, dtype=torch.float64)[:, None] / up
    away = torch.arange(1 - half, half + 1, dtype=torch.float64) - phase
    inside = (1 - (away / half) ** 2).clamp(min=0)
    window = torch.special.i0(BETA * inside.sqrt()) / torch.special.i0(torch.tensor(BETA, dtype=torch.float64))
    kernel = cut * torch.sinc(cut * away) * window
    return (kernel / kernel.sum(1, keepdim=True)).float()  # a constant stays what it is
