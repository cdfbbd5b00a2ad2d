"""GLIDE as its published code computed it: weights drawn by name, and which of ours each of its tensors is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

SIZES: dict[str, Any] = {
    "dim": 24, "depth": 2, "heads": 3, "width": 32, "upper_dim": 16, "upper_depth": 1, "upper_heads": 2,
    "upper_width": 32, "size": 8, "upper_size": 16, "levels": (1, 2), "upper_levels": (1, 1), "attends": (0, 1),
    "upper_attends": (0, 1), "cells": 1, "upper_cells": 2, "vocab": 300, "length": 7, "head_dim": 16, "dropout": 0.0,
}  # fmt: skip


def drawn(shapes: Mapping[str, list[int]]) -> dict[str, Tensor]:
    """Draw weights by the order of their names: gains near one, all else near zero, none of them equal."""
    generator = torch.Generator().manual_seed(7)
    return {
        name: torch.randn(shapes[name], generator=generator, dtype=torch.float64) * 0.1
        + (name.endswith("weight") and len(shapes[name]) == 1)
        for name in sorted(shapes)
    }


def inputs() -> dict[str, Tensor]:
    """Return two texts, one of them padded, noisy pictures and their times, and small pictures."""
    generator = torch.Generator().manual_seed(8)
    keep = torch.ones(2, 7, dtype=torch.long)
    keep[1, 4:] = 0
    return {
        "input_ids": torch.randint(300, (2, 7), generator=generator),
        "attention_mask": keep,
        "small": torch.randn(2, 3, 8, 8, generator=generator, dtype=torch.float64),
        "large": torch.randn(2, 3, 16, 16, generator=generator, dtype=torch.float64),
        "timestep": torch.tensor([3, 721]),
    }


def ours(theirs: dict[str, Tensor], node: Any) -> dict[str, Tensor]:
    """Return a part's weights under our names."""
    found = dict(_text(theirs, node))
    found |= dict(_outer(theirs))
    index = 1
    for number, level in enumerate(node.unet.down):
        for place, cell in enumerate(level.cells):
            found |= _cell(theirs, f"input_blocks.{index}", f"unet.down.{number}.cells.{place}", level.dim, cell)
            index += 1
        if level.resample is not None:
            found |= _block(theirs, f"input_blocks.{index}.0", f"unet.down.{number}.resample")
            index += 1
    found |= _block(theirs, "middle_block.0", "unet.middle.cells.0.res")
    found |= _attend(theirs, "middle_block.1", "unet.middle.cells.0.attend", node.unet.middle.dim)
    found |= _block(theirs, "middle_block.2", "unet.middle.cells.1.res")
    index = 0
    for number, level in enumerate(node.unet.up):
        for place, cell in enumerate(level.cells):
            found |= _cell(theirs, f"output_blocks.{index}", f"unet.up.{number}.cells.{place}", level.dim, cell)
            index += 1
        if level.resample is not None:
            at = 1 + (level.cells[-1].attend is not None)
            found |= _block(theirs, f"output_blocks.{index - 1}.{at}", f"unet.up.{number}.resample")
    return found


def _outer(theirs: dict[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    pairs = {
        "transformer_proj": "unet.conditions.0.map", "time_embed.0": "unet.time.up", "time_embed.2": "unet.time.down",
        "input_blocks.0.0": "unet.enter", "out.0": "unet.norm", "out.2": "unet.leave", "final_ln": "text.stack.norm",
    }  # fmt: skip
    for its, mine in pairs.items():
        yield from _both(theirs, its, mine)
    yield "text.embed.tokens.weight", theirs["token_embedding.weight"]
    yield "text.embed.position.weight", theirs["positional_embedding"]
    yield "text.embed.padding", theirs["padding_embedding"]


def _both(theirs: dict[str, Tensor], its: str, mine: str) -> Iterator[tuple[str, Tensor]]:
    for part in ("weight", "bias"):
        if f"{its}.{part}" in theirs:
            yield f"{mine}.{part}", theirs[f"{its}.{part}"]


def _text(theirs: dict[str, Tensor], node: Any) -> Iterator[tuple[str, Tensor]]:
    for index, layer in enumerate(node.text.stack.layers):
        its, mine = f"transformer.resblocks.{index}", f"text.stack.layers.{index}"
        names = {"attn.c_proj": "attn.o", "ln_1": "attn_norm", "ln_2": "mlp_norm", "mlp.c_fc": "mlp.up"}
        for there, here in {**names, "mlp.c_proj": "mlp.down"}.items():
            yield from _both(theirs, f"{its}.{there}", f"{mine}.{here}")
        yield from _heads(theirs, f"{its}.attn.c_qkv", f"{mine}.attn", layer[0].op.heads, ("q", "k", "v"))


def _heads(
    theirs: dict[str, Tensor], its: str, mine: str, heads: int, names: tuple[str, ...]
) -> Iterator[tuple[str, Tensor]]:
    """Each head holds its own queries, keys and values, one behind another."""
    for part in ("weight", "bias"):
        fused = theirs[f"{its}.{part}"]
        fused = fused.squeeze(-1) if part == "weight" and fused.dim() == 3 else fused
        apart = fused.unflatten(0, (heads, len(names), -1))
        yield from ((f"{mine}.{name}.{part}", apart[:, place].flatten(0, 1)) for place, name in enumerate(names))


def _cell(theirs: dict[str, Tensor], its: str, mine: str, dim: int, cell: Any) -> dict[str, Tensor]:
    found = _block(theirs, f"{its}.0", f"{mine}.res")
    return found | (_attend(theirs, f"{its}.1", f"{mine}.attend", dim) if cell.attend is not None else {})


def _block(theirs: dict[str, Tensor], its: str, mine: str) -> dict[str, Tensor]:
    pairs = {
        "in_layers.0": "norm1", "in_layers.2": "conv1", "emb_layers.1": "time", "out_layers.0": "norm2",
        "out_layers.3": "conv2", "skip_connection": "shortcut",
    }  # fmt: skip
    found = (_both(theirs, f"{its}.{there}", f"{mine}.{here}") for there, here in pairs.items())
    return {name: value for several in found for name, value in several}


def _attend(theirs: dict[str, Tensor], its: str, mine: str, dim: int) -> dict[str, Tensor]:
    heads = dim // SIZES["head_dim"]
    layer = f"{mine}.stack.layers.0.attn"
    found = dict(_both(theirs, f"{its}.norm", f"{layer}_norm"))
    found |= dict(_heads(theirs, f"{its}.qkv", layer, heads, ("q", "k", "v")))
    found |= dict(_heads(theirs, f"{its}.encoder_kv", layer, heads, ("k_read", "v_read")))
    found |= {f"{layer}.o.weight": theirs[f"{its}.proj_out.weight"].squeeze(-1)}
    return found | {f"{layer}.o.bias": theirs[f"{its}.proj_out.bias"]}
