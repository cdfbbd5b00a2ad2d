"""Pictures out of noise, told by a text: U-Nets that read a text tower of their own, one behind another."""

from __future__ import annotations

from dataclasses import dataclass

from bestiary.spec.diffusion import Condition, Schedule, UNet
from bestiary.spec.embeddings import Tokens
from bestiary.spec.models import Model, Transformer
from bestiary.spec.patch_diffusion import TimeVector
from bestiary.spec.stacks import Stack


@dataclass(frozen=True)
class PaddedTokens(Tokens):
    """Tokens in place of which, where padding stands, a learned vector is read, one for each of ``length`` places.

    Padding is then read as words are (as released with GLIDE).
    """

    length: int = 128


@dataclass(frozen=True)
class VectorCondition(Condition):
    """A linear map of one more vector, ``width`` wide, such as a text's last (Nichol et al. 2021, section 4.1)."""

    width: int


@dataclass(frozen=True)
class TextDiffusion(Model):
    """A text tower and a U-Net that takes noise out of images, told by the text's vectors (Nichol et al. 2021).

    ``dim`` is the width of the text's vectors. The last of them is added to what blocks know of the time step.
    """

    text: Transformer
    unet: UNet
    schedule: Schedule


@dataclass(frozen=True)
class TextUpscaler(TextDiffusion):
    """The same, which draws a larger picture of a small one: the U-Net reads it, enlarged, beside the noisy image."""


@dataclass(frozen=True)
class TextInpainter(TextDiffusion):
    """The same, which paints holes in a picture: the U-Net reads what is known of it, and where (Nichol et al. 2021).

    Section 4.3: beside the noisy image, the picture with the holes blank, and ones where it is known.
    """


@dataclass(frozen=True)
class TextInpaintUpscaler(TextUpscaler):
    """The same, which also enlarges: the small picture, enlarged, stands behind what is known of the large one."""


@dataclass(frozen=True)
class ImageTextDiffusion(TextDiffusion):
    """The same, told by a vector of the image too, ``image`` wide (Ramesh et al. 2022, section 2.1: unCLIP).

    It becomes ``extra`` more vectors behind the text's, and stands behind the text's last in what blocks are told.
    """

    image: int
    extra: int = 4


@dataclass(frozen=True)
class EmbeddingDenoiser(Model):
    """A causal stack that takes noise out of an image's vector, given its text (Ramesh et al. 2022, section 2.2).

    It reads the text's ``length`` vectors, the vector of the whole text, the time step, the noisy vector and a learned
    one, at whose place it answers the vector without noise. All that it reads and answers is ``width`` wide.
    """

    width: int
    length: int
    time: TimeVector
    stack: Stack


@dataclass(frozen=True)
class Cascade(Model):
    """A model that draws small pictures, and those that enlarge them, one after another (Ho et al. 2021)."""

    text: TextDiffusion
    upscalers: tuple[TextUpscaler, ...]
