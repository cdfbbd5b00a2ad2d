"""Encoders of images: rows of the harness."""

from __future__ import annotations

from random import Random
from typing import Any

import torch
from torch import Tensor
from transformers import PretrainedConfig, ViTConfig

from references.row import Row, encoder_sizes, rows


def pixels(config: Any, side: str | None) -> dict[str, Tensor]:
    """Draw three images."""
    size = config.image_size
    return {"pixel_values": torch.randn(3, config.num_channels, size, size, dtype=torch.float64)}


def vit(random: Random, **changes: Any) -> PretrainedConfig:
    patch = random.choice((3, 5))
    return ViTConfig(
        **encoder_sizes(random),
        image_size=patch * random.choice((3, 4)),
        patch_size=patch,
        num_channels=random.choice((1, 3)),
        qkv_bias=random.choice((True, False)),
        **changes,
    )


ROWS: tuple[Row, ...] = (*rows(vit, "ViTModel ViTForImageClassification", given=pixels),)
