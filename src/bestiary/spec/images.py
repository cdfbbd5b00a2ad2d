"""What models of images brought: masked and visible patches, grids, biases of windows, and heads that read patches."""

from __future__ import annotations

from dataclasses import dataclass, field

from bestiary.spec.embeddings import Patches
from bestiary.spec.heads import Head
from bestiary.spec.models import Model
from bestiary.spec.norms import Norm
from bestiary.spec.positions import EmbeddingPosition, ScorePosition
from bestiary.spec.stacks import Stack


@dataclass(frozen=True)
class MaskedPatches(Patches):
    """Patches in place of some of which, where the input says so, a learned vector stands (Bao et al. 2021, 2.3)."""


@dataclass(frozen=True)
class VisiblePatches(Patches):
    """Patches of which the share ``masked``, drawn at random for each image, is not read at all (He et al. 2021).

    The others keep the places that they had, and come in random order.
    """

    masked: float = 0.75


@dataclass(frozen=True)
class Grid(EmbeddingPosition):
    """A position for each patch of an image and each extra token."""


@dataclass(frozen=True)
class LearnedGrid(Grid):
    """A learned vector for each patch of an image and each extra token (ViT)."""


@dataclass(frozen=True)
class StretchedGrid(Grid):
    """The same, stretched by bicubic interpolation over images of other sizes (Oquab et al. 2023)."""


@dataclass(frozen=True)
class SinusoidalGrid(Grid):
    """Sines and cosines of a patch's column, then of its row; zeros for extra tokens (He et al. 2021)."""


@dataclass(frozen=True)
class WindowBias(ScorePosition):
    """A learned scalar for each head and each offset between two places of a square (Liu et al. 2021, section 3.2)."""

    side: int


@dataclass(frozen=True)
class GridBias(WindowBias):
    """The same over a whole image, with scalars for the first token too, which has no place in it (Bao et al. 2021).

    There are three: for what it asks of others, for what others ask of it, and for itself.
    """


@dataclass(frozen=True)
class FirstVector(Head):
    """The first token's vector, as it is, stands for the image."""


@dataclass(frozen=True)
class PatchMean(Head):
    """The mean of the patches' vectors, then normed, stands for the image; the first token is left out."""

    norm: Norm


@dataclass(frozen=True)
class DistilledClassifier(Head):
    """The mean of two classifiers' scores, of the first token and of the second (Touvron et al. 2020, section 4).

    The second was taught by another model.
    """

    labels: int


@dataclass(frozen=True)
class PatchClassifier(Head):
    """For each patch, a score for each of ``labels``, such as the words of a visual vocabulary (Bao et al. 2021)."""

    labels: int
    norm: Norm


@dataclass(frozen=True)
class PatchDecoder(Model):
    """Layers of a width of their own, which read visible patches and a learned vector for each masked one."""

    stack: Stack
    position: Grid = field(default_factory=SinusoidalGrid)


@dataclass(frozen=True)
class PatchPixels(Head):
    """For each patch, its pixels, told by a small decoder from the visible patches (He et al. 2021, section 3)."""

    decoder: PatchDecoder


def places(embed: Patches) -> int:
    """Return how many vectors an image becomes."""
    count = (embed.image // embed.patch) ** 2
    seen = int(count * (1 - embed.masked)) if isinstance(embed, VisiblePatches) else count
    return seen + embed.extra
