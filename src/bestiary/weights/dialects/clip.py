"""CLIP's checkpoints as transformers spells them: either tower alone, and both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bestiary.errors import BestiaryError
from bestiary.spec import EndSummary, Transformer, own_layers
from bestiary.weights.config import ACTIVATIONS, WAIVE, Arguments, Derive, Number, Row, Size, Word, optional_size, shown
from bestiary.weights.dialects.dialect import COMMON, Dialect, always, part, part_arguments
from bestiary.weights.keys import nested

LAYERS = """
stack.layers.{i}.attn.{q,k,v}.{weight,bias}  = [SELF.]encoder.layers.{i}.self_attn.{q,k,v}_proj.{weight,bias}
stack.layers.{i}.attn.o.{weight,bias}        = [SELF.]encoder.layers.{i}.self_attn.out_proj.{weight,bias}
stack.layers.{i}.attn_norm.{weight,bias}     = [SELF.]encoder.layers.{i}.layer_norm1.{weight,bias}
stack.layers.{i}.mlp.up.{weight,bias}        = [SELF.]encoder.layers.{i}.mlp.fc1.{weight,bias}
stack.layers.{i}.mlp.down.{weight,bias}      = [SELF.]encoder.layers.{i}.mlp.fc2.{weight,bias}
stack.layers.{i}.mlp_norm.{weight,bias}      = [SELF.]encoder.layers.{i}.layer_norm2.{weight,bias}
"""
"""The layers of either tower; ``SELF`` stands for its name."""

TEXT = """
embed.tokens.weight                          = [text_model.]embeddings.token_embedding.weight
embed.position.weight                        = [text_model.]embeddings.position_embedding.weight
stack.norm.{weight,bias}                     = [text_model.]final_layer_norm.{weight,bias}
heads.embedding.output.weight                = text_projection.weight
""" + LAYERS.replace("SELF", "text_model")

VISION = """
embed.extra                                  = [vision_model.]embeddings.class_embedding | table
embed.patches.weight                         = [vision_model.]embeddings.patch_embedding.weight | flatten
embed.position                               = [vision_model.]embeddings.position_embedding.weight
embed.norm.{weight,bias}                     = [vision_model.]pre_layrnorm.{weight,bias}
heads.pool.norm.{weight,bias}                = [vision_model.]post_layernorm.{weight,bias}
heads.embedding.output.weight                = visual_projection.weight
""" + LAYERS.replace("SELF", "vision_model")

LAYER_SIZES: dict[str, Row] = {
    "hidden_size": Size("dim"),
    "num_hidden_layers": Size("depth"),
    "num_attention_heads": Size("heads"),
    "intermediate_size": Size("hidden"),
    "hidden_act": Word("activation", ACTIVATIONS, "quick_gelu"),
    "layer_norm_eps": Number("eps", 1e-5),
    "attention_dropout": Number("attention_dropout", 0.0),
    "dropout": WAIVE,  # older files have it, and no code reads it
    "projection_dim": WAIVE,  # read beside the translation: a tower that maps nothing carries it along
}

TEXT_CONFIG: dict[str, Row] = {
    **COMMON,
    **LAYER_SIZES,
    "vocab_size": Size("vocab", 49408),
    "max_position_embeddings": Size("length", 77),
    "hidden_size": Size("dim", 512),
    "num_hidden_layers": Size("depth", 12),
    "num_attention_heads": Size("heads", 8),
    "intermediate_size": Size("hidden", 2048),
}

_WRONG_END = 2
"""Files that were written before the library learned CLIP's end token say this; then the highest token ends a text."""


def _read_end(config: Mapping[str, Any]) -> Arguments:
    end = config.get("eos_token_id", 49407)
    if type(end) is not int or end < 0:
        raise BestiaryError(f"'eos_token_id' is {shown(end)}; give the number of the token that ends a text")
    return {"end": None if end == _WRONG_END else end}


END = Derive(
    ("eos_token_id",),
    _read_end,
    lambda arguments: {"eos_token_id": _WRONG_END if arguments["end"] is None else arguments["end"]},
)

WIDTH = Derive(
    ("projection_dim",),
    lambda config: {"width": optional_size(config, "projection_dim") or 512},
    lambda arguments: {"projection_dim": arguments["width"]} if "width" in arguments else {},
)


def layer_arguments(spec: Transformer) -> Arguments:
    """Return what the layers of a tower say."""
    attention, mlp = own_layers(spec.stack)[0]
    return {
        "dim": spec.dim,
        "depth": len(own_layers(spec.stack)),
        "heads": attention.at("heads"),
        "hidden": mlp.at("hidden"),
        "activation": mlp.at("activation"),
        "eps": attention.at("norm.eps"),
        "attention_dropout": attention.op.at("dropout"),
    }


def text_arguments(spec: Any) -> Arguments:
    """Return the arguments that make the reader of texts."""
    summary, embedding = spec.heads["pool"], spec.heads.get("embedding")
    return layer_arguments(spec) | {
        "vocab": spec.embed.vocab,
        "length": spec.embed.position.length,
        "end": summary.token if isinstance(summary, EndSummary) else None,
        **({"width": embedding.width} if embedding else {}),
    }


CLIP_TEXT = Dialect(
    name="clip_text_model",
    architecture=always("clip_text"),
    architectures=("clip_text",),
    keys=always(TEXT),
    config=TEXT_CONFIG,
    tasks={"CLIPTextModel": "base", "CLIPTextModelWithProjection": "embedding"},
    derived=(END, WIDTH),
    repeated={"[text_model.]embeddings.position_ids": ""},
    arguments=text_arguments,
)

VISION_CONFIG: dict[str, Row] = {
    **COMMON,
    **LAYER_SIZES,
    "hidden_size": Size("dim", 768),
    "num_hidden_layers": Size("depth", 12),
    "num_attention_heads": Size("heads", 12),
    "intermediate_size": Size("hidden", 3072),
    "image_size": Size("image", 224),
    "patch_size": Size("patch", 32),
    "num_channels": Size("channels", 3),
}


def image_arguments(spec: Any) -> Arguments:
    """Return the arguments that make the reader of images."""
    embedding = spec.heads.get("embedding")
    return layer_arguments(spec) | {
        "image": spec.embed.image,
        "patch": spec.embed.patch,
        "channels": spec.embed.channels,
        **({"width": embedding.width} if embedding else {}),
    }


CLIP_VISION = Dialect(
    name="clip_vision_model",
    architecture=always("clip_vision"),
    architectures=("clip_vision",),
    keys=always(VISION),
    config=VISION_CONFIG,
    tasks={"CLIPVisionModel": "base", "CLIPVisionModelWithProjection": "embedding"},
    derived=(WIDTH,),
    repeated={"[vision_model.]embeddings.position_ids": ""},
    arguments=image_arguments,
)

BOTH = "\n".join(
    (
        nested("text", TEXT.replace("[text_model.]", "text_model.")),
        nested("image", VISION.replace("[vision_model.]", "vision_model.")),
        "heads.match.scale = logit_scale",
    )
)

AGAIN = Derive(("text_config_dict", "vision_config_dict"), lambda config: {}, lambda arguments: {})
"""What older files say a second time; read where it is meant, and not written."""

CLIP = Dialect(
    name="clip",
    architecture=always("clip"),
    architectures=("clip",),
    keys=always(BOTH),
    config={
        **COMMON,
        "projection_dim": Size("dim", 512),
        "text_config": part("text", CLIP_TEXT),
        "vision_config": part("image", CLIP_VISION),
        "logit_scale_init_value": WAIVE,  # where training begins
    },
    tasks={"CLIPModel": "contrastive"},
    derived=(AGAIN,),
    repeated={"text_model.embeddings.position_ids": "", "vision_model.embeddings.position_ids": ""},
    arguments=lambda spec: {
        "dim": spec.dim,
        "text": part_arguments(spec.text, CLIP_TEXT),
        "image": part_arguments(spec.image, CLIP_VISION),
    },
)
