"""U-Nets in the layout of diffusers: a class name in the config, levels as lists of block types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bestiary.errors import BestiaryError
from bestiary.spec import (
    Attention,
    ClassCondition,
    ConvDown,
    CrossWidthAttention,
    PixelTransformer,
    ResBlock,
    ScaleShift,
    TimeSines,
    UNet,
    own_layers,
    walk_once,
)
from bestiary.spec.feature_maps import first_block
from bestiary.weights.config import WAIVE, Arguments, Derive, Flag, Number, Pin, Row, Size, Word, shown, sizes
from bestiary.weights.dialects import maps
from bestiary.weights.dialects.dialect import DIFFUSERS, Dialect, always

ACTIVATIONS = {"silu": "silu", "swish": "silu", "gelu": "gelu", "relu": "relu"}

COMMON: dict[str, Row] = {
    **dict.fromkeys(("_class_name", "_diffusers_version", "_name_or_path"), WAIVE),
    "act_fn": Word("activation", ACTIVATIONS, "silu"),
    "norm_num_groups": Size("groups", 32),
}

_UNET: dict[str, Row] = {
    **COMMON,
    "sample_size": Size("size", 64),
    "in_channels": Size("channels", 4),
    "out_channels": Size("out", 4),
    "layers_per_block": Size("depth", 2),
    "norm_eps": Number("eps", 1e-5),
    "dropout": Number("dropout", 0.0),
    "center_input_sample": Pin((False,), "what reads images from 0 to 1 was never published in this family"),
    "mid_block_scale_factor": Pin((1, 1.0), "a scaled middle was never published in this family"),
    "time_embedding_type": Pin(("positional",), "another embedding of time steps is another architecture"),
    "time_embedding_dim": Pin((None,), "another width of the time step's vector was never published in this family"),
    "class_embed_type": Pin((None,), "another embedding of classes is another architecture"),
}

_NOT_HERE = "this is another architecture"

CROSS: dict[str, Row] = {
    **_UNET,
    "cross_attention_dim": Size("read", 1280),
    "flip_sin_to_cos": Pin((True,), "cosines come first in this family"),
    "freq_shift": Pin((0,), "other frequencies of time steps were never published in this family"),
    "mid_block_type": Pin(("UNetMidBlock2DCrossAttn",), _NOT_HERE),
    "downsample_padding": Pin((1,), "zeros stand on every side in this family"),
    "resnet_time_scale_shift": Pin(("default",), _NOT_HERE),
    "resnet_skip_time_act": Pin((False,), _NOT_HERE),
    "resnet_out_scale_factor": Pin((1.0, 1), _NOT_HERE),
    "conv_in_kernel": Pin((3,), _NOT_HERE),
    "conv_out_kernel": Pin((3,), _NOT_HERE),
    "only_cross_attention": Pin((False,), _NOT_HERE),
    "mid_block_only_cross_attention": Pin((None, False), _NOT_HERE),
    "dual_cross_attention": Pin((False,), _NOT_HERE),
    "class_embeddings_concat": Pin((False,), _NOT_HERE),
    "attention_type": Pin(("default",), _NOT_HERE),
    **{
        key: Pin((None,), _NOT_HERE)
        for key in (
            "reverse_transformer_layers_per_block", "encoder_hid_dim", "encoder_hid_dim_type", "num_attention_heads",
            "addition_embed_type", "addition_time_embed_dim", "num_class_embeds", "time_embedding_act_fn",
            "timestep_post_act", "time_cond_proj_dim", "projection_class_embeddings_input_dim", "cross_attention_norm",
        )
    },
    "addition_embed_type_num_heads": WAIVE,  # of an embedding that is pinned to none
    "upcast_attention": WAIVE,  # how scores are rounded, not what they are
}  # fmt: skip


def _kinds(config: Mapping[str, Any], down: str, plain: str) -> tuple[int, ...]:
    """Return which levels attend, by ones and zeros: the block types down, which those up mirror."""
    found: Any = config.get("down_block_types")
    if not isinstance(found, list) or any(kind not in (down, plain) for kind in found):
        raise BestiaryError(f"'down_block_types' is {shown(found)}; give a list of {down} and {plain}")
    attends = tuple(int(kind == down) for kind in found)
    if config.get("up_block_types") != block_types(attends, down, plain)["up_block_types"]:
        raise BestiaryError(
            f"'up_block_types' is {shown(config.get('up_block_types'))}, but the way up mirrors the way down"
        )
    return attends


def block_types(attends: tuple[int, ...], down: str, plain: str) -> dict[str, Any]:
    """Return the block types of levels, ``down`` of those that attend; those up mirror them."""
    kinds = [down if layers else plain for layers in attends]
    mirrored = [kind.replace("Downsample", "Upsample").replace("Down", "Up") for kind in reversed(kinds)]
    return {"down_block_types": kinds, "up_block_types": mirrored}


def _read_cross(config: Mapping[str, Any]) -> Arguments:
    widths = sizes(config, "block_out_channels")
    kinds = _kinds(config, "CrossAttnDownBlock2D", "DownBlock2D")
    if len(kinds) != len(widths):
        raise BestiaryError(f"'down_block_types' has {len(kinds)} levels, 'block_out_channels' {len(widths)}")
    layers = sizes({"transformer_layers_per_block": 1} | dict(config), "transformer_layers_per_block", len(widths))
    if not kinds[-1] and layers[-1] != 1:
        raise BestiaryError("'transformer_layers_per_block' is deep in the middle alone, which we do not have")
    heads = sizes({"attention_head_dim": 8} | dict(config), "attention_head_dim", len(widths))
    return {"widths": widths, "attends": tuple(a * b for a, b in zip(kinds, layers, strict=True)), "heads": heads}


def _write_cross(arguments: Arguments) -> dict[str, Any]:
    attends = arguments["attends"]
    layers = [max(1, number) for number in attends]
    return {
        "block_out_channels": list(arguments["widths"]),
        **block_types(attends, "CrossAttnDownBlock2D", "DownBlock2D"),
        "transformer_layers_per_block": _one_or_many(layers),
        "attention_head_dim": _one_or_many(list(arguments["heads"])),
    }


def _one_or_many(numbers: list[int]) -> int | list[int]:
    return numbers[0] if len(set(numbers)) == 1 else numbers


_CROSS_LEVELS = Derive(
    (
        "block_out_channels", "down_block_types", "up_block_types", "transformer_layers_per_block",
        "attention_head_dim",
    ),
    _read_cross,
    _write_cross,
)  # fmt: skip


def _body(spec: UNet) -> Arguments:
    block = first_block(spec.middle)
    return {
        "widths": tuple(level.dim for level in spec.down),
        "depth": len(spec.down[0].cells),
        "size": spec.size,
        "channels": spec.channels,
        "out": spec.out,
        "groups": spec.norm.groups,
        "eps": float(spec.norm.eps),
        "activation": block.activation,
        "dropout": block.dropout,
    }


def _cross_arguments(spec: UNet) -> Arguments:
    attends: list[int] = []
    heads: list[int] = []
    for level in spec.down:
        attend = level.cells[0].attend
        layers = own_layers(attend.stack) if isinstance(attend, PixelTransformer) else ()
        attends.append(len(layers))
        found = next((part for _, part in walk_once(layers) if isinstance(part, Attention)), None)
        heads.append(found.heads if found else 0)
    crossing = [part for _, part in walk_once(spec) if isinstance(part, CrossWidthAttention)]
    middle = next(part for _, part in walk_once(spec.middle) if isinstance(part, Attention))
    heads = [number or middle.heads for number in heads]
    return {**_body(spec), "attends": tuple(attends), "heads": tuple(heads), "read": crossing[0].width}


def _cross_dialect(name: str, linear: bool) -> Dialect:
    spelled = Derive(("use_linear_projection",), lambda config: {}, lambda arguments: {"use_linear_projection": linear})
    projection = "" if linear else " | pixel"
    return Dialect(
        name=name,
        architecture=always("cross_unet"),
        architectures=("cross_unet",),
        keys=lambda spec: maps.unet_keys(spec, projection),
        config=CROSS,
        tasks={"UNet2DConditionModel": "denoising"},
        derived=(_CROSS_LEVELS, spelled),
        arguments=_cross_arguments,
        model_type="UNet2DConditionModel",
        says=lambda config: (
            bool(config.get("use_linear_projection", False)) is linear and config.get("class_embed_type") != "identity"
        ),
        layout=DIFFUSERS,
    )


CROSS_UNET = _cross_dialect("unet-2d-condition", linear=False)
CROSS_UNET_LINEAR = _cross_dialect("unet-2d-condition-linear", linear=True)


PIXELS: dict[str, Row] = {
    **_UNET,
    "in_channels": Size("channels", 3),
    "out_channels": Size("out", 3),
    "mid_block_type": Pin(("UNetMidBlock2D",), _NOT_HERE),
    "add_attention": Flag("middle", True),
    "num_train_timesteps": WAIVE,  # of learned embeddings of time steps, which are refused
}

_WAVES = {(False, 1): "sines", (True, 0): "cosines"}


def _read_pixels(config: Mapping[str, Any]) -> Arguments:
    first = next(iter(config.get("down_block_types") or [None]))
    within = any(kind == "ResnetDownsampleBlock2D" for kind in config.get("down_block_types") or ())
    within = within or (first == "AttnDownBlock2D" and config.get("downsample_type") == "resnet")
    attends = _kinds(config, "AttnDownBlock2D", "ResnetDownsampleBlock2D" if within else "DownBlock2D")
    for key in ("downsample_type", "upsample_type"):
        if any(attends[:-1]) and (config.get(key, "conv") == "resnet") is not within:
            raise BestiaryError(f"'{key}' is {shown(config.get(key))}, but all levels are resampled in one way")
    waves = (config.get("flip_sin_to_cos", True), config.get("freq_shift", 0))
    if waves not in _WAVES:
        raise BestiaryError(f"'flip_sin_to_cos' and 'freq_shift' are {shown(list(waves))}, which no published file has")
    told = config.get("resnet_time_scale_shift", "default")
    groups = config.get("attn_norm_num_groups")
    if told not in ("default", "scale_shift"):
        raise BestiaryError(f"'resnet_time_scale_shift' is {shown(told)}; give default or scale_shift")
    attending = any(attends) or config.get("add_attention", True)
    if (
        attending
        and groups not in ((None,) if told == "default" else ())
        and groups != config.get("norm_num_groups", 32)
    ):
        raise BestiaryError(f"'attn_norm_num_groups' is {shown(groups)}; attention is normalized as blocks are")
    padding = config.get("downsample_padding", 1)
    if padding not in (0, 1) or isinstance(padding, bool):
        raise BestiaryError(f"'downsample_padding' is {shown(padding)}; give 0 or 1")
    return {
        "widths": sizes(config, "block_out_channels"),
        "attends": attends,
        "resample": "block" if within else "conv" if padding else "corner_conv",
        "waves": _WAVES[waves],
        "time": "shift" if told == "default" else "scale_shift",
        **_optional(config, "attention_head_dim", "head_dim", _HEAD_DIM),
        **_optional(config, "num_class_embeds", "classes", None),
    }


def _optional(config: Mapping[str, Any], key: str, argument: str, default: int | None) -> Arguments:
    value = config.get(key, default)
    return {argument: None} if value is None else {argument: sizes({key: value}, key, 1)[0]}


def _write_pixels(arguments: Arguments) -> dict[str, Any]:
    within = arguments["resample"] == "block"
    flip, shift = next(pair for pair, name in _WAVES.items() if name == arguments["waves"])
    scales = arguments["time"] == "scale_shift"
    attending = any(arguments["attends"]) or arguments["middle"]
    return {
        "block_out_channels": list(arguments["widths"]),
        **block_types(arguments["attends"], "AttnDownBlock2D", "ResnetDownsampleBlock2D" if within else "DownBlock2D"),
        "downsample_type": "resnet" if within else "conv",
        "upsample_type": "resnet" if within else "conv",
        "downsample_padding": 0 if arguments["resample"] == "corner_conv" else 1,
        "flip_sin_to_cos": flip,
        "freq_shift": shift,
        "resnet_time_scale_shift": "scale_shift" if scales else "default",
        "attn_norm_num_groups": arguments["groups"] if scales and attending else None,
        "attention_head_dim": arguments["head_dim"],
        "num_class_embeds": arguments["classes"],
    }


def _pixel_arguments(spec: UNet) -> Arguments:
    how = next((level.resample for level in spec.down if level.resample is not None), ConvDown())
    classes = next((part.classes for part in spec.conditions if isinstance(part, ClassCondition)), None)
    attends = tuple(int(level.cells[0].attend is not None) for level in spec.down)
    told = first_block(spec.middle).time
    return {
        **_body(spec),
        "attends": attends,
        "resample": "block" if isinstance(how, ResBlock) else "conv" if isinstance(how, ConvDown) else "corner_conv",
        "waves": "sines" if isinstance(spec.time.waves, TimeSines) else "cosines",
        "time": "scale_shift" if isinstance(told, ScaleShift) else "shift",
        "head_dim": _head_dim(spec),
        "classes": classes,
        "middle": spec.middle.cells[0].attend is not None,
    }


_HEAD_DIM = 8
"""How wide heads are where a config does not say; it may say so of a U-Net without any."""


def _head_dim(spec: UNet) -> int | None:
    """Return how wide a head is: ``None`` where each level has one, as wide as its map."""
    attends = [(level.dim, cell.attend) for level in (*spec.down, spec.middle) for cell in level.cells]
    found = [
        (dim, part.heads) for dim, attend in attends if attend is not None for _, part in walk_once(attend)
        if isinstance(part, Attention)
    ]  # fmt: skip
    if not found:
        return _HEAD_DIM
    return None if {heads for _, heads in found} == {1} else found[-1][0] // found[-1][1]


_PIXEL_KEYS = (
    "block_out_channels", "down_block_types", "up_block_types", "downsample_type", "upsample_type",
    "downsample_padding", "flip_sin_to_cos", "freq_shift", "resnet_time_scale_shift", "attn_norm_num_groups",
    "attention_head_dim", "num_class_embeds",
)  # fmt: skip

PIXEL_UNET = Dialect(
    name="unet-2d",
    architecture=always("pixel_unet"),
    architectures=("pixel_unet",),
    keys=maps.unet_keys,
    config=PIXELS,
    tasks={"UNet2DModel": "denoising"},
    derived=(Derive(_PIXEL_KEYS, _read_pixels, _write_pixels),),
    renamed=maps.FORMER,
    arguments=_pixel_arguments,
    model_type="UNet2DModel",
    layout=DIFFUSERS,
)


DIALECTS = (CROSS_UNET, CROSS_UNET_LINEAR, PIXEL_UNET)
