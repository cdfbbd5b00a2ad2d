"""Key tables of models of feature maps, whose levels and cells are numbered on both sides."""

from __future__ import annotations

from collections.abc import Iterator

from bestiary.spec import Attend, ConvTower, Level, PixelStack, PixelTransformer, UNet, own_layers

FORMER = {
    f".{old}.{part}": f".{new}.{part}"
    for old, new in (("query", "to_q"), ("key", "to_k"), ("value", "to_v"), ("proj_attn", "to_out.0"))
    for part in ("weight", "bias")
}
"""How the maps of attention were called in files of the library's first releases."""

PARTS = "{norm1,conv1,norm2,conv2}.{weight,bias}"


def unet_keys(node: UNet, projection: str = " | pixel") -> str:
    """Return the table of a U-Net; ``projection`` are the ops on the linear maps around its transformers."""
    return "\n".join(_unet(node, projection))


def _unet(node: UNet, projection: str) -> Iterator[str]:
    yield "enter.{weight,bias} = conv_in.{weight,bias}"
    yield "time.{up,down}.{weight,bias} = time_embedding.{linear_1,linear_2}.{weight,bias}"
    yield "conditions.0.table.weight = class_embedding.weight"
    for side, kind in (("down", "downsamplers"), ("up", "upsamplers")):
        for index, level in enumerate(getattr(node, side)):
            yield from level_keys(f"{side}.{index}", level, f"{side}_blocks.{index}", kind, projection)
    yield from level_keys("middle", node.middle, "mid_block", "", projection)
    yield "norm.{weight,bias} = conv_norm_out.{weight,bias}"
    yield "leave.{weight,bias} = conv_out.{weight,bias}"


def tower_keys(ours: str, tower: ConvTower, names: list[tuple[str, str]]) -> Iterator[str]:
    """Yield the lines of one side of an autoencoder; ``names`` are those of its levels and of their resampling."""
    yield f"{ours}.{{enter,leave}}.{{weight,bias}} = {ours}.{{conv_in,conv_out}}.{{weight,bias}}"
    yield f"{ours}.norm.{{weight,bias}} = {ours}.conv_norm_out.{{weight,bias}}"
    for index, (level, (theirs, kind)) in enumerate(zip(tower.levels, names, strict=True)):
        yield from level_keys(f"{ours}.levels.{index}", level, f"{ours}.{theirs}", kind)


def level_keys(ours: str, level: Level, theirs: str, kind: str, projection: str = "") -> Iterator[str]:
    """Yield the lines of a level."""
    yield from _block(f"{ours}.cells.{{i}}.res", f"{theirs}.resnets.{{i}}")
    attends = [cell.attend for cell in level.cells if cell.attend is not None]
    if attends:
        yield from _attend(f"{ours}.cells.{{i}}.attend", attends[0], f"{theirs}.attentions.{{i}}", projection)
    if level.resample is not None:
        yield f"{ours}.resample.conv.{{weight,bias}} = {theirs}.{kind}.0.conv.{{weight,bias}}"
        yield from _block(f"{ours}.resample", f"{theirs}.{kind}.0")


def _block(ours: str, theirs: str) -> Iterator[str]:
    yield f"{ours}.{PARTS} = {theirs}.{PARTS}"
    yield f"{ours}.time.{{weight,bias}} = {theirs}.time_emb_proj.{{weight,bias}}"
    yield f"{ours}.shortcut.{{weight,bias}} = {theirs}.conv_shortcut.{{weight,bias}}"


def _attend(ours: str, node: Attend, theirs: str, projection: str) -> Iterator[str]:
    if isinstance(node, PixelStack):
        yield f"{ours}.stack.layers.0.attn_norm.{{weight,bias}} = {theirs}.group_norm.{{weight,bias}}"
        yield from _attention(f"{ours}.stack.layers.0.attn", theirs)
        yield from (
            f"{ours}.stack.layers.0.attn.{{k_read,v_read}}.{part} = {theirs}.{{add_k_proj,add_v_proj}}.{part}"
            for part in ("weight", "bias")
        )
    elif isinstance(node, PixelTransformer):
        yield f"{ours}.norm.{{weight,bias}} = {theirs}.norm.{{weight,bias}}"
        yield f"{ours}.{{enter,leave}}.weight = {theirs}.{{proj_in,proj_out}}.weight{projection}"
        yield f"{ours}.{{enter,leave}}.bias = {theirs}.{{proj_in,proj_out}}.bias"
        for index in range(len(own_layers(node.stack))):
            yield from _layer(f"{ours}.stack.layers.{index}", f"{theirs}.transformer_blocks.{index}")


def _attention(ours: str, theirs: str) -> Iterator[str]:
    for part in ("weight", "bias"):
        yield f"{ours}.{{q,k,v}}.{part} = {theirs}.{{to_q,to_k,to_v}}.{part}"
    yield f"{ours}.o.{{weight,bias}} = {theirs}.to_out.0.{{weight,bias}}"


def _layer(ours: str, theirs: str) -> Iterator[str]:
    yield from _attention(f"{ours}.attn", f"{theirs}.attn1")
    yield from _attention(f"{ours}.cross", f"{theirs}.attn2")
    yield f"{ours}.mlp.{{up,gate}}.weight = {theirs}.ff.net.0.proj.weight | split"
    yield f"{ours}.mlp.{{up,gate}}.bias = {theirs}.ff.net.0.proj.bias | split"
    yield f"{ours}.mlp.down.{{weight,bias}} = {theirs}.ff.net.2.{{weight,bias}}"
    yield f"{ours}.{{attn,cross,mlp}}_norm.{{weight,bias}} = {theirs}.{{norm1,norm2,norm3}}.{{weight,bias}}"
