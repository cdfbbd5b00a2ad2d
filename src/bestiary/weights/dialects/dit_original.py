"""DiT's files as its authors published them: a table of tensors, and no config, whose sizes are read off shapes.

Where we write a config, its keys are the arguments of the published code.
"""

from __future__ import annotations

from typing import Any

from bestiary.errors import BestiaryError
from bestiary.spec import PatchDenoiser
from bestiary.weights.config import WAIVE, Arguments, Derive, Pin, Row, Size, shown, sizes
from bestiary.weights.dialects import dit
from bestiary.weights.dialects.dialect import Dialect, Layout, always
from bestiary.weights.tensorfiles import TensorFiles

KEYS = """
embed.patches.weight = x_embedder.proj.weight | flatten
embed.patches.bias   = x_embedder.proj.bias
time.{up,down}.{weight,bias} = t_embedder.mlp.{0,2}.{weight,bias}
conditions.0.table.weight = y_embedder.embedding_table.weight
stack.layers.{i}.attn.op.{q,k,v}.weight  = blocks.{i}.attn.qkv.weight | split
stack.layers.{i}.attn.op.{q,k,v}.bias    = blocks.{i}.attn.qkv.bias | split
stack.layers.{i}.attn.op.o.{weight,bias} = blocks.{i}.attn.proj.{weight,bias}
stack.layers.{i}.mlp.op.{up,down}.{weight,bias} = blocks.{i}.mlp.{fc1,fc2}.{weight,bias}
stack.layers.{i}.{attn,mlp}.{shift,scale,gate}.weight = blocks.{i}.adaLN_modulation.1.weight | split
stack.layers.{i}.{attn,mlp}.{shift,scale,gate}.bias   = blocks.{i}.adaLN_modulation.1.bias | split
{shift,scale}.weight = final_layer.adaLN_modulation.1.weight | split
{shift,scale}.bias   = final_layer.adaLN_modulation.1.bias | split
leave.{weight,bias}  = final_layer.linear.{weight,bias}
"""

CONFIG: dict[str, Row] = {
    **dict.fromkeys(("model_type", "architectures", "dtype", "class_dropout_prob"), WAIVE),
    "input_size": Size("size", 32),
    "patch_size": Size("patch", 2),
    "hidden_size": Size("dim", 1152),
    "depth": Size("depth", 28),
    "num_heads": Size("heads", 16),
    "num_classes": Size("classes", 1000),
    "mlp_ratio": Pin((4.0, 4), "the MLP of every published size is four times as wide"),
}


def _read(config: Any) -> Arguments:
    channels = sizes({"in_channels": 4} | dict(config), "in_channels", 1)[0]
    learns = config.get("learn_sigma", True)
    if not isinstance(learns, bool):
        raise BestiaryError(f"'learn_sigma' is {shown(learns)}; give true or false")
    return {"channels": channels, "out": channels * (1 + learns)}


def _write(arguments: Arguments) -> dict[str, Any]:
    return {"in_channels": arguments["channels"], "learn_sigma": arguments["out"] == 2 * arguments["channels"]}


def _arguments(spec: PatchDenoiser) -> Arguments:
    said = dit.DIALECT.arguments(spec)
    fixed = ("waves", "bias", "mlp_eps", "dropout")
    return {key: value for key, value in said.items() if key not in fixed}


MARKS = ("x_embedder.proj.weight", "y_embedder.embedding_table.weight", "final_layer.linear.weight")
"""Tensors by which a file without a config is known for one of these."""

_HEADS = {1152: 16, 1024: 16, 768: 12, 384: 6}
"""How many heads each published width has; nothing in a file says it."""


def implied(tensors: TensorFiles) -> dict[str, Any] | None:
    """Return the arguments of the published code that a file's shapes tell, ``None`` of a file of another family.

    Raises ``BestiaryError`` where they cannot be told.
    """
    if any(mark not in tensors for mark in MARKS):
        return None
    dim, channels, patch, *_ = tensors.shape("x_embedder.proj.weight")
    if dim not in _HEADS:
        raise BestiaryError(
            f"nothing says how many heads a DiT {dim} wide has; put a config.json beside it that says its sizes"
        )
    places = tensors.shape("pos_embed")[1] if "pos_embed" in tensors else 256
    out = tensors.shape("final_layer.linear.weight")[0] // patch**2
    blocks = {name.split(".")[1] for name in tensors if name.startswith("blocks.")}
    return {
        "model_type": "dit-original",
        "input_size": round(places**0.5) * patch,
        "patch_size": patch,
        "in_channels": channels,
        "hidden_size": dim,
        "depth": len(blocks) or 1,
        "num_heads": _HEADS[dim],
        "num_classes": tensors.shape("y_embedder.embedding_table.weight")[0] - 1,
        "learn_sigma": out == 2 * channels,
    }


DIALECT = Dialect(
    name="dit-original",
    architecture=always("dit"),
    architectures=("dit",),
    keys=always(KEYS),
    config=CONFIG,
    tasks={"DiT": "denoising"},
    derived=(Derive(("in_channels", "learn_sigma"), _read, _write),),
    repeated={"pos_embed": ""},  # sinusoids that nobody trains
    arguments=_arguments,
    layout=Layout("model.safetensors", lambda kind, name: {"model_type": kind}, False),
    implied=implied,
)
