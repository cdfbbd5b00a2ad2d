"""Sound: how a spectrogram or a waveform becomes the first hidden state, and the positions that go with them."""

from __future__ import annotations

from dataclasses import dataclass

from bestiary.spec.embeddings import Embedding
from bestiary.spec.heads import Head
from bestiary.spec.node import Node
from bestiary.spec.norms import Norm
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


@dataclass(frozen=True)
class TimeNorm(Norm):
    """Each coordinate's mean and variance over all places taken out, a learned gain and offset.

    It is group norm with a group for each channel (Wu and He 2018). Padding counts as any other place.
    """

    eps: float = 1e-5


@dataclass(frozen=True)
class Filter(Node):
    """A convolution over ``kernel`` places, at every ``stride``-th, to ``channels`` numbers; a norm, then GELU."""

    channels: int
    kernel: int
    stride: int
    norm: Norm | None = None
    bias: bool = False


@dataclass(frozen=True)
class ConvolvedPosition(Node):
    """Positions told by neighbors: a convolution over ``kernel`` places and GELU (Baevski et al. 2020, section 2).

    At each of the kernel's places the weights have a learned length and a direction (Salimans and Kingma 2016).
    """

    kernel: int
    groups: int


@dataclass(frozen=True)
class Waveform(Embedding):
    """Samples of sound through filters, each at fewer places, and mapped to vectors (Baevski et al. 2020, section 2).

    ``filtered_norm`` and ``filtered_dropout`` act before and behind that map, ``norm`` and ``dropout`` behind the
    positions. ``masked`` is a learned vector in the place of what the input names.
    """

    filters: tuple[Filter, ...]
    filtered_norm: Norm | None
    position: ConvolvedPosition
    norm: Norm | None = None
    masked: bool = True
    filtered_dropout: float = 0.0
    dropout: float = 0.0


@dataclass(frozen=True)
class CTCHead(Head):
    """For each place of a sound, a score for each of ``vocab`` letters, one of them a blank (Graves et al. 2006).

    What is written are the letters as they change, without blanks: a letter twice has a blank between.
    """

    vocab: int
    blank: int = 0
    dropout: float = 0.0


@dataclass(frozen=True)
class MeanClassifier(Head):
    """Scores of ``labels`` from the mean of all real places, each mapped to ``width`` numbers first."""

    labels: int
    width: int = 256


@dataclass(frozen=True)
class QuantizedTargets(Head):
    """What is predicted and what predicts it, ``width`` numbers each (Baevski et al. 2020, sections 2 and 3.2).

    The first is an entry of each of ``groups`` codebooks, chosen by what the filters gave and mapped from ``code``
    numbers together; the second is mapped from the hidden state. In training entries are drawn by the Gumbel softmax
    (Jang et al. 2016).
    """

    groups: int
    entries: int
    code: int
    width: int
    dropout: float = 0.0


@dataclass(frozen=True)
class UnitScores(Head):
    """For each place of a sound, a score for each of ``units`` hidden units (Hsu et al. 2021, section II-E).

    It is the cosine of a map of the hidden state to ``width`` numbers and of the unit's own vector, over 0.1.
    """

    units: int
    width: int


def samples_for(filters: tuple[Filter, ...], places: int) -> int:
    """Return how many samples fill so many places behind filters, at the least."""
    for one in reversed(filters):
        places = (places - 1) * one.stride + one.kernel
    return places
