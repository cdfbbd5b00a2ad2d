"""Encoders of images: rows of the harness."""

from __future__ import annotations

from random import Random
from typing import Any

import torch
from torch import Tensor
from transformers import BeitConfig, DeiTConfig, Dinov2Config, PretrainedConfig, ViTConfig, ViTMAEConfig

from references.row import KEY_BIASES, Row, encoder_sizes, rows


def pixels(config: Any, side: str | None) -> dict[str, Tensor]:
    """Draw three images."""
    size = config.image_size
    return {"pixel_values": torch.randn(3, config.num_channels, size, size, dtype=torch.float64)}


def masked_pixels(config: Any, side: str | None) -> dict[str, Tensor]:
    """Draw three images, and which of their patches are masked."""
    count = (config.image_size // config.patch_size) ** 2
    return {**pixels(config, side), "bool_masked_pos": torch.rand(3, count) < 0.4}


def shuffled_pixels(config: Any, side: str | None) -> dict[str, Tensor]:
    """Draw three images, and the numbers by which their patches are shuffled."""
    return {**pixels(config, side), "noise": torch.rand(3, (config.image_size // config.patch_size) ** 2)}


def other_pixels(config: Any, side: str | None) -> dict[str, Tensor]:
    """Draw three images of another size than the positions were learned for, some of their patches masked."""
    rows, columns = config.image_size // config.patch_size + 2, config.image_size // config.patch_size + 1
    shape = (3, config.num_channels, rows * config.patch_size + 2, columns * config.patch_size + 1)
    masked = torch.rand(3, rows * columns) < 0.4
    return {"pixel_values": torch.randn(shape, dtype=torch.float64), "bool_masked_pos": masked}


def image_sizes(random: Random) -> dict[str, Any]:
    """Draw odd sizes of an encoder of images."""
    patch = random.choice((3, 5))
    return {
        **encoder_sizes(random),
        "image_size": patch * random.choice((3, 4)) + random.choice((0, patch - 1)),  # pixels that fill no patch
        "patch_size": patch,
        "num_channels": random.choice((1, 3)),
    }


def vit(random: Random, **changes: Any) -> PretrainedConfig:
    return ViTConfig(**image_sizes(random), qkv_bias=random.choice((True, False)), **changes)


def deit(random: Random, **changes: Any) -> PretrainedConfig:
    return DeiTConfig(**image_sizes(random), qkv_bias=random.choice((True, False)), **changes)


def mae(random: Random, **changes: Any) -> PretrainedConfig:
    heads = random.choice((2, 3))
    sizes = image_sizes(random)
    sizes["image_size"] -= sizes["image_size"] % sizes["patch_size"]  # its decoder tells every pixel
    return ViTMAEConfig(
        **sizes,
        qkv_bias=random.choice((True, False)),
        decoder_hidden_size=heads * random.choice((4, 8)),
        decoder_num_attention_heads=heads,
        decoder_num_hidden_layers=random.choice((1, 2)),
        decoder_intermediate_size=random.randrange(15, 40, 2),
        mask_ratio=random.choice((0.5, 0.75)),
        **changes,
    )


def beit(random: Random, **changes: Any) -> PretrainedConfig:
    whose = random.choice(("use_relative_position_bias", "use_shared_relative_position_bias"))
    settings = {
        whose: True,
        "use_absolute_position_embeddings": random.choice((True, False)),
        "use_mean_pooling": random.choice((True, False)),
        "layer_scale_init_value": random.choice((0.1, 1e-5)),
        "vocab_size": random.randrange(31, 60),
    }
    return BeitConfig(**image_sizes(random), **(settings | changes))


def plain_beit(random: Random, **changes: Any) -> PretrainedConfig:
    return beit(random, use_relative_position_bias=False, use_shared_relative_position_bias=False,
                layer_scale_init_value=0.0, **changes)  # fmt: skip


def masked_beit(random: Random, **changes: Any) -> PretrainedConfig:
    return beit(random, use_mask_token=True, **changes)


def words_of_beit(random: Random, **changes: Any) -> PretrainedConfig:
    # With two norms behind the stack, transformers 5.23.0 swaps them as it opens its own file.
    return masked_beit(random, use_mean_pooling=True, **changes)


def dinov2(random: Random, **changes: Any) -> PretrainedConfig:
    sizes = image_sizes(random)
    del sizes["intermediate_size"]
    settings = {"mlp_ratio": random.choice((2, 4)), "layerscale_value": random.choice((1.0, 0.5))}
    return Dinov2Config(**sizes, **settings, qkv_bias=random.choice((True, False)), **changes)


def gated_dinov2(random: Random, **changes: Any) -> PretrainedConfig:
    return dinov2(random, use_swiglu_ffn=True, **changes)


ROWS: tuple[Row, ...] = (
    *rows(vit, "ViTModel ViTForImageClassification", given=pixels),
    *rows(deit, "DeiTModel DeiTForImageClassification", given=pixels),
    *rows(deit, "DeiTForImageClassificationWithTeacher", given=pixels, unseen=(*KEY_BIASES, "_classifier.bias")),
    *rows(mae, "ViTMAEModel ViTMAEForPreTraining", given=shuffled_pixels),
    *rows(beit, "BeitModel BeitForImageClassification", given=pixels),
    *rows(plain_beit, "BeitModel", given=pixels, label="plain"),
    *rows(masked_beit, "BeitModel", given=masked_pixels, label="masked"),
    *rows(words_of_beit, "BeitForMaskedImageModeling", given=masked_pixels),
    *rows(dinov2, "Dinov2Model", given=masked_pixels),
    *rows(dinov2, "Dinov2Model", given=other_pixels, label="stretched", narrows=True),
    *rows(dinov2, "Dinov2ForImageClassification", given=pixels, idle=("mask_token",)),
    *rows(gated_dinov2, "Dinov2Model", given=masked_pixels, label="gated"),
)
