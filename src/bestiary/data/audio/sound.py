"""A sound as models take it: one channel at their rate, read off a file or made up."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Tensor

from bestiary.data.audio.resample import resample
from bestiary.data.audio.wav import read_wav


def read_sound(path: str | Path, rate: int) -> Tensor:
    """Return the sound in a WAV file as ``[samples]`` at ``rate`` hertz, the mean of its channels."""
    sound, own = read_wav(path)
    return resample(sound.mean(0), own, rate)


def tone(seconds: float, rate: int, pitch: float = 440.0) -> Tensor:
    """Return a sine of ``pitch`` hertz that swells and fades, ``[samples]``."""
    time = torch.arange(max(1, round(seconds * rate)), dtype=torch.float64) / rate
    return (0.3 * torch.sin(2 * math.pi * pitch * time) * torch.sin(math.pi * time / seconds)).float()
