"""DiT in the layout of diffusers: each layer has a copy of what embeds time steps and classes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bestiary.spec import Attention, ClassCondition, PatchDenoiser, own_layers
from bestiary.weights.config import WAIVE, Arguments, Derive, Flag, Number, Pin, Row, Size, optional_size, sizes
from bestiary.weights.dialects.dialect import DIFFUSERS, Dialect, always

_LAYERS = """
embed.patches.weight = pos_embed.proj.weight | flatten
embed.patches.bias   = pos_embed.proj.bias
stack.layers.{i}.attn.op.{q,k,v}.weight = transformer_blocks.{i}.attn1.{to_q,to_k,to_v}.weight
stack.layers.{i}.attn.op.{q,k,v}.bias   = transformer_blocks.{i}.attn1.{to_q,to_k,to_v}.bias
stack.layers.{i}.attn.op.o.{weight,bias} = transformer_blocks.{i}.attn1.to_out.0.{weight,bias}
stack.layers.{i}.mlp.op.up.{weight,bias} = transformer_blocks.{i}.ff.net.0.proj.{weight,bias}
stack.layers.{i}.mlp.op.down.{weight,bias} = transformer_blocks.{i}.ff.net.2.{weight,bias}
stack.layers.{i}.{attn,mlp}.{shift,scale,gate}.weight = transformer_blocks.{i}.norm1.linear.weight | split
stack.layers.{i}.{attn,mlp}.{shift,scale,gate}.bias   = transformer_blocks.{i}.norm1.linear.bias | split
{shift,scale}.weight = proj_out_1.weight | split
{shift,scale}.bias   = proj_out_1.bias | split
leave.{weight,bias}  = proj_out_2.{weight,bias}
"""


def _keys(node: PatchDenoiser) -> str:
    count = len(own_layers(node.stack))
    layers = "{" + ",".join(str(index) for index in range(count)) + "}" if count > 1 else "0"
    told = f"transformer_blocks.{layers}.norm1.emb"
    lines = [
        f"time.{ours}.{part} = {told}.timestep_embedder.{theirs}.{part} | in_layers"
        for ours, theirs in (("up", "linear_1"), ("down", "linear_2"))
        for part in ("weight", "bias")
    ]
    lines.append(f"conditions.0.table.weight = {told}.class_embedder.embedding_table.weight | in_layers")
    return "\n".join([_LAYERS, *lines])


_OTHER = "this is another architecture"

CONFIG: dict[str, Row] = {
    **dict.fromkeys(("_class_name", "_diffusers_version", "_name_or_path"), WAIVE),
    "num_attention_heads": Size("heads", 16),
    "num_layers": Size("depth", 28),
    "in_channels": Size("channels", 4),
    "sample_size": Size("size", 32),
    "patch_size": Size("patch", 2),
    "num_embeds_ada_norm": Size("classes", 1000),
    "dropout": Number("dropout", 0.0),
    "attention_bias": Flag("bias", True),
    "norm_eps": Number("mlp_eps", 1e-5),
    "activation_fn": Pin(("gelu-approximate",), _OTHER),
    "norm_type": Pin(("ada_norm_zero",), _OTHER),
    "norm_elementwise_affine": Pin((False,), "what the time step scales has no gain of its own"),
    **dict.fromkeys(("only_cross_attention", "double_self_attention", "use_linear_projection"), Pin((False,), _OTHER)),
    **dict.fromkeys(("cross_attention_dim", "num_vector_embeds", "caption_channels"), Pin((None,), _OTHER)),
    "norm_num_groups": WAIVE,  # of norms that no layer has
    "upcast_attention": WAIVE,  # how scores are rounded, not what they are
}


def _read(config: Any) -> Arguments:
    heads, width = (sizes({key: size} | dict(config), key, 1)[0] for key, size in _WIDTHS)
    out = optional_size(config, "out_channels") or sizes({"in_channels": 4} | dict(config), "in_channels", 1)[0]
    return {"dim": heads * width, "out": out, "waves": "range"}


_WIDTHS = (("num_attention_heads", 16), ("attention_head_dim", 72))


def _write(arguments: Arguments) -> dict[str, Any]:
    return {"attention_head_dim": arguments["dim"] // arguments["heads"], "out_channels": arguments["out"]}


def _arguments(spec: PatchDenoiser) -> Arguments:
    attend, think = own_layers(spec.stack)[0]
    attention: Any = attend.op.op  # type: ignore[attr-defined]
    assert isinstance(attention, Attention)
    modulated: Any = think.op
    return {
        "dim": spec.dim,
        "depth": len(own_layers(spec.stack)),
        "heads": attention.heads,
        "patch": spec.embed.patch,
        "size": spec.embed.image,
        "channels": spec.embed.channels,
        "out": spec.out,
        "classes": next(part.classes - 1 for part in spec.conditions if isinstance(part, ClassCondition)),
        "waves": "range",
        "bias": "q" in attention.bias,
        "mlp_eps": modulated.norm.eps,
        "dropout": attention.dropout,
    }


DIALECT = Dialect(
    name="dit",
    architecture=always("dit"),
    architectures=("dit",),
    keys=_keys,
    config=CONFIG,
    tasks={"DiTTransformer2DModel": "denoising"},
    derived=(Derive(("attention_head_dim", "out_channels"), _read, _write),),
    arguments=_arguments,
    model_type="DiTTransformer2DModel",
    layout=DIFFUSERS,
)

FIRST = replace(DIALECT, name="dit-first", tasks={"Transformer2DModel": "denoising"}, model_type="Transformer2DModel")
"""The same under the class name that the library gave it at first, and that published folders have."""
