"""Pictures of texts by models whose U-Nets read one text tower: drawn small, made noisy, and enlarged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from bestiary.data.tokenizers.rows import filled, rows_of
from bestiary.diffuse.draw import shown
from bestiary.diffuse.guidance import guided
from bestiary.diffuse.sampler import Sampler, ddim
from bestiary.diffuse.schedule import noised
from bestiary.diffuse.thresholds import Percentile
from bestiary.errors import BestiaryError

STEPS, GUIDANCE, NOISE, PERCENTILE = 50, 5.0, 0.1, Percentile(0.995)
"""Guidance and percentile as in figure A.10 of Saharia et al. 2022, noise from the range that appendix D.2 recommends;
how many steps are taken is not published."""


@torch.inference_mode()
def draw_shared(
    model: Any,
    texts: Sequence[str],
    *,
    steps: int = STEPS,
    guidance: float = GUIDANCE,
    noise: float = NOISE,
    seed: int = 0,
) -> Tensor:
    """Return a picture of each text, ``[B, channels, H, W]``, from 0 to 1.

    Each part that enlarges gets the picture with ``noise`` on it, from 0 to 1, and is told how much (Saharia et al.
    2022, section 2.4). Unasked, a model reads zeros for the text (section 4.1).
    """
    if not 0 <= noise <= 1:
        raise BestiaryError(f"noise is {noise}, which must be from 0 to 1")
    generator = torch.Generator().manual_seed(seed)
    told, keep = _read(model, list(texts))
    unasked = torch.zeros_like(told)

    def fresh(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator).to(model.device, model.dtype)

    def drawn(part: Any, predict: Callable[..., Tensor]) -> Tensor:
        unet = part.spec.unet
        start = fresh(len(texts), unet.out, unet.size, unet.size)
        sampler = Sampler(part.spec.schedule, clip=PERCENTILE, anew=True)
        *_, sample = ddim(sampler, guided(predict, told, unasked, guidance), start, steps)
        return sample

    def masked(sample: Tensor) -> Tensor | None:
        return None if keep is None else keep.repeat(len(sample) // len(keep), 1)

    sample = drawn(model.base, lambda x, time, vectors: model.base(x, time, vectors, masked(x)).sample)
    for part in model.upscalers:
        level = round(noise * (part.spec.noise.steps - 1))
        times = torch.full((len(texts),), level, device=model.device)
        small = noised(part.spec.noise, sample, fresh(*sample.shape), times) if noise else sample
        sample = drawn(part, _beside(part, small, level, masked))
    return shown(sample)


def _beside(part: Any, small: Tensor, level: int, masked: Callable[[Tensor], Tensor | None]) -> Callable[..., Tensor]:
    """Return what a part that enlarges predicts, a small picture beside its own, once for each way it is asked."""

    def predict(sample: Tensor, time: int, vectors: Tensor) -> Tensor:
        beside = small.repeat(len(sample) // len(small), 1, 1, 1)
        return part(sample, time, vectors, beside, level, masked(sample)).sample

    return predict


def _read(model: Any, texts: list[str]) -> tuple[Tensor, Tensor | None]:
    """Return the vectors of texts and which of them are words, ``None`` where all are."""
    rows = rows_of(model, texts)
    longest = max(map(len, rows))
    if not longest:
        raise BestiaryError("the text is empty; write what shall be drawn")
    ids, keep = filled(rows, longest, model.device, model.tokenizer.pad_token_id or 0)
    return model.read(ids, keep), None if bool(keep.all()) else keep
