"""Models that take noise out of images: U-Nets, autoencoders, noise schedules, and pipelines of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from bestiary.spec.feature_maps import ConvTower, GroupNorm, Level
from bestiary.spec.models import Model, Transformer
from bestiary.spec.node import Node
from bestiary.spec.ops import Activation


@dataclass(frozen=True)
class TimeSines(Node):
    """Sines, then cosines, of a time step, at frequencies from 1 to 1 / 10,000 (Ho et al. 2020, published code)."""


@dataclass(frozen=True)
class TimeCosines(Node):
    """Cosines, then sines; frequencies end a step before 1 / 10,000 (Nichol and Dhariwal 2021, published code)."""


@dataclass(frozen=True)
class TimeRange(Node):
    """Cosines, then sines, at frequencies from 1 to 1 / 10,000 (as released with the folders of DiT)."""


@dataclass(frozen=True)
class TimeEmbedding(Node):
    """What residual blocks know of the time step: its waves through two linear maps.

    ``width`` is that of the waves, the model's unless said.
    """

    waves: TimeSines | TimeCosines
    hidden: int
    width: int | None = None


@dataclass(frozen=True)
class Condition(Node):
    """Something else that residual blocks know: a vector added to that of the time step."""


@dataclass(frozen=True)
class ClassCondition(Condition):
    """A learned vector for each class (Nichol and Dhariwal 2021)."""

    classes: int


@dataclass(frozen=True)
class UNet(Model):
    """Levels down and up again; each cell on the way up reads what stands opposite (Ronneberger et al. 2015).

    It reads a noisy map of ``channels``, and answers one of ``out``, for the time step that it is told. What enters
    the first level, and what leaves each cell and each resampling on the way down, is kept; each cell on the way up
    reads the last of it that none has read, beside its input, so a level has a cell more than the one opposite.
    ``size`` is the side of the maps that it was trained on. ``conditions`` are added to the vector of the time step.
    """

    channels: int
    out: int
    size: int
    time: TimeEmbedding
    down: tuple[Level, ...]
    middle: Level
    up: tuple[Level, ...]
    norm: GroupNorm
    activation: Activation = "silu"
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True)
class Code(Node):
    """What stands between the two sides of an autoencoder, at each place of the latent map.

    ``scale`` multiplies latents to bring them to unit variance before noise is added (Rombach et al. 2021, section
    4.3.2, appendix G).
    """

    scale: float = 1.0


@dataclass(frozen=True)
class Gaussian(Code):
    """A normal distribution (Kingma and Welling 2013)."""


@dataclass(frozen=True)
class Codebook(Code):
    """The nearest of ``entries`` learned vectors (van den Oord et al. 2017; Esser et al. 2020, section 3.1)."""

    entries: int = field(kw_only=True)


@dataclass(frozen=True)
class Autoencoder(Model):
    """An encoder of images to maps of ``dim`` channels, and a decoder; linear maps stand before and behind the code.

    ``size`` is the side of the images that it was trained on.
    """

    size: int
    encoder: ConvTower
    code: Gaussian | Codebook
    decoder: ConvTower


@dataclass(frozen=True)
class Betas(Node):
    """How much noise each step adds: the variance of the noise that is mixed in."""


@dataclass(frozen=True)
class LinearBetas(Betas):
    """Variances that grow evenly (Ho et al. 2020, section 4)."""

    start: float
    end: float


@dataclass(frozen=True)
class ScaledLinearBetas(Betas):
    """Variances whose roots grow evenly (Rombach et al. 2021, published code)."""

    start: float
    end: float


@dataclass(frozen=True)
class CosineBetas(Betas):
    """What is left of the image falls as the square of a cosine (Nichol and Dhariwal 2021, section 3.2).

    It starts ``offset`` off its top, so that the first variances do not vanish; none is more than ``most``.
    """

    offset: float = 0.008
    most: float = 0.999


@dataclass(frozen=True)
class Schedule(Node):
    """How noise is added in ``steps``, and what a model predicts at each: the noise, the image or the velocity.

    Velocity is noise and image, each weighed by the other's share (Salimans and Ho 2022, appendix D).
    """

    betas: Betas
    steps: int = 1000
    predicts: Literal["noise", "image", "velocity"] = "noise"


@dataclass(frozen=True)
class PixelDiffusion(Model):
    """A U-Net that takes noise out of images themselves, and the schedule of that noise (Ho et al. 2020).

    It answers a map of what it predicts, and perhaps a second one behind it, of how much noise a step adds (Nichol and
    Dhariwal 2021, section 3.1), which DDIM does not read.
    """

    unet: UNet
    schedule: Schedule


@dataclass(frozen=True)
class LatentDiffusion(Model):
    """A text tower, a U-Net that takes noise out of latent maps, and the autoencoder of these (Rombach et al. 2021).

    ``dim`` is the width of the text's vectors, which the U-Net's attention reads.
    """

    text: Transformer
    unet: UNet
    autoencoder: Autoencoder
    schedule: Schedule
