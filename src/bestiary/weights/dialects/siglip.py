"""SigLIP's checkpoints: either tower alone, and both."""

from __future__ import annotations

from typing import Any

from bestiary.weights.config import ACTIVATIONS, Arguments, Derive, Number, Pin, Row, Size, Word, optional_size
from bestiary.weights.dialects.clip import AGAIN, LAYERS, layer_arguments
from bestiary.weights.dialects.dialect import COMMON, Dialect, always, part, part_arguments
from bestiary.weights.keys import nested

TEXT = """
embed.tokens.weight                          = [text_model.]embeddings.token_embedding.weight
embed.position.weight                        = [text_model.]embeddings.position_embedding.weight
stack.norm.{weight,bias}                     = [text_model.]final_layer_norm.{weight,bias}
heads.pool.output.{weight,bias}              = [text_model.]head.{weight,bias}
""" + LAYERS.replace("SELF", "text_model")

VISION = """
embed.patches.weight                         = [vision_model.]embeddings.patch_embedding.weight | flatten
embed.patches.bias                           = [vision_model.]embeddings.patch_embedding.bias
embed.position                               = [vision_model.]embeddings.position_embedding.weight
stack.norm.{weight,bias}                     = [vision_model.]post_layernorm.{weight,bias}
heads.pool.probe                             = [vision_model.]head.probe | unwrap
heads.pool.cross.{q,k,v}.weight              = [vision_model.]head.attention.in_proj_weight | split
heads.pool.cross.{q,k,v}.bias                = [vision_model.]head.attention.in_proj_bias | split
heads.pool.cross.o.{weight,bias}             = [vision_model.]head.attention.out_proj.{weight,bias}
heads.pool.norm.{weight,bias}                = [vision_model.]head.layernorm.{weight,bias}
heads.pool.mlp.up.{weight,bias}              = [vision_model.]head.mlp.fc1.{weight,bias}
heads.pool.mlp.down.{weight,bias}            = [vision_model.]head.mlp.fc2.{weight,bias}
""" + LAYERS.replace("SELF", "vision_model")

LAYER_SIZES: dict[str, Row] = {
    **COMMON,
    "hidden_size": Size("dim", 768),
    "num_hidden_layers": Size("depth", 12),
    "num_attention_heads": Size("heads", 12),
    "intermediate_size": Size("hidden", 3072),
    "hidden_act": Word("activation", ACTIVATIONS, "gelu_pytorch_tanh"),
    "layer_norm_eps": Number("eps", 1e-6),
    "attention_dropout": Number("attention_dropout", 0.0),
}
WIDTH = Derive(
    ("projection_size",),
    lambda config: {"width": optional_size(config, "projection_size")},
    lambda arguments: {"projection_size": arguments["width"]},
)


def _text_arguments(spec: Any) -> Arguments:
    sizes = {"vocab": spec.embed.vocab, "length": spec.embed.position.length, "width": spec.heads["pool"].width}
    return layer_arguments(spec) | sizes


def _image_arguments(spec: Any) -> Arguments:
    embed = spec.embed
    return layer_arguments(spec) | {"image": embed.image, "patch": embed.patch, "channels": embed.channels}


SIGLIP_TEXT = Dialect(
    name="siglip_text_model",
    architecture=always("siglip_text"),
    architectures=("siglip_text",),
    keys=always(TEXT),
    config={**LAYER_SIZES, "vocab_size": Size("vocab", 32000), "max_position_embeddings": Size("length", 64)},
    tasks={"SiglipTextModel": "base"},
    derived=(WIDTH,),
    arguments=_text_arguments,
)

SIGLIP_VISION = Dialect(
    name="siglip_vision_model",
    architecture=always("siglip_vision"),
    architectures=("siglip_vision",),
    keys=always(VISION),
    config={
        **LAYER_SIZES,
        "image_size": Size("image", 224),
        "patch_size": Size("patch", 16),
        "num_channels": Size("channels", 3),
        "vision_use_head": Pin((True,), "a tower without its summary is not compared"),
    },
    tasks={"SiglipVisionModel": "base"},
    arguments=_image_arguments,
)

BOTH = "\n".join(
    (
        nested("text", TEXT.replace("[text_model.]", "text_model.")),
        nested("image", VISION.replace("[vision_model.]", "vision_model.")),
        "heads.match.{scale,bias} = logit_{scale,bias}",
    )
)

SIGLIP = Dialect(
    name="siglip",
    architecture=always("siglip"),
    architectures=("siglip",),
    keys=always(BOTH),
    config={**COMMON, "text_config": part("text", SIGLIP_TEXT), "vision_config": part("image", SIGLIP_VISION)},
    tasks={"SiglipModel": "contrastive"},
    derived=(AGAIN,),
    arguments=lambda spec: {
        "text": part_arguments(spec.text, SIGLIP_TEXT),
        "image": part_arguments(spec.image, SIGLIP_VISION),
    },
)

DIALECTS = (SIGLIP_TEXT, SIGLIP_VISION, SIGLIP)
