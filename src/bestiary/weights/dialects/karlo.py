"""The parts of unCLIP in the layout of diffusers, as Karlo was published: the decoder, and what it is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bestiary.errors import BestiaryError
from bestiary.spec import JoinedAttention, UNet, VectorTeller, walk_once
from bestiary.spec.feature_maps import first_block
from bestiary.weights.config import WAIVE, Arguments, Derive, Number, Pin, Row, Size, Word, shown, sizes
from bestiary.weights.dialects import maps
from bestiary.weights.dialects.dialect import DIFFUSERS, Dialect, always
from bestiary.weights.dialects.unets import ACTIVATIONS, CROSS, block_types

TELLER_KEYS = """
nothing               = learned_classifier_free_guidance_embeddings
image.{weight,bias}   = clip_image_embeddings_project_to_time_embeddings.{weight,bias}
whole.{weight,bias}   = embedding_proj.{weight,bias}
extra.{weight,bias}   = clip_extra_context_tokens_proj.{weight,bias}
words.{weight,bias}   = encoder_hidden_states_proj.{weight,bias}
norm.{weight,bias}    = text_encoder_hidden_states_norm.{weight,bias}
"""


def _teller_arguments(spec: VectorTeller) -> Arguments:
    return {"dim": spec.dim, "width": spec.width, "hidden": spec.hidden, "extra": spec.extra}


TELLER = Dialect(
    name="unclip-text-projection",
    architecture=always("vector_teller"),
    architectures=("vector_teller",),
    keys=always(TELLER_KEYS),
    config={
        **dict.fromkeys(("_class_name", "_diffusers_version", "_name_or_path"), WAIVE),
        "clip_extra_context_tokens": Size("extra", 4),
        "clip_embeddings_dim": Size("width", 768),
        "time_embed_dim": Size("hidden"),
        "cross_attention_dim": Size("dim"),
    },
    tasks={"UnCLIPTextProjModel": "denoising"},
    arguments=_teller_arguments,
    model_type="UnCLIPTextProjModel",
    layout=DIFFUSERS,
)


_OTHER = "this is another architecture"

DECODER_CONFIG: dict[str, Row] = {
    **{key: row for key, row in CROSS.items() if key not in ("flip_sin_to_cos", "freq_shift")},
    "in_channels": Size("channels", 4),
    "act_fn": Word("activation", ACTIVATIONS, "silu"),
    "norm_eps": Pin((1e-5,), "blocks are normalized as attentions are, whose constant no config says"),
    "class_embed_type": Pin(("identity",), _OTHER),
    "mid_block_type": Pin(("UNetMidBlock2DSimpleCrossAttn",), _OTHER),
    "resnet_time_scale_shift": Pin(("scale_shift",), _OTHER),
    "flip_sin_to_cos": Pin((True,), "cosines come first in this family"),
    "freq_shift": Pin((0,), "other frequencies of time steps were never published in this family"),
    "downsample_padding": WAIVE,  # of convolutions that this family has none of
    "use_linear_projection": WAIVE,  # of transformers that it has none of
    "transformer_layers_per_block": WAIVE,
    "dropout": Number("dropout", 0.0),
}


def _read(config: Mapping[str, Any]) -> Arguments:
    widths = sizes(config, "block_out_channels")
    found: Any = config.get("down_block_types")
    if not isinstance(found, list) or any(kind not in (_DOWN, _PLAIN) for kind in found) or len(found) != len(widths):
        raise BestiaryError(f"'down_block_types' is {shown(found)}; give {_DOWN} or {_PLAIN} for each level")
    attends = tuple(int(kind == _DOWN) for kind in found)
    mirrored = block_types(attends, _DOWN, _PLAIN)["up_block_types"]
    if config.get("up_block_types") != mirrored:
        raise BestiaryError(
            f"'up_block_types' is {shown(config.get('up_block_types'))}, but the way up mirrors the way down"
        )
    width = sizes({"attention_head_dim": 8} | dict(config), "attention_head_dim", 1)[0]
    return {"widths": widths, "attends": attends, "head_dim": width}


_DOWN, _PLAIN = "SimpleCrossAttnDownBlock2D", "ResnetDownsampleBlock2D"


def _write(arguments: Arguments) -> dict[str, Any]:
    return {
        "block_out_channels": list(arguments["widths"]),
        **block_types(arguments["attends"], _DOWN, _PLAIN),
        "attention_head_dim": arguments["head_dim"],
        "class_embed_type": "identity",
        "mid_block_type": "UNetMidBlock2DSimpleCrossAttn",
        "resnet_time_scale_shift": "scale_shift",
    }


def _arguments(spec: UNet) -> Arguments:
    joined = next(part for _, part in walk_once(spec.middle) if isinstance(part, JoinedAttention))
    block = first_block(spec.middle)
    return {
        "widths": tuple(level.dim for level in spec.down),
        "depth": len(spec.down[0].cells),
        "attends": tuple(int(level.cells[0].attend is not None) for level in spec.down),
        "read": joined.width,
        "size": spec.size,
        "channels": spec.channels,
        "out": spec.out,
        "head_dim": spec.middle.dim // joined.heads,
        "groups": spec.norm.groups,
        "activation": block.activation,
        "dropout": block.dropout,
    }


DECODER = Dialect(
    name="unclip-decoder",
    architecture=always("joined_unet"),
    architectures=("joined_unet",),
    keys=maps.unet_keys,
    config=DECODER_CONFIG,
    tasks={"UNet2DConditionModel": "denoising"},
    derived=(
        Derive(("block_out_channels", "down_block_types", "up_block_types", "attention_head_dim"), _read, _write),
    ),
    arguments=_arguments,
    model_type="UNet2DConditionModel",
    says=lambda config: config.get("class_embed_type") == "identity",
    layout=DIFFUSERS,
)

DIALECTS = (TELLER, DECODER)
