"""Autoencoders of images in the layout of diffusers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bestiary.architectures.vqgan import attending_levels
from bestiary.errors import BestiaryError
from bestiary.spec import Autoencoder, Codebook
from bestiary.spec.feature_maps import first_block
from bestiary.weights.config import WAIVE, Arguments, Derive, Number, Pin, Row, Size, shown, sizes
from bestiary.weights.dialects import maps
from bestiary.weights.dialects.dialect import DIFFUSERS, Dialect, always
from bestiary.weights.dialects.unets import COMMON

_ONE_KIND = "other blocks in this family are another architecture"


def _read_levels(config: Mapping[str, Any]) -> Arguments:
    widths = sizes(config, "block_out_channels")
    for key, kind in (("down_block_types", "DownEncoderBlock2D"), ("up_block_types", "UpDecoderBlock2D")):
        if config.get(key) != [kind] * len(widths):
            raise BestiaryError(f"'{key}' is {shown(config.get(key))}, but {_ONE_KIND}; give {kind} for each level")
    read, answered = (sizes({key: 3} | dict(config), key, 1)[0] for key in ("in_channels", "out_channels"))
    if read != answered:
        raise BestiaryError(f"'out_channels' is {answered}, but an autoencoder answers what it reads, {read}")
    return {"widths": widths, "channels": read}


def _write_levels(arguments: Arguments) -> dict[str, Any]:
    count = len(arguments["widths"])
    return {
        "block_out_channels": list(arguments["widths"]),
        "down_block_types": ["DownEncoderBlock2D"] * count,
        "up_block_types": ["UpDecoderBlock2D"] * count,
        "in_channels": arguments["channels"],
        "out_channels": arguments["channels"],
    }


AUTOENCODER: dict[str, Row] = {
    **COMMON,
    "layers_per_block": Size("depth", 1),
    "latent_channels": Size("latent", 4),
    "sample_size": Size("size", 32),
    "scaling_factor": Number("scale", 0.18215),
    "shift_factor": Pin((None,), "shifted latent maps are another architecture"),
    "latents_mean": Pin((None,), "latent maps scaled by channel are another architecture"),
    "latents_std": Pin((None,), "latent maps scaled by channel are another architecture"),
    "use_quant_conv": Pin((True,), "linear maps stand around the code in this family"),
    "use_post_quant_conv": Pin((True,), "linear maps stand around the code in this family"),
    "mid_block_add_attention": Pin((True,), "a middle without attention was never published in this family"),
    "force_upcast": WAIVE,  # in what dtype it is run
}


def _autoencoder_keys(node: Autoencoder) -> str:
    book = ["code.vectors.weight = quantize.embedding.weight"] if isinstance(node.code, Codebook) else []
    count = len(node.encoder.levels) - 1
    down = [(f"down_blocks.{index}", "downsamplers") for index in range(count)]
    up = [(f"up_blocks.{index}", "upsamplers") for index in range(count)]
    middle = ("mid_block", "")
    outer = "{enter,leave}.{weight,bias} = {quant_conv,post_quant_conv}.{weight,bias}"
    encoder = maps.tower_keys("encoder", node.encoder, [*down, middle])
    return "\n".join([*encoder, outer, *book, *maps.tower_keys("decoder", node.decoder, [middle, *up])])


def _autoencoder_arguments(spec: Autoencoder) -> Arguments:
    levels, block = spec.encoder.levels[:-1], first_block(spec.encoder.levels[0])
    return {
        "widths": tuple(level.dim for level in levels),
        "depth": len(levels[0].cells),
        "latent": spec.dim,
        "size": spec.size,
        "channels": spec.encoder.channels,
        "scale": spec.code.scale,
        "groups": block.norm.groups,
        "activation": block.activation,
    }


AUTOENCODER_KL = Dialect(
    name="autoencoder-kl",
    architecture=always("autoencoder_kl"),
    architectures=("autoencoder_kl",),
    keys=_autoencoder_keys,
    config=AUTOENCODER,
    tasks={"AutoencoderKL": "autoencoding"},
    derived=(
        Derive(
            ("block_out_channels", "down_block_types", "up_block_types", "in_channels", "out_channels"),
            _read_levels,
            _write_levels,
        ),
    ),
    renamed=maps.FORMER,
    arguments=_autoencoder_arguments,
    model_type="AutoencoderKL",
    layout=DIFFUSERS,
)


def _read_attending(config: Mapping[str, Any]) -> Arguments:
    widths = sizes(config, "block_out_channels")
    kinds = {"DownEncoderBlock2D": 0, "AttnDownEncoderBlock2D": 1}
    down = config.get("down_block_types")
    if not isinstance(down, list) or len(down) != len(widths) or any(each not in kinds for each in down):
        raise BestiaryError(f"'down_block_types' is {shown(down)}, but {_ONE_KIND}; give {' or '.join(kinds)} each")
    plain = {
        "down_block_types": ["DownEncoderBlock2D"] * len(widths),
        "up_block_types": ["UpDecoderBlock2D"] * len(widths),
    }
    if config.get("up_block_types") != _upwards(down):
        raise BestiaryError(f"'up_block_types' is {shown(config.get('up_block_types'))}, which is not the way back")
    latent = sizes({"latent_channels": 3} | dict(config), "latent_channels", 1)[0]
    given = config.get("vq_embed_dim")
    width = latent if given is None else sizes({"vq_embed_dim": given}, "vq_embed_dim", 1)[0]
    return {
        **_read_levels({**config, **plain}),
        "attends": tuple(kinds[each] for each in down),
        "latent": latent,
        "width": width,
    }


def _upwards(down: list[str]) -> list[str]:
    return [kind.replace("DownEncoder", "UpDecoder") for kind in reversed(down)]


def _write_attending(arguments: Arguments) -> dict[str, Any]:
    down = ["AttnDownEncoderBlock2D" if one else "DownEncoderBlock2D" for one in arguments["attends"]]
    return {
        **_write_levels(arguments),
        "down_block_types": down,
        "up_block_types": _upwards(down),
        "latent_channels": arguments["latent"],
        "vq_embed_dim": arguments["width"],
    }


_VQ: dict[str, Row] = {
    **COMMON,
    "layers_per_block": Size("depth", 1),
    "sample_size": Size("size", 32),
    "num_vq_embeddings": Size("entries", 256),
    "scaling_factor": Number("scale", 0.18215),
    "norm_type": Pin(("group",), "norms that the code modulates are another architecture"),
    "mid_block_add_attention": Pin((True,), "a middle without attention was never published in this family"),
    "lookup_from_codebook": WAIVE,  # what its decoder is called with
    "force_upcast": WAIVE,  # in what dtype it is run
}


def _vq_arguments(spec: Autoencoder) -> Arguments:
    code = spec.code
    if not isinstance(code, Codebook):
        raise BestiaryError("the code of this family is a Codebook")
    plain = _autoencoder_arguments(spec)
    latent = {"latent": spec.decoder.channels, "width": spec.dim, "entries": code.entries}
    return {**plain, **latent, "attends": attending_levels(spec.encoder.levels[:-1])}


VQ_MODEL = Dialect(
    name="vq-model",
    architecture=always("vqgan"),
    architectures=("vqgan",),
    keys=_autoencoder_keys,
    config=_VQ,
    tasks={"VQModel": "autoencoding"},
    derived=(
        Derive(
            (
                "block_out_channels",
                "down_block_types",
                "up_block_types",
                "in_channels",
                "out_channels",
                "latent_channels",
                "vq_embed_dim",
            ),
            _read_attending,
            _write_attending,
        ),
    ),
    renamed=maps.FORMER,
    arguments=_vq_arguments,
    model_type="VQModel",
    layout=DIFFUSERS,
)
