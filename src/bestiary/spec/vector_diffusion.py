"""Pictures by way of an image's vector: what tells the vector from a text, what paints it, and what enlarges that."""

from __future__ import annotations

from dataclasses import dataclass

from bestiary.spec.diffusion import Condition, Schedule, UNet
from bestiary.spec.models import Model, Transformer
from bestiary.spec.stacks import Stack
from bestiary.spec.text_diffusion import EmbeddingDenoiser, ImageTextDiffusion


@dataclass(frozen=True)
class GivenCondition(Condition):
    """A vector as wide as that of the time step, added to it as it is given (as released with Karlo)."""


@dataclass(frozen=True)
class VectorTeller(Model):
    """What a U-Net is told of vectors of an image and its text, ``width`` wide (Ramesh et al. 2022, section 2.1).

    The image's becomes ``extra`` vectors before those of the text's words, which are mapped and normed, all ``dim``
    wide; maps of both are added to the time step's vector, ``hidden`` wide. A learned vector stands for no image.
    """

    width: int
    hidden: int
    extra: int = 4


@dataclass(frozen=True)
class VectorDiffusion(Model):
    """A U-Net that takes noise out of images, told by vectors of the image and its text alone (as released with Karlo).

    ``dim`` is the width of the vectors that its attention reads.
    """

    teller: VectorTeller
    unet: UNet
    schedule: Schedule


@dataclass(frozen=True)
class PictureUpscaler(Model):
    """A U-Net that draws a larger picture of a small one, which it reads beside the noisy image, told no text.

    Ramesh et al. 2022, section 2.1; Dhariwal and Nichol 2021.
    """

    unet: UNet
    schedule: Schedule


@dataclass(frozen=True)
class FinishedUpscaler(PictureUpscaler):
    """The same, whose last step another U-Net takes; small pictures are enlarged by cubes (as released with Karlo)."""

    finish: UNet


@dataclass(frozen=True)
class DiffusedVector(Model):
    """A prior that takes noise out of an image's vector, and the schedule of that noise (Ramesh et al. 2022, 2.2)."""

    denoiser: EmbeddingDenoiser
    schedule: Schedule


@dataclass(frozen=True)
class CodedVector(Model):
    """A prior that tells an image's vector code by code (Ramesh et al. 2022, section 2.2: the autoregressive prior).

    Of a vector ``width`` wide its first principal ``components`` are kept, each cut into ``buckets``. A causal stack
    reads the text's vector, how near the two vectors are, and the codes so far, in ``length`` places at most; its
    attentions read what a text tower of its own makes of the caption.
    """

    text: Transformer
    width: int
    components: int
    buckets: int
    length: int
    stack: Stack


@dataclass(frozen=True)
class PriorCascade(Model):
    """Pictures of a text by way of an image's vector (Ramesh et al. 2022): a prior, what paints, what enlarges.

    ``text`` is the tower whose vectors, ``dim`` wide, texts share with images.
    """

    text: Transformer
    prior: DiffusedVector | CodedVector
    painter: ImageTextDiffusion | VectorDiffusion
    upscalers: tuple[PictureUpscaler, ...]
