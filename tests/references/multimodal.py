"""What reads texts and images: rows of the harness."""

from __future__ import annotations

from random import Random
from typing import Any

import torch
from torch import Tensor
from transformers import (
    CLIPConfig,
    CLIPTextConfig,
    CLIPVisionConfig,
    PretrainedConfig,
    SiglipConfig,
    SiglipTextConfig,
    SiglipVisionConfig,
)

from references.drawn import TOKENS, kept, texts
from references.images import pixels
from references.row import Row, encoder_sizes, rows


def ended(config: Any, side: str | None) -> dict[str, Tensor]:
    """Draw texts whose last real token ends them."""
    keep = kept(TOKENS, side)
    ids = texts(config, keep)
    end = config.vocab_size - 1 if config.eos_token_id == 2 else config.eos_token_id
    last = (torch.arange(TOKENS) * keep).argmax(-1, keepdim=True)
    given = {"input_ids": ids.scatter(1, last, end)}
    return given | ({} if side is None else {"attention_mask": keep})


def clip_text(random: Random, **changes: Any) -> PretrainedConfig:
    vocab = random.randrange(101, 150, 2)
    return CLIPTextConfig(
        **encoder_sizes(random),
        vocab_size=vocab,
        max_position_embeddings=random.randrange(23, 50),
        projection_dim=random.choice((7, 12)),
        eos_token_id=random.choice((2, vocab - 1)),
        pad_token_id=random.choice((0, 1)),
        **changes,
    )


def clip_vision(random: Random, **changes: Any) -> PretrainedConfig:
    patch = random.choice((3, 5))
    return CLIPVisionConfig(
        **encoder_sizes(random),
        image_size=patch * random.choice((3, 4)) + random.choice((0, 1)),
        patch_size=patch,
        num_channels=random.choice((1, 3)),
        projection_dim=random.choice((7, 12)),
        **changes,
    )


def clip(random: Random, **changes: Any) -> PretrainedConfig:
    text, image = clip_text(random), clip_vision(random)
    sizes = {"projection_dim": random.choice((7, 12)), **changes}
    return CLIPConfig(text_config=text.to_dict(), vision_config=image.to_dict(), **sizes)


def both(config: Any, side: str | None) -> dict[str, Tensor]:
    """Draw three texts and three images."""
    return ended(config.text_config, side) | pixels(config.vision_config, side)


def siglip_text(random: Random, **changes: Any) -> PretrainedConfig:
    return SiglipTextConfig(
        **encoder_sizes(random),
        vocab_size=random.randrange(101, 150, 2),
        max_position_embeddings=random.randrange(23, 50),
        **{"projection_size": random.choice((7, 12)), "pad_token_id": random.choice((0, 1)), **changes},
    )


def siglip_vision(random: Random, **changes: Any) -> PretrainedConfig:
    patch = random.choice((3, 5))
    sizes = {
        "image_size": patch * random.choice((3, 4)) + random.choice((0, 1)),
        "patch_size": patch,
        "num_channels": random.choice((1, 3)),
    }
    return SiglipVisionConfig(**encoder_sizes(random), **sizes, **changes)


def siglip(random: Random, **changes: Any) -> PretrainedConfig:
    image = siglip_vision(random)
    text = siglip_text(random, projection_size=image.hidden_size)
    return SiglipConfig(text_config=text.to_dict(), vision_config=image.to_dict(), **changes)


def read(config: Any, side: str | None) -> dict[str, Tensor]:
    """Draw three texts."""
    keep = kept(TOKENS, side)
    return {"input_ids": texts(config, keep)} | ({} if side is None else {"attention_mask": keep})


def read_both(config: Any, side: str | None) -> dict[str, Tensor]:
    """Draw three texts and three images."""
    return read(config.text_config, side) | pixels(config.vision_config, side)


ROWS: tuple[Row, ...] = (
    *rows(clip_text, "CLIPTextModel CLIPTextModelWithProjection", given=ended),
    *rows(clip_vision, "CLIPVisionModel CLIPVisionModelWithProjection", given=pixels),
    *rows(clip, "CLIPModel", given=both),
    *rows(siglip_text, "SiglipTextModel", given=read),
    *rows(siglip_vision, "SiglipVisionModel", given=pixels),
    *rows(siglip, "SiglipModel", given=read_both),
)
