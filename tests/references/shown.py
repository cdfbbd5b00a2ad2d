"""Language models that are shown pictures: rows of the harness."""

from __future__ import annotations

from functools import partial
from random import Random
from typing import Any

import torch
from torch import Tensor
from transformers import (
    Blip2Config,
    Blip2QFormerConfig,
    Blip2VisionConfig,
    CLIPVisionConfig,
    LlavaConfig,
    PretrainedConfig,
    SiglipVisionConfig,
    VipLlavaConfig,
)

from references.drawn import TOKENS, kept, texts
from references.early import opt
from references.llamas import llama, mistral, qwen3
from references.pairs import t5, t5_gated
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


def tower(kind: Any, random: Random, **changes: Any) -> dict[str, Any]:
    """Draw a reader of images of two layers, which cuts four patches."""
    patch = random.choice((3, 5))
    sizes = {"image_size": patch * 2, "patch_size": patch, "num_channels": random.choice((1, 3))}
    return kind(**{**encoder_sizes(random), **sizes, "num_hidden_layers": 2, **changes}).to_dict()


def llava(random: Random, text: Any = llama, kind: Any = CLIPVisionConfig, **changes: Any) -> PretrainedConfig:
    words = text(random).to_dict()
    settings = {
        "image_token_index": random.choice((5, words["vocab_size"] - 1)),
        "projector_hidden_act": random.choice(("gelu", "relu")),
        "multimodal_projector_bias": random.choice((True, False)),
    }
    return LlavaConfig(vision_config=tower(kind, random), text_config=words, **(settings | changes))


def vip_llava(random: Random, **changes: Any) -> PretrainedConfig:
    words = llama(random).to_dict()
    settings = {
        "image_token_index": random.choice((5, words["vocab_size"] - 1)),
        "projector_hidden_act": random.choice(("gelu", "relu")),
        "projector_layernorm_eps": random.choice((1e-5, 1e-3)),
        "vision_feature_layer": random.choice(([-1, -2], [2, 0, 1])),
    }
    return VipLlavaConfig(vision_config=tower(CLIPVisionConfig, random), text_config=words, **(settings | changes))


def _siglip(random: Random, **changes: Any) -> PretrainedConfig:
    return llava(random, kind=SiglipVisionConfig, vision_feature_select_strategy="full", **changes)


def _tied(random: Random, **changes: Any) -> PretrainedConfig:
    return llava(random, text=partial(llama, tie_word_embeddings=True), **changes)


def blip2(random: Random, text: Any = opt, **changes: Any) -> PretrainedConfig:
    words, image = text(random), tower(Blip2VisionConfig, random, num_channels=3, qkv_bias=random.choice((True, False)))
    drawn = encoder_sizes(random, cross_attention_frequency=random.choice((2, 3)), num_hidden_layers=3)
    former = Blip2QFormerConfig(**drawn, encoder_hidden_size=image["hidden_size"]).to_dict()
    return Blip2Config(
        vision_config=image,
        qformer_config=former,
        text_config=words.to_dict(),
        num_query_tokens=PER_IMAGE,
        image_token_index=random.choice((5, words.vocab_size - 1)),
        **changes,
    )


def showing_pair(config: Any, side: str | None) -> dict[str, Tensor]:
    """Draw those, and what the decoder has written so far."""
    past = kept(TOKENS - 2, side)
    given = showing(config, side) | {"decoder_input_ids": texts(config.text_config, past)}
    return given | ({} if side is None else {"decoder_attention_mask": past})


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


_BLIP2 = ("Blip2ForConditionalGeneration", "Blip2Model")
_VIP = ("VipLlavaForConditionalGeneration", "VipLlavaModel")
_PAIR: dict[str, Any] = {"caches": False, "steady": False}

ROWS: tuple[Row, ...] = (
    _row("", llava),
    _row("", llava, name="Model"),
    _row("mistral", partial(llava, text=mistral)),
    _row("qwen3", partial(llava, text=qwen3)),
    _row("tied", _tied),
    _row("siglip", _siglip, (*UNREAD, *SUMMARY)),
    _row("layers", partial(llava, vision_feature_layer=[-1, 0]), _BEHIND),
    *(Row(name, vip_llava, given=showing, idle=_BEHIND, unseen=(*KEY_BIASES, *_BEHIND)) for name in _VIP),
    # What it answers with holds no cache: test_vision_language.py compares what both write with theirs.
    *(Row(name, blip2, given=showing, caches=False) for name in _BLIP2),
    *(Row(name, partial(blip2, text=t5), "t5", given=showing_pair, **_PAIR) for name in _BLIP2),
    Row(_BLIP2[0], partial(blip2, text=t5_gated), "gated", given=showing_pair, **_PAIR),
)
