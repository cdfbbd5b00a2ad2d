"""LLaVA's checkpoints: a tower of CLIP or SigLIP, a connector, and a decoder in LLaMA's shape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bestiary.errors import BestiaryError
from bestiary.spec import NormedPatches, VisionLanguage
from bestiary.weights.config import ACTIVATIONS, WAIVE, Arguments, Derive, Flag, Number, Pin, Row, Size, Word, shown
from bestiary.weights.dialects import clip, llama, mistral, qwen, siglip
from bestiary.weights.dialects.dialect import COMMON, Dialect, always, part, part_arguments
from bestiary.weights.keys import nested

_TOWER = "vision_tower.[/vision_model.]"
"""Newer files leave the second word out, in which the library had a class of its own."""

WORDS = llama.KEYS + qwen.QK_NORMS
"""The language model's, whichever of them it is."""

CONNECTOR = """
connector.{up,down}.weight = multi_modal_projector.{linear_1,linear_2}.weight
connector.{up,down}.bias   = multi_modal_projector.{linear_1,linear_2}.bias
"""

NORM = """
connector.norm.{weight,bias} = multi_modal_projector.projector_layernorm.{weight,bias}
"""


def _keys(spec: VisionLanguage) -> str:
    tower = clip.VISION if isinstance(spec.image.embed, NormedPatches) else siglip.VISION
    return "\n".join(
        (
            nested("image", tower.replace("[vision_model.]", _TOWER)),
            CONNECTOR,
            nested("text", WORDS.replace("[model.]", "model."), "language_model."),
        )
    )


SIZES = {"hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32, "vocab_size": 32000}
TEXTS = (
    replace(llama.DIALECT, usual={**SIZES, "intermediate_size": 11008}),
    replace(mistral.DIALECT, usual={**SIZES, "intermediate_size": 14336}),
    qwen.QWEN2,
    qwen.QWEN3,
)
IMAGES = (
    replace(clip.CLIP_VISION, config={**clip.CLIP_VISION.config, "vocab_size": WAIVE}),  # a tower knows no words
    siglip.SIGLIP_VISION,
)


def _layers(*default: int) -> Derive:
    """Return the row of the layers that are read, with what its absence means; older files call it otherwise."""

    def read(config: Mapping[str, Any]) -> Arguments:
        said = config.get("vision_feature_layer", config.get("vision_feature_layers", list(default)))
        layers: list[Any] = said if isinstance(said, list) else [said]
        if not layers or any(type(layer) is not int for layer in layers):
            raise BestiaryError(f"'vision_feature_layer' is {shown(said)}; give the number of a layer, or several")
        return {"layers": tuple(layers)}

    return Derive(("vision_feature_layer", "vision_feature_layers"), read, _write_layers)


def _write_layers(arguments: Arguments) -> dict[str, Any]:
    layers = arguments["layers"]
    return {"vision_feature_layer": layers[0] if len(layers) == 1 else list(layers)}


def _read_tied(config: Mapping[str, Any]) -> Arguments:
    if not config.get("vision_config"):  # the library's own is another than a tower alone would have
        raise BestiaryError("'vision_config' is missing; add it")
    text = config.get("text_config") or {}
    if config.get("tie_word_embeddings", False) and not text.get("tie_word_embeddings", False):
        raise BestiaryError("'tie_word_embeddings' is true, but the language model's own is not; say it in both places")
    return {}


TIED = Derive(
    ("tie_word_embeddings",), _read_tied, lambda arguments: {"tie_word_embeddings": arguments["text"]["tied"]}
)

SHARED: dict[str, Row] = {
    **{key: row for key, row in COMMON.items() if key != "tie_word_embeddings"},
    "vision_config": part("image", *IMAGES),
    "text_config": part("text", *TEXTS),
    "image_token_index": Size("token", 32000),
    "projector_hidden_act": Word("activation", ACTIVATIONS, "gelu"),
    "image_seq_length": WAIVE,  # how many vectors an image becomes, which follows from its size
    "vocab_size": WAIVE,  # older files repeat the language model's
    "ignore_index": WAIVE,
}
CONFIG: dict[str, Row] = {
    **SHARED,
    "multimodal_projector_bias": Flag("bias", True),
    "vision_feature_select_strategy": Word("skipped", {"default": 1, "full": 0}, "default"),
}


def _shared_arguments(spec: VisionLanguage) -> Arguments:
    connector: Any = spec.connector
    assert spec.reads is not None
    return {
        "image": part_arguments(spec.image, *IMAGES),
        "text": part_arguments(spec.text, *TEXTS),
        "token": spec.token,
        "layers": spec.reads.layers,
        "activation": connector.activation,
    }


REPEATED = {
    "vision_tower.[vision_model.]embeddings.position_ids": "",
    "language_model.model.layers.{i}.self_attn.rotary_emb.inv_freq": "",
    "language_model.model.rotary_emb.inv_freq": "",
    "language_model.lm_head.weight": "text.embed.tokens.weight",
}

DIALECT = Dialect(
    name="llava",
    architecture=always("llava"),
    architectures=("llava",),
    keys=_keys,
    config=CONFIG,
    tasks={"LlavaForConditionalGeneration": "image-text-to-text", "LlavaModel": "base"},
    derived=(_layers(-2), TIED),
    repeated=REPEATED,
    arguments=lambda spec: _shared_arguments(spec) | {"skipped": spec.reads.skipped, "bias": spec.connector.bias},
)

VIP = Dialect(
    name="vipllava",
    architecture=always("vip_llava"),
    architectures=("vip_llava",),
    keys=lambda spec: _keys(spec) + NORM,
    config={
        **SHARED,
        "projector_layernorm_eps": Number("eps", 1e-5),
        "vision_feature_select_strategy": Pin(("default",), "the first token of a layer is never shown in this family"),
    },
    tasks={"VipLlavaForConditionalGeneration": "image-text-to-text", "VipLlavaModel": "base"},
    derived=(_layers(-2, -5, -8, -11, 6), TIED),
    repeated=REPEATED,
    arguments=lambda spec: _shared_arguments(spec) | {"eps": spec.at("connector.norm.eps")},
)
