"""The log-mel spectrogram: the strength of a sound in bands of pitch, some hundred times a second."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

HIGHEST = 8000.0
"""Hertz, the upper end of the last band, which is half the usual rate."""
RANGE = 8.0
"""Powers of ten below the strongest place of a sound, at which all that is weaker is held."""


def log_mel(sounds: Tensor, mels: int, rate: int, window: int, hop: int) -> Tensor:
    """Return what ``[B, samples]`` hold in each band, ``[B, mels, samples / hop]`` (Radford et al. 2022, section 2.2).

    Strengths are powers, their logarithms held within 8 of the largest of each sound, and scaled to about -1 to 1.
    """
    waves = torch.stft(sounds, window, hop, window=torch.hann_window(window, device=sounds.device), return_complex=True)
    power = (waves[..., :-1].abs() ** 2).contiguous()
    strength = bands(mels, rate, window).to(sounds.device) @ power
    logs = strength.clamp(min=1e-10).log10()
    logs = torch.maximum(logs, logs.amax(dim=(1, 2), keepdim=True) - RANGE)
    return (logs + 4.0) / 4.0


@lru_cache(maxsize=4)
def bands(mels: int, rate: int, window: int) -> Tensor:
    """Return how much of each frequency a band takes, ``[mels, window / 2 + 1]``.

    Triangles on Slaney's scale of pitch (Auditory Toolbox, 1998), even below 1,000 hertz and logarithmic above, each of
    the same area.
    """
    frequencies = torch.linspace(0, rate // 2, window // 2 + 1, dtype=torch.float64)
    edges = _hertz(torch.linspace(0, float(_pitch(torch.tensor([HIGHEST]).double())), mels + 2, dtype=torch.float64))
    widths = edges.diff()
    away = edges[:, None] - frequencies
    rising, falling = -away[:-2] / widths[:-1, None], away[2:] / widths[1:, None]
    triangles = torch.minimum(rising, falling).clamp(min=0)
    return (triangles * (2.0 / (edges[2:] - edges[:-2]))[:, None]).float()


def _pitch(hertz: Tensor) -> Tensor:
    step = 27.0 / torch.log(torch.tensor(6.4, dtype=torch.float64))
    return torch.where(hertz < 1000, 3 * hertz / 200, 15 + torch.log(hertz.clamp(min=1000) / 1000) * step)


def _hertz(pitch: Tensor) -> Tensor:
    step = torch.log(torch.tensor(6.4, dtype=torch.float64)) / 27.0
    return torch.where(pitch < 15, 200 * pitch / 3, 1000 * torch.exp(step * (pitch - 15)))
