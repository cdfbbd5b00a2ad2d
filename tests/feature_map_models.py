"""Small models of feature maps, and what each is called with: for the tests of sizes."""

from __future__ import annotations

import re
from typing import Any

import glide_weights
import torch

from bestiary.architectures import make
from bestiary.sizing import Flops, flops
from bestiary.spec import (
    Autoencoder,
    CrossWidthAttention,
    DiscreteAutoencoder,
    EfficientUNet,
    JoinedAttention,
    LatentDiffusion,
    LinearBetas,
    Model,
    NoiseLevel,
    PatchDenoiser,
    PatchDiffusion,
    PixelDiffusion,
    PooledText,
    Schedule,
    TimeCosines,
    UNet,
    swap,
    walk,
)

MAPS: dict[str, Any] = {"widths": (8, 16), "depth": 2, "size": 8, "groups": 4}
CROSS: Any = make("cross_unet", **MAPS, heads=(2, 4), attends=(1, 2), read=16)
TEXT = make("clip_text", dim=16, depth=2, heads=4, hidden=24, vocab=50, length=9)

DVAE: dict[str, Any] = {"width": 8, "blocks": 2, "codes": 11, "size": 8, "widths": (1, 2, 4), "first": 6}
EFFICIENT: Any = make(
    "efficient_unet", widths=(8, 16), cells=(1, 2), attends=(0, 1), heads=2, read=12, size=8, groups=4
).replace(conditions=(PooledText(3, 12), NoiseLevel(TimeCosines(), 6)))  # type: ignore[arg-type]

BUILT: dict[str, Model] = {
    "efficient_unet": EFFICIENT,
    "efficient_unet without self-attention": make(
        "efficient_unet", widths=(8, 16), cells=(1, 2), attends=(0, 1), heads=2, read=12, size=8, joined=False, groups=4
    ),
    "cross_unet": CROSS,
    "cross_unet, joined": swap(CROSS, CrossWidthAttention, JoinedAttention(2, width=6, bias="qko")),
    "cross_unet, even above": make("cross_unet", **MAPS, heads=(2, 4), attends=(1, 0), read=16),
    "pixel_unet": make("pixel_unet", **MAPS, attends=(0, 1), classes=5),
    "pixel_unet, zeros in corners": make("pixel_unet", **MAPS | {"size": 7}, attends=(0, 1), resample="corner_conv"),
    "pixel_unet in blocks": make(
        "pixel_unet", **MAPS, attends=(1, 1), head_dim=4, time="scale_shift", resample="block"
    ),
    "autoencoder_kl": make("autoencoder_kl", **MAPS, latent=3),
    "vqgan": make("vqgan", **MAPS, latent=6, entries=11, attends=(0, 1), width=5),
    "dvae": make("dvae", **DVAE),
    "dit": make("dit", dim=32, depth=2, heads=4, patch=2, size=8, classes=3),
    "patch diffusion": PatchDiffusion(
        32,
        make("dit", dim=32, depth=2, heads=4, patch=2, size=8, channels=3, out=6, classes=3),  # type: ignore[arg-type]
        make("autoencoder_kl", **MAPS | {"size": 16}, latent=3),  # type: ignore[arg-type]
        Schedule(LinearBetas(0.1, 0.2)),
    ),
    "pixel diffusion": PixelDiffusion(
        8,
        make("pixel_unet", **MAPS, attends=(0, 1), out=6, waves_width=12),
        Schedule(LinearBetas(0.1, 0.2)),  # type: ignore[arg-type]
    ),
    "latent diffusion": LatentDiffusion(
        16,
        TEXT,
        CROSS,
        make("autoencoder_kl", **MAPS | {"size": 16}),
        Schedule(LinearBetas(0.1, 0.2)),  # type: ignore[arg-type]
    ),
}

DECODER: dict[str, Any] = {
    "dim": 24, "depth": 2, "heads": 3, "width": 16, "image": 10, "size": 8, "levels": (1, 2), "attends": (0, 1),
    "cells": 1, "vocab": 300, "length": 7, "head_dim": 8, "groups": 8,
}  # fmt: skip

SHARED = 16
READER: dict[str, Any] = {
    "architecture": "clip_text", "dim": SHARED, "depth": 2, "heads": 4, "hidden": 24, "vocab": 300, "length": 9,
    "width": SHARED,
}  # fmt: skip
PRIOR: dict[str, Any] = {
    "architecture": "unclip_prior", "dim": 16, "depth": 2, "heads": 2, "width": SHARED, "length": 9,
}  # fmt: skip
CODES: dict[str, Any] = {
    "architecture": "unclip_codes", "dim": 16, "depth": 2, "heads": 2, "text_dim": 24, "text_depth": 1,
    "text_heads": 3, "width": SHARED, "components": 5, "buckets": 7, "length": 8, "vocab": 300, "text_length": 7,
}  # fmt: skip
UPSAMPLER: dict[str, Any] = {
    "architecture": "unclip_upsampler", "width": 16, "levels": (1, 2), "cells": 1, "groups": 8,
}  # fmt: skip
UNCLIP: dict[str, Any] = {
    "text": READER,
    "painter": {"architecture": "unclip_decoder", **DECODER, "image": SHARED},
    "first": {**UPSAMPLER, "size": 16},
    "second": {**UPSAMPLER, "size": 32},
}
KARLO: dict[str, Any] = {
    "text": READER, "prior": PRIOR, "widths": (16, 32), "depth": 1, "attends": (0, 1), "read": 12,
    "upper_widths": (16, 32), "upper_depth": 1, "size": 8, "upper_size": 16, "head_dim": 8, "groups": 8,
}  # fmt: skip

IMAGEN: dict[str, Any] = {
    "dim": 24, "depth": 2, "heads": 3, "head_dim": 8, "hidden": 20, "width": 16, "levels": (1, 2), "attends": (0, 1),
    "cells": 1, "size": 8, "upper_widths": (16, 32), "upper_cells": (1, 2), "upper_attends": (0, 1), "upper_heads": 2,
    "upper_sizes": (16, 32), "vocab": 300, "pixel_head_dim": 8, "pool_heads": 3, "groups": 8,
}  # fmt: skip

PARTED: dict[str, Model] = {
    "imagen": make("imagen", **IMAGEN),
    "unclip": make("unclip", prior=PRIOR, **UNCLIP),
    "unclip by codes": make("unclip", prior=CODES, **UNCLIP),
    "karlo": make("karlo", **KARLO),
    "glide": make("glide", **glide_weights.SIZES, groups=32),
    "glide for holes": make("glide", **glide_weights.SIZES, groups=32, inpaints=True),
    "unclip_decoder": make("unclip_decoder", **DECODER),
    "dall_e": make(
        "dall_e", dim=16, depth=6, heads=2, image={"architecture": "dvae", **DVAE}, words=9, length=4, kernel=1
    ),
    "unclip_prior": make("unclip_prior", dim=16, depth=2, heads=2, width=6, length=5),
}
"""What is told by texts, and made of parts: the tests of cascades and of unCLIP hold what it costs."""


def folded(parameter: str) -> str:
    """Return a parameter's name as counts have it: cells are summed, levels are not."""
    parameter = re.sub(r"(layers|cells)\.\d+", r"\1[*]", parameter)
    return re.sub(r"\b(down|up|levels|conditions|upscalers)\.(\d+)", r"\1[\2]", parameter)


def given(model: Model) -> tuple[dict[str, Any], Flops]:
    """Return a map, or an image, as a model reads them, and what it costs."""
    if isinstance(model, Autoencoder | DiscreteAutoencoder):
        return {"pixel_values": torch.zeros(1, 3, 8, 8)}, flops(model)
    if isinstance(model, LatentDiffusion):
        sample = torch.zeros(1, 4, 8, 8)
        return {"sample": sample, "timestep": 5, "input_ids": torch.arange(9)[None]}, flops(model)
    if isinstance(model, PatchDenoiser):
        return {"sample": torch.zeros(1, 4, 8, 8), "timestep": 5, "class_labels": torch.tensor([3])}, flops(model)
    if isinstance(model, PatchDiffusion):
        return {"sample": torch.zeros(1, 3, 8, 8), "timestep": 5, "class_labels": torch.tensor([3])}, flops(model)
    if isinstance(model, PixelDiffusion):
        return {"sample": torch.zeros(1, 3, 8, 8), "timestep": 5}, flops(model)
    assert isinstance(model, UNet | EfficientUNet)
    read = [part.width for _, part in walk(model) if isinstance(part, CrossWidthAttention | JoinedAttention)]
    vectors = {"encoder_hidden_states": torch.zeros(1, 3, read[0])} if read else {}
    labels = {"class_labels": torch.tensor([1]), "noise_level": 7} if model.conditions else {}
    sample = torch.zeros(1, model.channels, model.size, model.size)
    return {"sample": sample, "timestep": 5, **vectors, **labels}, flops(model, source=3)
