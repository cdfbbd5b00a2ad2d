"""Pictures of texts by models that draw small ones and enlarge them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from bestiary import spec
from bestiary.data.tokenizers.rows import filled, rows_of
from bestiary.diffuse.draw import shown
from bestiary.diffuse.guidance import guided
from bestiary.diffuse.sampler import Sampler, ddim

STEPS, ENLARGING, GUIDANCE = 50, 27, 3.0
"""GLIDE's guidance, and its steps of the model that enlarges (its published code, notebooks/text2im.ipynb)."""


@torch.inference_mode()
def draw_cascade(
    model: Any, texts: Sequence[str], *, steps: int = STEPS, guidance: float = GUIDANCE, seed: int = 0
) -> Tensor:
    """Return a picture of each text, ``[B, channels, H, W]``, from 0 to 1, drawn small and enlarged."""
    generator = torch.Generator().manual_seed(seed)
    told, unasked = (_read(model.text, model, each) for each in (list(texts), [""]))
    predict = _image(model.text)
    sample = _drawn(model.text.spec, guided(predict, told, unasked, guidance), len(texts), steps, generator, model)
    for part in model.upscalers:
        vectors, small = _read(part, model, list(texts)), sample
        enlarge = _beside(part, small, vectors)
        sample = _drawn(part.spec, enlarge, len(texts), min(steps, ENLARGING), generator, model)
    return shown(sample)


def _image(part: Any) -> Callable[[Tensor, int, Tensor], Tensor]:
    """Return what a part predicts of an image; how much noise a step adds stands behind it, and is left out."""
    return lambda sample, time, vectors: part.predict(sample, time, vectors).sample[:, : sample.shape[1]]


def _beside(part: Any, small: Tensor, vectors: Tensor) -> Callable[[Tensor, int], Tensor]:
    """Return what a part that enlarges predicts, a small picture beside its own."""
    return lambda sample, time: part.beside(sample, small, time, vectors).sample[:, : sample.shape[1]]


def _drawn(node: Any, predict: Any, count: int, steps: int, generator: torch.Generator, model: Any) -> Tensor:
    channels = node.unet.channels // (2 if isinstance(node, spec.TextUpscaler) else 1)
    noise = torch.randn((count, channels, node.unet.size, node.unet.size), generator=generator)
    *_, sample = ddim(Sampler(node.schedule, clip=1.0), predict, noise.to(model.device, model.dtype), steps)
    return sample


def _read(part: Any, model: Any, texts: list[str]) -> Tensor:
    length = part.spec.text.embed.length
    ids, keep = filled([row[:length] for row in rows_of(model, texts)], length, model.device)
    return part.read(ids, keep)
