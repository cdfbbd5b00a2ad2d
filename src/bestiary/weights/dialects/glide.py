"""GLIDE's files as OpenAI published them: one table of tensors each, and no config, whose sizes are read off shapes.

Where we write a config, its keys are the settings of the published code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from bestiary.errors import BestiaryError
from bestiary.spec import (
    Cell,
    CosineBetas,
    JoinedAttention,
    TextDiffusion,
    TextInpainter,
    TextInpaintUpscaler,
    TextUpscaler,
    own_layers,
    walk_once,
)
from bestiary.weights.config import WAIVE, Arguments, Derive, Flag, Number, Pin, Row, Size, Word, sizes
from bestiary.weights.dialects.dialect import Dialect, Layout, always
from bestiary.weights.tensorfiles import TensorFiles

_TEXT = """
text.embed.tokens.weight   = token_embedding.weight
text.embed.position.weight = positional_embedding
text.embed.padding         = padding_embedding
text.stack.layers.{i}.attn.{q,k,v}.weight = transformer.resblocks.{i}.attn.c_qkv.weight | split_heads
text.stack.layers.{i}.attn.{q,k,v}.bias   = transformer.resblocks.{i}.attn.c_qkv.bias | split_heads
text.stack.layers.{i}.attn.o.{weight,bias} = transformer.resblocks.{i}.attn.c_proj.{weight,bias}
text.stack.layers.{i}.{attn_norm,mlp_norm}.{weight,bias} = transformer.resblocks.{i}.{ln_1,ln_2}.{weight,bias}
text.stack.layers.{i}.mlp.{up,down}.{weight,bias} = transformer.resblocks.{i}.mlp.{c_fc,c_proj}.{weight,bias}
text.stack.norm.{weight,bias} = final_ln.{weight,bias}
unet.conditions.0.map.{weight,bias} = transformer_proj.{weight,bias}
unet.time.{up,down}.{weight,bias} = time_embed.{0,2}.{weight,bias}
unet.enter.{weight,bias} = input_blocks.0.0.{weight,bias}
unet.norm.{weight,bias}  = out.0.{weight,bias}
unet.leave.{weight,bias} = out.2.{weight,bias}
"""


def _keys(node: TextDiffusion) -> str:
    """Number blocks as the files do: in one row down, and one row up, a change of resolution among them."""
    lines, place = [_TEXT], 1
    for index, level in enumerate(node.unet.down):
        for number, cell in enumerate(level.cells):
            lines += _cell(f"unet.down.{index}.cells.{number}", cell, f"input_blocks.{place}")
            place += 1
        if level.resample is not None:
            lines += _block(f"unet.down.{index}.resample", f"input_blocks.{place}.0")
            place += 1
    middle = node.unet.middle.cells
    lines += _block("unet.middle.cells.0.res", "middle_block.0")
    lines += _attend("unet.middle.cells.0.attend", "middle_block.1") if middle[0].attend is not None else ()
    lines += _block("unet.middle.cells.1.res", "middle_block.2")
    place = 0
    for index, level in enumerate(node.unet.up):
        for number, cell in enumerate(level.cells):
            lines += _cell(f"unet.up.{index}.cells.{number}", cell, f"output_blocks.{place}")
            place += 1
        if level.resample is not None:
            behind = 1 + (level.cells[-1].attend is not None)
            lines += _block(f"unet.up.{index}.resample", f"output_blocks.{place - 1}.{behind}")
    return "\n".join(lines)


def _cell(ours: str, cell: Cell, theirs: str) -> Iterator[str]:
    yield from _block(f"{ours}.res", f"{theirs}.0")
    if cell.attend is not None:
        yield from _attend(f"{ours}.attend", f"{theirs}.1")


def _block(ours: str, theirs: str) -> Iterator[str]:
    yield f"{ours}.{{norm1,conv1}}.{{weight,bias}} = {theirs}.in_layers.{{0,2}}.{{weight,bias}}"
    yield f"{ours}.{{norm2,conv2}}.{{weight,bias}} = {theirs}.out_layers.{{0,3}}.{{weight,bias}}"
    yield f"{ours}.time.{{weight,bias}} = {theirs}.emb_layers.1.{{weight,bias}}"
    yield f"{ours}.shortcut.{{weight,bias}} = {theirs}.skip_connection.{{weight,bias}}"


def _attend(ours: str, theirs: str) -> Iterator[str]:
    """Queries, keys and values of each head stand together, and so do the keys and values of the text."""
    layer = f"{ours}.stack.layers.0"
    yield f"{layer}.attn_norm.{{weight,bias}} = {theirs}.norm.{{weight,bias}}"
    yield f"{layer}.attn.{{q,k,v}}.weight = {theirs}.qkv.weight | line | split_heads"
    yield f"{layer}.attn.{{q,k,v}}.bias = {theirs}.qkv.bias | split_heads"
    yield f"{layer}.attn.{{k_read,v_read}}.weight = {theirs}.encoder_kv.weight | line | split_pairs"
    yield f"{layer}.attn.{{k_read,v_read}}.bias = {theirs}.encoder_kv.bias | split_pairs"
    yield f"{layer}.attn.o.weight = {theirs}.proj_out.weight | line"
    yield f"{layer}.attn.o.bias = {theirs}.proj_out.bias"


_USUAL = "the published code is never set so"

CONFIG: dict[str, Row] = {
    "model_type": WAIVE,
    "architectures": WAIVE,
    "dtype": WAIVE,
    "image_size": Size("size", 64),
    "num_channels": Size("width", 192),
    "num_res_blocks": Size("cells", 3),
    "num_head_channels": Size("head_dim", 64),
    "text_ctx": Size("length", 128),
    "n_vocab": Size("vocab", 50257),
    "xf_width": Size("dim", 512),
    "xf_layers": Size("depth", 16),
    "xf_heads": Size("heads", 8),
    "dropout": Number("dropout", 0.1),
    "diffusion_steps": Size("steps", 1000),
    "noise_schedule": Word("noise", {"squaredcos_cap_v2": "cosine", "linear": "linear"}, "squaredcos_cap_v2"),
    "super_res": Flag("enlarges", False),
    "inpaint": Flag("inpaints", False),
    **dict.fromkeys(("xf_final_ln", "xf_padding", "use_scale_shift_norm", "resblock_updown"), Pin((True,), _USUAL)),
    "num_heads": WAIVE,  # its heads have a width instead
    "num_heads_upsample": Pin((-1,), _USUAL),
    **dict.fromkeys(("use_fp16", "cache_text_emb", "timestep_respacing"), WAIVE),  # how it is run
}


def _levels(config: Mapping[str, Any]) -> Arguments:
    levels = sizes(config, "channel_mult")
    size = sizes({"image_size": 64} | dict(config), "image_size", 1)[0]
    sides = _numbers({"attention_resolutions": [32, 16, 8]} | dict(config), "attention_resolutions")
    return {"levels": levels, "attends": tuple(int(size // 2**level in sides) for level in range(len(levels)))}


def _numbers(config: Mapping[str, Any], key: str) -> tuple[int, ...]:
    return sizes(config, key) if config[key] != [] else ()


def _written(arguments: Arguments) -> dict[str, Any]:
    sides = [arguments["size"] // 2**level for level, here in enumerate(arguments["attends"]) if here]
    return {"channel_mult": list(arguments["levels"]), "attention_resolutions": sides}


def _arguments(spec: TextDiffusion) -> Arguments:
    block: Any = spec.unet.middle.cells[0].res
    joined = next(part for _, part in walk_once(spec.unet.middle) if isinstance(part, JoinedAttention))
    attend: Any = own_layers(spec.text.stack)[0][0].op
    tokens: Any = spec.text.embed
    return {
        "dim": spec.dim,
        "depth": len(own_layers(spec.text.stack)),
        "heads": attend.heads,
        "width": spec.unet.dim,
        "size": spec.unet.size,
        "levels": tuple(level.dim // spec.unet.dim for level in spec.unet.down),
        "attends": tuple(int(level.cells[0].attend is not None) for level in spec.unet.down),
        "cells": len(spec.unet.down[0].cells),
        "vocab": tokens.vocab,
        "length": tokens.length,
        "head_dim": spec.unet.middle.dim // joined.heads,
        "dropout": block.dropout,
        "steps": spec.schedule.steps,
        "noise": "cosine" if isinstance(spec.schedule.betas, CosineBetas) else "linear",
        "enlarges": isinstance(spec, TextUpscaler),
        "inpaints": isinstance(spec, TextInpainter | TextInpaintUpscaler),
    }


MARKS = ("padding_embedding", "transformer_proj.weight", "input_blocks.0.0.weight", "token_embedding.weight")
"""Tensors by which a file without a config is known for one of these."""

_HEAD = 64
"""The width of every head that was published; nothing in a file says it."""

_CHANNELS = {3: (False, False), 6: (True, False), 7: (False, True), 10: (True, True)}
"""By the channels that enter the U-Net: whether it enlarges, whether it paints holes."""


def implied(tensors: TensorFiles) -> dict[str, Any] | None:
    """Return the settings of the published code that a file's shapes tell, ``None`` of a file of another family.

    Raises ``BestiaryError`` where they cannot be told.
    """
    if any(mark not in tensors for mark in MARKS):
        return None
    entering, dim = tensors.shape("input_blocks.0.0.weight"), tensors.shape("token_embedding.weight")
    width, channels = entering[0], entering[1]
    if channels not in _CHANNELS or dim[-1] % _HEAD or width % _HEAD:
        raise BestiaryError(
            f"{channels} channels, and widths of {width} and {dim[-1]}, are not those of a published GLIDE, whose heads"
            f" are {_HEAD} wide; put a config.json beside it that says its sizes"
        )
    enlarges, inpaints = _CHANNELS[channels]
    size, levels = _DRAWN[enlarges]
    blocks = len(_numbered("input_blocks", tensors)) - 1
    return {
        "model_type": "glide",
        "image_size": size,
        "channel_mult": list(levels),
        "num_channels": width,
        "num_res_blocks": max(1, (blocks - len(levels) + 1) // len(levels)),
        "text_ctx": tensors.shape("padding_embedding")[0],
        "n_vocab": dim[0],
        "xf_width": dim[-1],
        "xf_layers": len(_numbered("transformer.resblocks", tensors)) or 1,
        "xf_heads": dim[-1] // _HEAD,
        "noise_schedule": "linear" if enlarges else "squaredcos_cap_v2",
        "super_res": enlarges,
        "inpaint": inpaints,
    }


_DRAWN = {False: (64, (1, 2, 3, 4)), True: (256, (1, 1, 2, 2, 4, 4))}
"""By whether a part enlarges: how large its pictures are, and how the published code then multiplies its width."""


def _numbered(name: str, tensors: TensorFiles) -> set[str]:
    """Return the numbers that stand behind a name in those of tensors."""
    pattern = re.compile(re.escape(name) + r"\.(\d+)\.")
    return {match[1] for match in map(pattern.match, tensors) if match}


DIALECT = Dialect(
    name="glide",
    architecture=always("glide_part"),
    architectures=("glide_part",),
    keys=_keys,
    config=CONFIG,
    tasks={"Text2ImUNet": "denoising"},
    derived=(Derive(("channel_mult", "attention_resolutions"), _levels, _written),),
    arguments=_arguments,
    layout=Layout("model.safetensors", lambda kind, name: {"model_type": kind}, False),
    implied=implied,
)
