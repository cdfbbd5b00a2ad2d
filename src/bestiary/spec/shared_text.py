"""Pictures out of noise, told by one text tower that several U-Nets read; and U-Nets that halve before they compute."""

from __future__ import annotations

from dataclasses import dataclass, field

from bestiary.spec.diffusion import Condition, Schedule, TimeCosines, TimeEmbedding, TimeSines, UNet
from bestiary.spec.feature_maps import Cell, ConvDown, ConvUp, CornerConvDown, GroupNorm, TransposedConvUp
from bestiary.spec.models import Model, Transformer
from bestiary.spec.node import Node
from bestiary.spec.norms import LayerNorm
from bestiary.spec.ops import Activation


@dataclass(frozen=True)
class PooledText(Condition):
    """Vectors of a text, ``width`` wide, pooled by attention and mapped (Saharia et al. 2022, section 2.5).

    They are normed; their mean and a learned vector on it asks them and itself, with so many ``heads``; what the map
    of the answer gives is normed too (as released with DeepFloyd IF).
    """

    heads: int
    width: int
    norm: LayerNorm = field(default=LayerNorm())


@dataclass(frozen=True)
class NoiseLevel(Condition):
    """How much noise was put on what is enlarged: its waves through two linear maps (Saharia et al. 2022, 2.4).

    ``width`` is that of the waves.
    """

    waves: TimeSines | TimeCosines
    width: int


@dataclass(frozen=True)
class Modulation(Node):
    """A map is normed, then scaled and shifted by linear maps of what blocks are told (Saharia et al. 2022, fig. A.28).

    Once for all cells of a level, which are told nothing themselves.
    """

    norm: GroupNorm


@dataclass(frozen=True)
class DownLevel(Model):
    """A level on the way down that halves its map as it enters, before any cell (Saharia et al. 2022, figure A.28)."""

    enter: ConvDown | CornerConvDown
    told: Modulation
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class UpLevel(Model):
    """A level on the way up that doubles its map as it leaves, behind all cells (Saharia et al. 2022, figure A.29).

    It reads what the level opposite gave beside its input, once.
    """

    told: Modulation
    cells: tuple[Cell, ...]
    leave: TransposedConvUp | ConvUp


@dataclass(frozen=True)
class EfficientUNet(Model):
    """A U-Net that computes on halved maps and has most cells where maps are small (Saharia et al. 2022, appendix B.1).

    What each level on the way down gives is kept, and the level opposite reads it beside its input; there is no middle,
    so the first on the way up reads it twice. A linear map of each pixel gives the answer. The rest is as in ``UNet``.
    """

    channels: int
    out: int
    size: int
    time: TimeEmbedding
    down: tuple[DownLevel, ...]
    up: tuple[UpLevel, ...]
    activation: Activation = "silu"
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True)
class ToldDiffusion(Model):
    """A U-Net that takes noise out of images, told by the vectors of a text that it is given; ``dim`` is its own."""

    unet: UNet | EfficientUNet
    schedule: Schedule


@dataclass(frozen=True)
class ToldUpscaler(ToldDiffusion):
    """The same, which draws a larger picture of a small one, beside which it is told how noisy that was made.

    ``noise`` is the schedule of that noise (Ho et al. 2021: conditioning augmentation; Saharia et al. 2022, 2.4).
    """

    noise: Schedule


@dataclass(frozen=True)
class SharedTextCascade(Model):
    """One text tower, and U-Nets that read it: one draws small pictures, others enlarge them (Saharia et al. 2022).

    ``dim`` is the width of the text's vectors.
    """

    text: Transformer
    base: ToldDiffusion
    upscalers: tuple[ToldUpscaler, ...]
