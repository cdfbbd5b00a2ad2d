"""Hierarchies of vision: rows of the harness."""

from __future__ import annotations

from random import Random
from typing import Any

import torch
from torch import Tensor
from transformers import PretrainedConfig, SwinConfig, Swinv2Config

from references.images import masked_pixels, pixels
from references.row import ACTIVATIONS, Row, rows


def odd_pixels(config: Any, side: str | None) -> dict[str, Tensor]:
    """Draw images that neither patches nor windows nor pairs of places tile."""
    height, width = 2 * config.image_size + 1, 2 * config.image_size + 2 * config.patch_size + 1
    return {"pixel_values": torch.randn(3, config.num_channels, height, width, dtype=torch.float64)}


def level_sizes(random: Random, levels: int = 3, rest: int = 0) -> dict[str, Any]:
    """Draw odd sizes of a pyramid: its last map is one window, or less than one; ``rest`` pixels fill no patch."""
    window, patch = random.choice((2, 3)), random.choice((2, 3))
    return {
        "image_size": window * 2 ** (levels - 1) * patch + rest,
        "patch_size": patch,
        "num_channels": random.choice((1, 3)),
        "embed_dim": 12,
        "depths": [2, *(random.choice((1, 2, 3)) for _ in range(levels - 1))],
        "num_heads": [random.choice((1, 2, 3)), 2, random.choice((4, 6))][:levels],
        "window_size": window,
        "mlp_ratio": random.choice((1.5, 2.0, 2.3)),
        "hidden_act": random.choice(ACTIVATIONS),
        "layer_norm_eps": random.choice((1e-5, 1e-3)),
        "qkv_bias": random.choice((True, False)),
        "encoder_stride": patch * 2 ** (levels - 1),
    }


def swin(random: Random, **changes: Any) -> PretrainedConfig:
    return SwinConfig(**level_sizes(random, rest=random.randrange(2)), **changes)


def placed_swin(random: Random, **changes: Any) -> PretrainedConfig:
    return SwinConfig(**level_sizes(random), use_absolute_embeddings=True, **changes)


def masked_swin(random: Random, **changes: Any) -> PretrainedConfig:
    return SwinConfig(**level_sizes(random), **changes)


def masked_swinv2(random: Random, **changes: Any) -> PretrainedConfig:
    return swinv2(random, rest=0, **changes)


def swinv2(random: Random, rest: int | None = None, **changes: Any) -> PretrainedConfig:
    sizes = level_sizes(random, rest=random.randrange(2) if rest is None else rest)
    trained = {"pretrained_window_sizes": random.choice(([0, 0, 0], [4, 3, 2]))}
    wide = {"window_size": 2 * sizes["window_size"]}
    return Swinv2Config(**sizes | trained | random.choice(({}, wide)), **changes)


ROWS: tuple[Row, ...] = (
    *rows(swin, "SwinModel SwinForImageClassification", given=pixels),
    *rows(swin, "SwinModel", given=odd_pixels, label="odd"),
    *rows(placed_swin, "SwinModel", given=pixels, label="placed"),
    *rows(masked_swin, "SwinForMaskedImageModeling", given=masked_pixels),
    *rows(swinv2, "Swinv2Model Swinv2ForImageClassification", given=pixels),
    *rows(swinv2, "Swinv2Model", given=odd_pixels, label="odd"),
    *rows(masked_swinv2, "Swinv2ForMaskedImageModeling", given=masked_pixels),
)
