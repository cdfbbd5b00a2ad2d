"""Pictures out of noise: the steps of a sampler, told by a text or by nothing, and the decoder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from bestiary.data.tokenizers.rows import filled, rows_of
from bestiary.diffuse.guidance import guided
from bestiary.diffuse.sampler import ddim, sampler_of
from bestiary.errors import BestiaryError
from bestiary.spec import ClassCondition, LatentDiffusion, PixelDiffusion

STEPS, GUIDANCE = 50, 7.5
"""As latent diffusion's released weights are used (published code of Stable Diffusion, scripts/txt2img.py)."""

Predict = Callable[[Tensor, int], Tensor]


@torch.inference_mode()
def draw(
    model: Any, texts: Sequence[str], *, steps: int = STEPS, guidance: float = GUIDANCE, eta: float = 0.0, seed: int = 0
) -> Tensor:
    """Return a picture of each text, ``[B, channels, H, W]``, from 0 to 1.

    The noise is drawn on the CPU, so a seed gives the same noise on every device. Raises ``BestiaryError`` for a
    model that reads no texts, or one without a tokenizer.
    """
    node = model.spec
    if not isinstance(node, LatentDiffusion):
        raise BestiaryError(f"a {type(node).__name__} draws no pictures of texts; take a LatentDiffusion")
    told, unasked = (model.read(padded(model, each)) for each in (list(texts), [""]))

    def predict(sample: Tensor, time: int, vectors: Tensor) -> Tensor:
        return model.unet(sample, time, vectors).sample

    steps_taken = _steps(model, len(texts), guided(predict, told, unasked, guidance), steps, eta, seed)
    *_, latents = steps_taken
    return shown(model.decode(latents))


@torch.inference_mode()
def draw_any(
    model: Any, count: int = 1, *, labels: Tensor | None = None, steps: int = STEPS, eta: float = 0.0, seed: int = 0
) -> Tensor:
    """Return pictures of whatever a model was trained on, ``[count, channels, H, W]``, from 0 to 1.

    ``labels`` are the classes that they are of, where the model draws by class: drawn by the seed unless given.
    """
    node = model.spec
    if not isinstance(node, PixelDiffusion):
        raise BestiaryError(f"a {type(node).__name__} draws no pictures of its own; take a PixelDiffusion")
    classes = next((each.classes for each in node.unet.conditions if isinstance(each, ClassCondition)), None)
    if classes is not None and labels is None:
        labels = torch.randint(classes, (count,), generator=torch.Generator().manual_seed(seed)).to(model.device)

    def predict(sample: Tensor, time: int) -> Tensor:
        return model(sample, time, class_labels=labels).sample[:, : node.unet.channels]

    *_, sample = _steps(model, count, predict, steps, eta, seed)
    return shown(sample)


def _steps(model: Any, count: int, predict: Predict, steps: int, eta: float, seed: int) -> Iterator[Tensor]:
    unet = model.spec.unet
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn((count, unet.channels, unet.size, unet.size), generator=generator, dtype=torch.float32)
    return ddim(sampler_of(model), predict, noise.to(model.device, model.dtype), steps, eta, generator)


def shown(images: Tensor) -> Tensor:
    """Return images from -1 to 1 as pictures from 0 to 1."""
    return (images / 2 + 0.5).clamp(0, 1)


def padded(model: Any, texts: list[str]) -> Tensor:
    """Return the tokens of texts, cut and filled up to the length that the text tower was trained on."""
    length = model.spec.text.embed.position.length
    rows = _cut(model, texts, length)
    end, pad = model.tokenizer.eos_token_id, model.tokenizer.pad_token_id
    return filled(rows, length, model.device, end if pad is None else pad)[0]


def padded_words(model: Any, texts: list[str], length: int) -> tuple[Tensor, Tensor]:
    """Return the tokens of texts, cut and filled up to a length, and ones for those that are words."""
    return filled(_cut(model, texts, length), length, model.device)


def _cut(model: Any, texts: list[str], length: int) -> list[list[int]]:
    """Return the tokens of texts, so many at most, the last of which ends a text as it does uncut."""
    rows, end = rows_of(model, texts), model.tokenizer.eos_token_id
    return [row if len(row) <= length else [*row[: length - 1], row[-1] if end is None else end] for row in rows]
