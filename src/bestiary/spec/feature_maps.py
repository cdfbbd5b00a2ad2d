"""Feature maps: what acts on ``[batch, dim, height, width]``, and how a map becomes tokens for a stack and back."""

from __future__ import annotations

from dataclasses import dataclass, field

from bestiary.errors import BestiaryError
from bestiary.spec.models import Model
from bestiary.spec.node import Node
from bestiary.spec.norms import Norm
from bestiary.spec.ops import Activation, Attention, CrossAttention
from bestiary.spec.stacks import Stack


@dataclass(frozen=True)
class GroupNorm(Norm):
    """Normalization of each group of channels over all pixels, or all tokens, of one map (Wu and He 2018)."""

    groups: int = 32
    eps: float = 1e-5


@dataclass(frozen=True)
class CrossWidthAttention(CrossAttention):
    """Cross-attention to vectors that are ``width`` wide, not as wide as the stack that reads them."""

    width: int = field(kw_only=True)


@dataclass(frozen=True)
class JoinedAttention(Attention):
    """Self-attention whose keys and values are joined by those of vectors ``width`` wide (Nichol et al. 2021, GLIDE).

    Each query looks at its own sequence and at the other one in one softmax; the other has projections of its own.
    """

    width: int = field(kw_only=True)


@dataclass(frozen=True)
class NormedWidthAttention(CrossWidthAttention):
    """The same; the vectors that it reads are normed first (Saharia et al. 2022, section 2.5)."""

    read_norm: Norm = field(kw_only=True)


@dataclass(frozen=True)
class NormedJoinedAttention(JoinedAttention):
    """The same; the vectors that join its own are normed first (Saharia et al. 2022, section 2.5)."""

    read_norm: Norm = field(kw_only=True)


@dataclass(frozen=True)
class Resample(Node):
    """A change of a map's resolution by a factor of two."""


@dataclass(frozen=True)
class ConvDown(Resample):
    """A convolution of stride two, zeros on every side (Ho et al. 2020)."""


@dataclass(frozen=True)
class CornerConvDown(Resample):
    """A convolution of stride two, zeros at the right and the bottom only: what "same" padding is in TensorFlow."""


@dataclass(frozen=True)
class PoolDown(Resample):
    """The mean of four pixels."""


@dataclass(frozen=True)
class MaxDown(Resample):
    """The greatest of four pixels."""


@dataclass(frozen=True)
class NearestUp(Resample):
    """Each pixel four times."""


@dataclass(frozen=True)
class ConvUp(Resample):
    """Each pixel four times, and a convolution (Odena et al. 2016)."""


@dataclass(frozen=True)
class TransposedConvUp(Resample):
    """A transposed convolution of stride two, cut at the right and the bottom: "same" padding turned around."""


@dataclass(frozen=True)
class Conditioning(Node):
    """How a residual block is told the vector of the time step."""


@dataclass(frozen=True)
class Shift(Conditioning):
    """A linear map of it is added between the two convolutions (Ho et al. 2020, appendix B)."""


@dataclass(frozen=True)
class ScaleShift(Conditioning):
    """Linear maps of it scale and shift what the second norm gives (Dhariwal and Nichol 2021, section 3.1: AdaGN)."""


@dataclass(frozen=True)
class ResBlock(Node):
    """Two convolutions, each behind a norm and a nonlinearity, beside a shortcut (Ho et al. 2020, appendix B).

    The first convolution changes the width to the level's, and then so does a linear map on the shortcut. ``time`` is
    ``None`` in autoencoders, which know no time step. ``resample`` acts on both sides, before the first convolution
    (Brock et al. 2018). ``dropout`` acts before the second.
    """

    norm: GroupNorm
    time: Conditioning | None = None
    activation: Activation = "silu"
    dropout: float = 0.0
    resample: PoolDown | NearestUp | None = None


@dataclass(frozen=True)
class ScaledResBlock(ResBlock):
    """The same, its sum multiplied by ``scale``: divided by the root of two, mostly (Saharia et al. 2022, B.1).

    So what many blocks in a row add does not grow (Song et al. 2020, score-based models).
    """

    scale: float = 0.5**0.5


@dataclass(frozen=True)
class MappedResBlock(ScaledResBlock):
    """The same with a linear map on every shortcut, also where the width stays (Saharia et al. 2022, figure A.27)."""


@dataclass(frozen=True)
class GainBlock(Node):
    """Convolutions at a quarter of the level's width, each behind a ReLU, times ``gain``, beside a shortcut.

    ``kernels`` are their sides; the first reads what enters, the last gives the level's width, and a linear map stands
    on the shortcut where the two differ (Ramesh et al. 2021, appendix A.1).
    """

    kernels: tuple[int, ...]
    gain: float


@dataclass(frozen=True)
class Attend(Node):
    """A stack of transformer layers that reads each pixel of a map as a token."""


@dataclass(frozen=True)
class PixelStack(Attend):
    """The stack on the pixels themselves; its layers are residual branches, as everywhere (Ho et al. 2020)."""

    stack: Stack


@dataclass(frozen=True)
class PixelTransformer(Attend):
    """The stack between two linear maps, behind a norm, added to what entered (Rombach et al. 2021, appendix E.2.1)."""

    stack: Stack
    norm: GroupNorm


@dataclass(frozen=True)
class Cell(Node):
    """A residual block, and perhaps attention behind it."""

    res: ResBlock | GainBlock
    attend: Attend | None = None


@dataclass(frozen=True)
class Level(Model):
    """Cells of one width and resolution, and how the map leaves for the next: resampled, or as it is."""

    cells: tuple[Cell, ...]
    resample: Resample | ResBlock | None = None


def first_block(level: Level) -> ResBlock:
    """Return the first block of a level; raises ``BestiaryError`` where no norm stands in it."""
    block = level.cells[0].res
    if not isinstance(block, ResBlock):
        raise BestiaryError(f"the blocks are {type(block).__name__}; give ResBlock, in which norms stand")
    return block


@dataclass(frozen=True)
class ConvTower(Model):
    """Levels one after another between two convolutions: from ``channels`` to ``dim``, and behind a norm to ``out``.

    Either side of an autoencoder (Esser et al. 2020, appendix; Rombach et al. 2021, section 3.1).
    """

    channels: int
    levels: tuple[Level, ...]
    out: int
    norm: GroupNorm
    activation: Activation = "silu"
