"""Positions, named by where they act: on the embedding, on queries and keys, or on the attention scores."""

from __future__ import annotations

from dataclasses import dataclass

from bestiary.spec.node import Node
from bestiary.spec.norms import Norm


@dataclass(frozen=True)
class EmbeddingPosition(Node):
    """A position that is added to the embedding."""


@dataclass(frozen=True)
class Learned(EmbeddingPosition):
    """One learned vector for each of ``length`` positions, after ``offset`` rows that are never used.

    The offset is an accident that checkpoints keep: BART inherited two such rows from fairseq.
    """

    length: int
    offset: int = 0


@dataclass(frozen=True)
class LearnedAfterPadding(EmbeddingPosition):
    """Learned positions that count real tokens only; padding takes row ``pad``, the first token row ``pad + 1``.

    The table therefore holds ``length + pad + 1`` rows (fairseq's convention, hence RoBERTa's 514).
    """

    length: int
    pad: int = 1


@dataclass(frozen=True)
class LearnedByMask(EmbeddingPosition):
    """Learned positions that count the tokens which the attention mask keeps (OPT; Zhang et al. 2022).

    They stand after ``offset`` rows. The last of those is what padding reads, so there must be one.
    """

    length: int
    offset: int = 2


@dataclass(frozen=True)
class LearnedBlocks(EmbeddingPosition):
    """A learned vector for each place in a text, and one for each place within a block (Du et al. 2021, section 2.1).

    All tokens of a block stand at one place of the text, that of the blank which they fill, and count from 1 within the
    block; what is no part of a block has 0 there. Each table has ``length + 1`` rows: text and each block are bounded,
    not their sum.
    """

    length: int


@dataclass(frozen=True)
class CaptionedGrid(EmbeddingPosition):
    """A learned vector for each of ``text`` places, then one for each row and one for each column of a square grid.

    The first place behind the text is the first of the grid, which is ``side`` places high and wide (Ramesh et al.
    2021, appendix B.1).
    """

    text: int
    side: int

    @property
    def length(self) -> int:
        """How many places there are."""
        return self.text + self.side**2


@dataclass(frozen=True)
class Sinusoidal(EmbeddingPosition):
    """Fixed sines and cosines of geometrically spaced wavelengths (Vaswani et al. 2017, section 3.5)."""

    base: float = 10000.0


@dataclass(frozen=True)
class SinusoidalTable(EmbeddingPosition):
    """Fixed sines in the first half of the coordinates and cosines in the second, for ``length`` positions.

    The wavelengths are those of ``Sinusoidal``, the layout is tensor2tensor's (Vaswani et al. 2018). Checkpoints hold
    the rows, rounded to float32, beside what was learned: kept, not trained and not counted (PEGASUS, Marian).
    """

    length: int


@dataclass(frozen=True)
class SinusoidalAfterPadding(EmbeddingPosition):
    """Fixed sines and cosines that count real tokens only, from ``pad + 1``; padding gets none (fairseq; M2M-100).

    Sines fill the first half of the coordinates, and the longest wavelength stands in the last of each half. ``length``
    is what the model was trained for: nothing stops there.
    """

    length: int
    pad: int = 1


@dataclass(frozen=True)
class SinusoidalHalves(EmbeddingPosition):
    """Fixed sines in the first half and cosines in the second, in float32, for ``length`` positions (CTRL)."""

    length: int


@dataclass(frozen=True)
class RotaryScaling(Node):
    """How rotary frequencies are stretched to contexts longer than those of pretraining."""


@dataclass(frozen=True)
class LinearScaling(RotaryScaling):
    """Positions divided by ``factor`` (position interpolation; Chen et al. 2023)."""

    factor: float


@dataclass(frozen=True)
class DynamicScaling(RotaryScaling):
    """The base grows with the sequence once it is longer than ``length`` (dynamic NTK; Peng et al. 2023, B.2)."""

    factor: float
    length: int


@dataclass(frozen=True)
class YarnScaling(RotaryScaling):
    """Fast frequencies kept, slow ones interpolated, scores sharpened by ``attention`` (YaRN; Peng et al. 2023).

    ``attention`` is the factor on cosines and sines; ``None`` means the paper's ``0.1 ln(factor) + 1``.
    """

    factor: float
    length: int
    fast: float = 32.0
    slow: float = 1.0
    attention: float | None = None
    truncate: bool = True


@dataclass(frozen=True)
class RampScaling(RotaryScaling):
    """Fast frequencies kept, slow ones divided by ``factor``, a ramp between (Llama 3.1, rope_type ``llama3``)."""

    factor: float
    length: int
    low: float = 1.0
    high: float = 4.0


@dataclass(frozen=True)
class Rotary(Node):
    """Queries and keys rotated by angles that grow with position (RoFormer; Su et al. 2021).

    ``fraction`` of each head is rotated, the rest left alone (GPT-NeoX). Our layout pairs coordinate ``i`` with
    ``i + rotated / 2``; checkpoints that pair neighbors are reordered as they are read. ``length`` is the context that
    the model was trained for, where known: nothing stops there, but quality does.
    """

    base: float = 10000.0
    fraction: float = 1.0
    scaling: RotaryScaling | None = None
    length: int | None = None


@dataclass(frozen=True)
class RoundedRotary(Rotary):
    """The same with queries and keys taken in float32 before they are turned, as ModernBERT's code does.

    Half precision is turned more exactly so. In float32 the two are equal to the bit; in float64 they are not, and a
    model is held to its own reference.
    """


@dataclass(frozen=True)
class ScorePosition(Node):
    """A position that is added to the attention scores; owned by one attention or shared by a stack."""


@dataclass(frozen=True)
class T5Bias(ScorePosition):
    """A learned scalar for each head and bucket of distance, logarithmic up to ``distance`` (Raffel et al. 2019).

    ``bidirectional`` buckets tell the past from the future; the other kind spends all of them on the past.
    """

    buckets: int = 32
    distance: int = 128
    bidirectional: bool = True


@dataclass(frozen=True)
class Alibi(ScorePosition):
    """A fixed penalty that grows linearly with distance, with a slope for each head (ALiBi; Press et al. 2021).

    Slopes are a geometric series that ends at ``2 ** -halvings``, 8 in the paper. More reach farther: MPT StoryWriter
    has 16.
    """

    halvings: float = 8.0


@dataclass(frozen=True)
class KeyAlibi(ScorePosition):
    """ALiBi as a number for each key, its slope times its place among real tokens (BLOOM; Le Scao et al. 2022).

    The softmax cannot tell it from the distance. Rounding can: places are larger numbers than distances, and the
    product is taken in float32 before it is cast to the model's dtype.
    """


@dataclass(frozen=True)
class CoarseAlibi(ScorePosition):
    """The same with slope and product rounded to bfloat16, scaled as scores are (Falcon-RW; Penedo et al. 2023)."""


@dataclass(frozen=True)
class DistanceVectors(ScorePosition):
    """A learned vector for each distance, shared by a stack: disentangled attention makes queries and keys of them."""


@dataclass(frozen=True)
class DistanceTable(DistanceVectors):
    """Distances from ``-span`` to ``span - 1`` have a vector each; what is farther takes the last (He et al. 2020).

    ``norm`` acts on the vectors before they are used. ``length`` is the context that the model was trained for, where
    known: nothing stops there.
    """

    span: int
    norm: Norm | None = None
    dropout: float = 0.0
    length: int | None = None

    @property
    def rows(self) -> int:
        """How many vectors there are."""
        return 2 * self.span

    @property
    def exact(self) -> int:
        """Up to which distance each has a vector of its own."""
        return self.span


@dataclass(frozen=True)
class BucketTable(DistanceVectors):
    """Vectors of buckets: each distance up to half of ``buckets`` has its own, the others share them logarithmically.

    There are as many for either direction, and the last begins near ``distance`` (DeBERTa v2; He et al. 2021).
    """

    buckets: int
    distance: int
    norm: Norm | None = None
    dropout: float = 0.0
    length: int | None = None

    @property
    def rows(self) -> int:
        """How many vectors there are."""
        return 2 * self.buckets

    @property
    def exact(self) -> int:
        """Up to which distance each has a vector of its own."""
        return self.buckets // 2
