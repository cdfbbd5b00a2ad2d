"""Language models that are shown pictures: rows of the harness."""

from __future__ import annotations

from functools import partial
from random import Random
from typing import Any

import torch
from torch import Tensor
from transformers import CLIPVisionConfig, LlavaConfig, PretrainedConfig, SiglipVisionConfig

from references.drawn import TOKENS, kept, texts
from references.llamas import llama, mistral, qwen3
from references.row import KEY_BIASES, Row, encoder_sizes

ROOM = 6
"""Where images stand: the first tokens, which the tests of caches read at once."""
PER_IMAGE = 4


def showing(config: Any, side: str | None) -> dict[str, Tensor]:
    """Draw three texts, and an image for each that has the room for one behind its first real token."""
    keep, token = kept(TOKENS, side), config.image_token_index
    ids = texts(config.text_config, keep)
    ids = ids.masked_fill((ids == token) & keep.bool(), 3)
    first = keep.argmax(-1) + 1
    shown = [row for row in range(len(ids)) if first[row] + PER_IMAGE <= ROOM]
    for row in shown:
        ids[row, first[row] : first[row] + PER_IMAGE] = token
    size, channels = config.vision_config.image_size, getattr(config.vision_config, "num_channels", 3)
    pixels = torch.randn(len(shown), channels, size, size, dtype=torch.float64)
    return {"input_ids": ids, "pixel_values": pixels} | ({} if side is None else {"attention_mask": keep})


def tower(kind: Any, random: Random, across: int = 2, **changes: Any) -> dict[str, Any]:
    """Draw a reader of images of two layers, ``across`` patches on a side."""
    patch = random.choice((3, 5))
    sizes = {"image_size": patch * across, "patch_size": patch, "num_channels": random.choice((1, 3))}
    return kind(**{**encoder_sizes(random), **sizes, "num_hidden_layers": 2, **changes}).to_dict()


def llava(random: Random, text: Any = llama, kind: Any = CLIPVisionConfig, **changes: Any) -> PretrainedConfig:
    words = text(random).to_dict()
    settings = {
        "image_token_index": random.choice((5, words["vocab_size"] - 1)),
        "projector_hidden_act": random.choice(("gelu", "relu")),
        "multimodal_projector_bias": random.choice((True, False)),
    }
    return LlavaConfig(vision_config=tower(kind, random), text_config=words, **(settings | changes))


def _siglip(random: Random, **changes: Any) -> PretrainedConfig:
    return llava(random, kind=SiglipVisionConfig, vision_feature_select_strategy="full", **changes)


def _tied(random: Random, **changes: Any) -> PretrainedConfig:
    return llava(random, text=partial(llama, tie_word_embeddings=True), **changes)


_PARTS = [f"self_attn.{part}" for part in ("q_proj", "k_proj", "v_proj", "out_proj")]
_LAST = [f"encoder.layers.1.{part}" for part in (*_PARTS, "layer_norm1", "layer_norm2", "mlp.fc1", "mlp.fc2")]
_BEHIND = tuple(f"vision_tower.post_layernorm.{kind}" for kind in ("weight", "bias"))
UNREAD = (*(f"vision_tower.{part}.{kind}" for part in _LAST for kind in ("weight", "bias")), *_BEHIND)
"""The last layer of a reader of images, and the norm behind it: the one before is what the words are shown."""
_HEAD = (
    "probe", "attention.in_proj_weight", "attention.in_proj_bias", "attention.out_proj.weight",
    "attention.out_proj.bias", "layernorm.weight", "layernorm.bias", "mlp.fc1.weight", "mlp.fc1.bias",
    "mlp.fc2.weight", "mlp.fc2.bias",
)  # fmt: skip
SUMMARY = tuple(f"vision_tower.head.{part}" for part in _HEAD)
"""SigLIP's summary, which no word is shown."""


def _row(label: str, config: Any, unread: tuple[str, ...] = UNREAD, name: str = "ForConditionalGeneration") -> Row:
    return Row(f"Llava{name}", config, label, given=showing, idle=unread, unseen=(*KEY_BIASES, *unread))


ROWS: tuple[Row, ...] = (
    _row("", llava),
    _row("", llava, name="Model"),
    _row("mistral", partial(llava, text=mistral)),
    _row("qwen3", partial(llava, text=qwen3)),
    _row("tied", _tied),
    _row("siglip", _siglip, (*UNREAD, *SUMMARY)),
    _row("layers", partial(llava, vision_feature_layer=[-1, 0]), _BEHIND),
)
