"""Sound: how a spectrogram or a waveform becomes the first hidden state, and the positions that go with them."""

from __future__ import annotations

from dataclasses import dataclass

from bestiary.spec.embeddings import Embedding
from bestiary.spec.positions import EmbeddingPosition


@dataclass(frozen=True)
class SinusoidalRange(EmbeddingPosition):
    """Fixed sines in the first half and cosines in the second, their wavelengths from 2 pi to 10,000 times that.

    Both ends are among them, as in tensor2tensor (Vaswani et al. 2018); the first paper's formula stops short of the
    last. There are ``length`` positions, which checkpoints hold beside what was learned: kept, not trained and not
    counted.
    """

    length: int


@dataclass(frozen=True)
class Spectrogram(Embedding):
    """A log-mel spectrogram of ``mels`` bands through two convolutions over three frames (Radford et al. 2022, 2.2).

    Each is followed by GELU, and the second takes every other frame, so that the positions say how long the spectrogram
    is: twice as many frames as they are.
    """

    mels: int
    position: SinusoidalRange
    dropout: float = 0.0
