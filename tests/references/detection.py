"""Detectors: rows of the harness."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

import torch
from torch import Tensor
from transformers import DetrConfig, PretrainedConfig, ResNetConfig

from references.row import KEY_BIASES, LABELS, Row

FIRST = tuple(f"decoder.layers.0.self_attn.{name}" for name in ("q_proj.weight", "q_proj.bias", "k_proj.weight"))
UNSEEN = (*KEY_BIASES, *FIRST, "decoder.layers.0.self_attn.v_proj.weight")
"""The decoder begins with zeros, whose values are alike: however it weighs them, it gets their bias."""


@dataclass(frozen=True)
class Trained(Row):
    """A reference of which the library freezes the first layers, which says nothing of the architecture."""

    def reference(self, seed: int) -> Any:
        return super().reference(seed).requires_grad_(True)

    def summed(self, one: str, other: str) -> bool:
        """The last convolution of a block and its shortcut are added."""
        return block_of(one) is not None and block_of(one) == block_of(other)


def block_of(name: str) -> str | None:
    """Return the block whose output a tensor shifts."""
    ends = [f"{part}.normalization.bias" for part in ("layer.2", "shortcut")]
    return next((name.removesuffix(end) for end in ends if name.endswith(end)), None)


def images(config: Any, side: str | None) -> dict[str, Tensor]:
    """Draw three images; with a side, two of them smaller, filled up at the right and below as they always are."""
    channels = config.backbone_config.num_channels
    pixels = torch.randn(3, channels, 67, 101, dtype=torch.float64)
    if side is None:
        return {"pixel_values": pixels}
    mask = torch.ones(3, 67, 101, dtype=torch.long)
    mask[0, 40:], mask[1, :, 55:] = 0, 0
    return {"pixel_values": pixels * mask[:, None], "pixel_mask": mask}


def detr(random: Random, **changes: Any) -> PretrainedConfig:
    widths = [4 * random.randrange(3, 9) for _ in range(4)]
    network = ResNetConfig(
        embedding_size=random.randrange(5, 9),
        hidden_sizes=widths,
        depths=[random.choice((1, 2)) for _ in widths],
        num_channels=random.choice((1, 3)),
        out_features=["stage1", "stage2", "stage3", "stage4"],
    )
    sizes: dict[str, Any] = {
        "d_model": 32,
        "encoder_layers": random.choice((2, 3)),
        "decoder_layers": random.choice((2, 3)),
        "encoder_attention_heads": 8,
        "decoder_attention_heads": random.choice((2, 4)),
        "encoder_ffn_dim": random.randrange(31, 60, 2),
        "decoder_ffn_dim": random.randrange(30, 60, 2),
        "num_queries": random.randrange(5, 9),
        "activation_function": random.choice(("relu", "gelu")),
    }
    return DetrConfig(backbone_config=network, **sizes | changes)


def labeled(random: Random, **changes: Any) -> PretrainedConfig:
    return detr(random, num_labels=LABELS, **changes)


ROWS: tuple[Row, ...] = (
    Trained("DetrModel", detr, given=images, unseen=UNSEEN),
    Trained("DetrForObjectDetection", labeled, given=images, unseen=UNSEEN),
    Trained("DetrForSegmentation", labeled, given=images, unseen=UNSEEN),
)
