"""Pictures out of noise, told by a text: U-Nets that read a text tower of their own, one behind another."""

from __future__ import annotations

from dataclasses import dataclass

from bestiary.spec.diffusion import Betas, Condition, Schedule, UNet
from bestiary.spec.embeddings import Tokens
from bestiary.spec.models import Model, Transformer


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
class CosineBetas(Betas):
    """What is left of the image falls as a squared cosine, ``start`` off its top (Nichol and Dhariwal 2021, 3.2).

    No variance is more than ``end``.
    """


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
class Cascade(Model):
    """A model that draws small pictures, and those that enlarge them, one after another (Ho et al. 2021)."""

    text: TextDiffusion
    upscalers: tuple[TextUpscaler, ...]
