"""Checkpoints as timm publishes them: a config that names an architecture of the library, and how images are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bestiary.data.images.settings import Settings
from bestiary.data.images.timm import read_timm
from bestiary.errors import BestiaryError, nearest
from bestiary.spec import GlobalQueryAttention, GlobalTier, LayerScale, Pyramid, Transformer, own_layers
from bestiary.weights import config as tables
from bestiary.weights.config import WAIVE, Arguments, Derive, Row, Size, shown
from bestiary.weights.dialects import vit
from bestiary.weights.dialects.dialect import Dialect, Layout, always

KIND = "timm"
LAYOUT = Layout("model.safetensors", lambda kind, name: {}, says_dtype=False)

# --- Names, and what they mean ---

_SHAPES: dict[str, tuple[int, int, int, int]] = {
    "tiny": (192, 12, 3, 768), "small": (384, 12, 6, 1536), "base": (768, 12, 12, 3072), "large": (1024, 24, 16, 4096),
    "huge": (1280, 32, 16, 5120), "giant": (1408, 40, 16, 6144), "gigantic": (1664, 48, 16, 8192),
}  # fmt: skip
_VIT_NAMES = (
    "vit_tiny_patch16_224 vit_tiny_patch16_384 vit_small_patch32_224 vit_small_patch32_384 vit_small_patch16_224 "
    "vit_small_patch16_384 vit_small_patch8_224 vit_base_patch32_224 vit_base_patch32_384 vit_base_patch16_224 "
    "vit_base_patch16_384 vit_base_patch8_224 vit_large_patch32_224 vit_large_patch32_384 vit_large_patch16_224 "
    "vit_large_patch16_384 vit_large_patch14_224 vit_huge_patch14_224 vit_giant_patch14_224 vit_gigantic_patch14_224 "
    "deit_tiny_patch16_224 deit_small_patch16_224 deit_base_patch16_224 deit_base_patch16_384"
).split()


def _named_vit(name: str) -> Arguments:
    _, shape, patch, image = name.split("_")
    dim, depth, heads, hidden = _SHAPES[shape]
    sizes = {"dim": dim, "depth": depth, "heads": heads, "hidden": hidden}
    return {**sizes, "patch": int(patch.removeprefix("patch")), "image": int(image)}


VITS: dict[str, Arguments] = {name: _named_vit(name) for name in _VIT_NAMES}
"""timm's plain ViTs by name. DeiT without what is distilled is one."""

_SMALL: Arguments = {"dim": 64, "heads": (2, 4, 8, 16), "ratio": 3.0, "scale": 0.0, "image": 224}
GCVITS: dict[str, Arguments] = {
    "gcvit_xxtiny": {**_SMALL, "depths": (2, 2, 6, 2)},
    "gcvit_xtiny": {**_SMALL, "depths": (3, 4, 6, 5)},
    "gcvit_tiny": {**_SMALL, "depths": (3, 4, 19, 5)},
    "gcvit_small": {**_SMALL, "dim": 96, "depths": (3, 4, 19, 5), "heads": (3, 6, 12, 24), "ratio": 2.0, "scale": 1e-5},
    "gcvit_base": {**_SMALL, "dim": 128, "depths": (3, 4, 19, 5), "heads": (4, 8, 16, 32), "ratio": 2.0, "scale": 1e-5},
}
"""timm's GC ViTs by name, all for images of 224 pixels unless their config says another size."""

SHARES = (32, 32, 16, 32)
"""How many windows of each tier of a GC ViT would stand beside one another across an image of as many pixels."""

# --- Keys ---

_VIT_KEYS = """
embed.extra                               = cls_token | unwrap
embed.position                            = pos_embed | unwrap
embed.patches.weight                      = patch_embed.proj.weight | flatten
embed.patches.bias                        = patch_embed.proj.bias
stack.layers.{i}.attn.{q,k,v}.weight      = blocks.{i}.attn.qkv.weight | split
stack.layers.{i}.attn.{q,k,v}.bias        = blocks.{i}.attn.qkv.bias | split
stack.layers.{i}.attn.o.{weight,bias}     = blocks.{i}.attn.proj.{weight,bias}
stack.layers.{i}.attn_norm.{weight,bias}  = blocks.{i}.norm1.{weight,bias}
stack.layers.{i}.mlp.{up,down}.{weight,bias} = blocks.{i}.mlp.fc{1,2}.{weight,bias}
stack.layers.{i}.mlp_norm.{weight,bias}   = blocks.{i}.norm2.{weight,bias}
stack.norm.{weight,bias}                  = norm.{weight,bias}
heads.classifier.output.{weight,bias}     = head.{weight,bias}
"""

_BLOCK = """
OURS.deep.weight                = THEIRS.conv_dw.weight
OURS.{squeeze,excite}.weight    = THEIRS.se.fc{1,2}.weight | pixel
OURS.out.weight                 = THEIRS.conv_pw.weight | pixel
"""
_SHRINK = """
OURS.norm_{in,out}.{weight,bias} = THEIRS.norm{1,2}.{weight,bias}
OURS.reduce.weight               = THEIRS.reduction.weight
""" + _BLOCK.replace("OURS", "OURS.block").replace("THEIRS", "THEIRS.conv_block")
_LAYER = """
OURS.attn.attention.{WHICH}.weight         = THEIRS.attn.qkv.weight | split
OURS.attn.attention.{WHICH}.bias           = THEIRS.attn.qkv.bias | split
OURS.attn.attention.o.{weight,bias}        = THEIRS.attn.proj.{weight,bias}
OURS.attn.attention.position.weight        = THEIRS.attn.rel_pos.relative_position_bias_table
OURS.attn_norm.{weight,bias}               = THEIRS.norm1.{weight,bias}
OURS.mlp.{up,down}.{weight,bias}           = THEIRS.mlp.fc{1,2}.{weight,bias}
OURS.mlp_norm.{weight,bias}                = THEIRS.norm2.{weight,bias}
OURS.attn_scale                            = THEIRS.ls1.gamma
OURS.mlp_scale                             = THEIRS.ls2.gamma
"""


def _told(table: str, ours: str, theirs: str) -> str:
    return table.replace("OURS", ours).replace("THEIRS", theirs)


def _gcvit_keys(spec: Pyramid) -> str:
    lines = ["embed.begin.{weight,bias} = stem.conv1.{weight,bias}", _told(_SHRINK, "embed.shrink", "stem.down")]
    for index, tier in enumerate(spec.tiers):
        ours, theirs = f"tiers.{index}", f"stages.{index}"
        pools = tier.pools if isinstance(tier, GlobalTier) else 0
        for block in range(max(1, pools)):
            lines.append(_told(_BLOCK, f"{ours}.queries.{block}", f"{theirs}.global_block.blocks.conv{block + 1}"))
        for number, layer in enumerate(own_layers(tier.stack)):
            asked = isinstance(layer[0].at("op.attention"), GlobalQueryAttention)
            text = _LAYER.replace("WHICH", "k,v" if asked else "q,k,v")
            lines.append(_told(text, f"{ours}.stack.layers.{number}", f"{theirs}.blocks.{number}"))
        lines.append(_told(_SHRINK, f"{ours}.merge.shrink", f"stages.{index + 1}.downsample"))
        lines.append(f"{ours}.stack.norm.{{weight,bias}} = {theirs}.norm.{{weight,bias}}")
    return "\n".join([*lines, "heads.classifier.output.{weight,bias} = head.fc.{weight,bias}"])


# --- Configs ---

_RATES = ("drop_rate", "pos_drop_rate", "patch_drop_rate", "proj_drop_rate", "attn_drop_rate", "drop_path_rate")
_ARGUED: dict[str, Row] = {
    **dict.fromkeys((*_RATES, "img_size", "global_pool", "weight_init"), WAIVE),  # rates: how it was trained
    "in_chans": Size("channels", 3),
    "num_classes": Size("labels", 1000),
}
"""The arguments that a model may have been made with, beside its name."""


def _read(config: Mapping[str, Any], names: Mapping[str, Arguments], pool: str) -> Arguments:
    """Read a name, and what was asked for beside it."""
    named, given, kept = config["architecture"], config.get("model_args") or {}, config.get("pretrained_cfg")
    if not isinstance(given, Mapping) or not isinstance(kept, Mapping):
        raise BestiaryError("'model_args' and 'pretrained_cfg' are what a model was made with; download the file again")
    for pooled in (config.get("global_pool", pool), given.get("global_pool", pool)):
        if pooled != pool:
            raise BestiaryError(f"'global_pool' is {shown(pooled)}, but only '{pool}' can be loaded")
    labels = config.get("num_classes", kept.get("num_classes", 1000))
    if type(labels) is not int or labels < 1:
        raise BestiaryError(f"'num_classes' is {shown(labels)}; only a model with a classifier can be loaded")
    read = tables.read(_ARGUED, (), {"num_classes": labels, **given}, "'model_args'")
    return {**names[named], **read, "image": _side(given.get("img_size"), kept, names[named]["image"])}


def _side(asked: Any, kept: Mapping[str, Any], usual: int) -> int:
    """Return the side of the images that a model was made for: as asked, as its images come, or as its name says."""
    size = kept.get("input_size")
    size = size[1:] if asked is None and isinstance(size, list) else asked
    sides = size if isinstance(size, list) else [usual if size is None else size]
    if len(set(map(str, sides))) != 1 or type(sides[0]) is not int or sides[0] < 1:
        raise BestiaryError(f"the size of images is {shown(size)}; only squares can be loaded")
    return sides[0]


def _said(given: Arguments, names: Mapping[str, Arguments], pool: str, classifier: tuple[str, str]) -> dict[str, Any]:
    """Write the name whose sizes these are, and what is asked for beside it."""
    name = next(name for name, sizes in names.items() if _differs(sizes, given) <= {"image"})
    closest = (name for name, sizes in names.items() if not _differs(sizes, given))
    side, labels = given["image"], given["labels"]
    asked = {"img_size": [side, side], "in_chans": given["channels"], "num_classes": labels, "global_pool": pool}
    first, last = classifier
    kept = {"input_size": [given["channels"], side, side], "num_classes": labels, "fixed_input_size": True}
    return {
        "architecture": next(closest, name),
        "num_classes": labels,
        "global_pool": pool,
        "model_args": asked,
        "pretrained_cfg": {**kept, "first_conv": first, "classifier": last},
    }


def _differs(sizes: Arguments, given: Arguments) -> set[str]:
    return {key for key, value in sizes.items() if given[key] != value}


_CONFIG: dict[str, Row] = dict.fromkeys(
    ("num_features", "label_names", "label_descriptions", "labels", "model_args", "pretrained_cfg"), WAIVE
)
"""How wide the last map is, labels by name, and what is read beside the name."""
_KEYS = ("architecture", "num_classes", "global_pool")


def _names(config: Mapping[str, Any], names: Mapping[str, Arguments]) -> bool:
    return config.get("architecture") in names


def _vit_arguments(spec: Transformer) -> Arguments:
    given = vit.arguments(spec)
    usual = {"activation": "gelu", "eps": 1e-6, "dropout": 0.0, "attention_dropout": 0.0, "qkv_bias": True}
    _only(given, usual, VITS)
    return given


def _only(given: Arguments, usual: Arguments, names: Mapping[str, Arguments]) -> None:
    """Refuse sizes that no name says."""
    if any(given[key] != value for key, value in usual.items()):
        raise BestiaryError("timm's names do not say this")
    if all(_differs(sizes, given) - {"image"} for sizes in names.values()):
        raise BestiaryError("timm has no name for these sizes")


def _gcvit_arguments(spec: Pyramid) -> Arguments:
    embed, tiers = spec.embed, spec.tiers
    first: Any = own_layers(tiers[0].stack)[0]
    scale, mlp = first[0].scale, own_layers(tiers[-1].stack)[0][1].at("op.hidden")
    head: Any = spec.heads.get("classifier")
    windows = tuple(own_layers(tier.stack)[0][0].at("op.side") for tier in tiers)
    given = {
        "dim": spec.dim,
        "depths": tuple(len(own_layers(tier.stack)) for tier in tiers),
        "heads": tuple(own_layers(tier.stack)[0][0].at("op.attention.heads") for tier in tiers),
        "windows": windows,
        "image": embed.image,
        "labels": head.labels if head else 1000,
        "channels": embed.channels,
        "ratio": mlp / tiers[-1].dim,
        "scale": scale.init if isinstance(scale, LayerScale) else 0.0,
    }
    _only(given, {"windows": _windows(embed.image, len(tiers))}, GCVITS)
    return given


def _windows(image: int, tiers: int) -> tuple[int, ...]:
    return tuple(image // share for share in SHARES[:tiers])


def _gcvit_read(config: Mapping[str, Any]) -> Arguments:
    read = _read(config, GCVITS, "avg")
    return {**read, "windows": _windows(read["image"], len(read["depths"]))}


def _pictures(carried: Mapping[str, Any], spec: Any, where: str) -> Settings:
    return read_timm(carried["pretrained_cfg"], spec.at("embed.image"), where)


VIT = Dialect(
    name="timm_vit",
    model_type=KIND,
    architecture=always("vit"),
    architectures=("vit",),
    keys=always(_VIT_KEYS),
    config=_CONFIG,
    tasks={"VisionTransformer": "image-classification"},
    derived=(
        Derive(
            _KEYS,
            lambda config: {"eps": 1e-6, **_read(config, VITS, "token")},
            lambda given: _said(given, VITS, "token", ("patch_embed.proj", "head")),
        ),
    ),
    says=lambda config: _names(config, VITS),
    layout=LAYOUT,
    pictures=_pictures,
    arguments=_vit_arguments,
)
GCVIT = Dialect(
    name="timm_gcvit",
    model_type=KIND,
    architecture=always("gcvit"),
    architectures=("gcvit",),
    keys=_gcvit_keys,
    config=_CONFIG,
    tasks={"GlobalContextVit": "image-classification"},
    derived=(Derive(_KEYS, _gcvit_read, lambda given: _said(given, GCVITS, "avg", ("stem.conv1", "head.fc"))),),
    says=lambda config: _names(config, GCVITS),
    layout=LAYOUT,
    pictures=_pictures,
    arguments=_gcvit_arguments,
)
DIALECTS = (VIT, GCVIT)


def is_timm(config: Mapping[str, Any]) -> bool:
    """Tell whether a config is one of timm's: it names an architecture, and no model type."""
    return "model_type" not in config and isinstance(config.get("architecture"), str) and "pretrained_cfg" in config


def unknown(config: Mapping[str, Any]) -> str:
    """Return what to say of an architecture of timm's that is not here."""
    name, known = str(config.get("architecture")), [*VITS, *GCVITS]
    return f"'architecture' is {shown(name)}, which we cannot load{nearest(name, known)}; known are {', '.join(known)}"
