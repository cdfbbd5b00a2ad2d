"""Sound: files opened safely, brought to a model's rate, and made into what it hears."""

from __future__ import annotations

from bestiary.data.audio.hearing import SpectrogramReader, WaveformReader, read_hearing, usual_hearing
from bestiary.data.audio.resample import resample
from bestiary.data.audio.sound import read_sound, tone
from bestiary.data.audio.wav import read_wav

__all__ = [
    "SpectrogramReader",
    "WaveformReader",
    "read_hearing",
    "read_sound",
    "read_wav",
    "resample",
    "tone",
    "usual_hearing",
]
