"""Checkpoints of Swin and of its second version, as transformers spells them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from bestiary.errors import BestiaryError
from bestiary.spec import MLP, ContinuousBias, Pyramid, Windows, own_layers
from bestiary.weights.config import ACTIVATIONS, WAIVE, Arguments, Derive, Flag, Number, Row, Size, Word, shown
from bestiary.weights.dialects.dialect import COMMON, Dialect
from bestiary.weights.dialects.vit import LABELS

_EMBED = """
embed.patches.weight        = [NAME.]embeddings.patch_embeddings.projection.weight | flatten
embed.patches.bias          = [NAME.]embeddings.patch_embeddings.projection.bias
embed.norm.{weight,bias}    = [NAME.]embeddings.norm.{weight,bias}
embed.position              = [NAME.]embeddings.position_embeddings | unwrap
embed.mask                  = [NAME.]embeddings.mask_token | vector
"""
_TIER = """
LAYER.attn.attention.{q,k,v}.weight               = BLOCK.attention.self.{query,key,value}.weight
LAYER.attn.attention.{q,v}.bias                   = BLOCK.attention.self.{query,value}.bias
LAYER.attn.attention.k.bias                       = BLOCK.attention.self.key.bias
LAYER.attn.attention.q.log_scale                  = BLOCK.attention.self.logit_scale | column
LAYER.attn.attention.position.weight              = BLOCK.attention.self.relative_position_bias_table
LAYER.attn.attention.position.up.{weight,bias}    = BLOCK.attention.self.continuous_position_bias_mlp.0.{weight,bias}
LAYER.attn.attention.position.down.weight         = BLOCK.attention.self.continuous_position_bias_mlp.2.weight
LAYER.attn.attention.o.{weight,bias}              = BLOCK.attention.output.dense.{weight,bias}
LAYER.attn_norm.{weight,bias}                     = BLOCK.layernorm_before.{weight,bias}
LAYER.mlp.up.{weight,bias}                        = BLOCK.intermediate.dense.{weight,bias}
LAYER.mlp.down.{weight,bias}                      = BLOCK.output.dense.{weight,bias}
LAYER.mlp_norm.{weight,bias}                      = BLOCK.layernorm_after.{weight,bias}
tiers.TIER.merge.norm.{weight,bias}             = [NAME.]encoder.layers.TIER.downsample.norm.{weight,bias}
tiers.TIER.merge.reduce.weight                  = [NAME.]encoder.layers.TIER.downsample.reduction.weight
tiers.TIER.stack.norm.{weight,bias}             = [NAME.]layernorm.{weight,bias}
""".replace("LAYER", "tiers.TIER.stack.layers.{i}").replace("BLOCK", "[NAME.]encoder.layers.TIER.blocks.{i}")
_HEADS = """
heads.classifier.output.{weight,bias}   = classifier.{weight,bias}
heads.pixels.output.weight              = decoder.0.weight | pixel
heads.pixels.output.bias                = decoder.0.bias
"""


def _keys(name: str) -> Callable[[Pyramid], str]:
    def table(spec: Pyramid) -> str:
        tiers = [_TIER.replace("TIER", str(index)) for index in range(len(spec.tiers))]
        return "".join((_EMBED, *tiers, _HEADS)).replace("NAME", name)

    return table


def _each_tier(key: str, default: tuple[int, ...], least: int = 1) -> Callable[[Mapping[str, Any]], tuple[int, ...]]:
    """Return what reads a list of whole numbers, one for each tier."""

    def read(config: Mapping[str, Any]) -> tuple[int, ...]:
        value = config.get(key, default)
        right = isinstance(value, list | tuple) and 0 < len(value) <= 16
        if not right or any(type(number) is not int or not least <= number <= 10_000 for number in value):
            raise BestiaryError(f"'{key}' is {shown(value)}; give a list of whole numbers, one for each tier")
        return tuple(value)

    return read


_read_depths, _read_heads = _each_tier("depths", (2, 2, 6, 2)), _each_tier("num_heads", (3, 6, 12, 24))
_read_trained = _each_tier("pretrained_window_sizes", (0, 0, 0, 0), least=0)
_SIZES = Derive(
    ("depths", "num_heads"),
    lambda config: {"depths": _read_depths(config), "heads": _read_heads(config)},
    lambda given: {"depths": list(given["depths"]), "num_heads": list(given["heads"])},
)
_TRAINED = Derive(
    ("pretrained_window_sizes",),
    lambda config: {"trained": _read_trained(config)[: len(_read_depths(config))]},
    lambda given: {"pretrained_window_sizes": list(given["trained"])},
)
_REPEATED = ("num_layers", "hidden_size", "stage_names", "out_features", "out_indices", "path_norm")
"""What follows from the other keys, tells a detector which maps it takes, or is read by no code."""

_CONFIG: dict[str, Row] = {
    **COMMON,
    **dict.fromkeys(_REPEATED, WAIVE),
    "embed_dim": Size("dim", 96),
    "window_size": Size("window", 7),
    "image_size": Size("image", 224),
    "patch_size": Size("patch", 4),
    "num_channels": Size("channels", 3),
    "mlp_ratio": Number("ratio", 4.0),
    "hidden_act": Word("activation", ACTIVATIONS, "gelu"),
    "layer_norm_eps": Number("eps", 1e-5),
    "hidden_dropout_prob": Number("dropout", 0.0),
    "attention_probs_dropout_prob": Number("attention_dropout", 0.0),
    "drop_path_rate": Number("drop_path", 0.1),
    "qkv_bias": Flag("qkv_bias", True),
    "use_absolute_embeddings": Flag("learned_positions", False),
    "encoder_stride": WAIVE,  # of the head that restores pixels, which it tells the size of a block
}


def _windows(spec: Pyramid, tier: int) -> Windows:
    found: Any = own_layers(spec.tiers[tier].stack)[0][0].op
    return found


def arguments(spec: Pyramid) -> Arguments:
    """Read the sizes of a Swin off its spec."""
    windows, first = _windows(spec, 0), own_layers(spec.tiers[0].stack)[0]
    head: Any = spec.heads.get("classifier")
    embed = spec.embed
    return {
        "dim": spec.dim,
        "depths": tuple(len(own_layers(tier.stack)) for tier in spec.tiers),
        "heads": tuple(_windows(spec, index).attention.heads for index in range(len(spec.tiers))),
        "window": windows.side,
        "image": embed.image,
        "patch": embed.patch,
        "channels": embed.channels,
        "labels": head.labels if head else 1000,
        "ratio": _ratio(spec),
        "activation": first[1].at("activation"),
        "eps": first[0].at("norm.eps"),
        "dropout": embed.dropout,
        "attention_dropout": windows.attention.dropout,
        "drop_path": spec.drop_path,
        "qkv_bias": "q" in windows.attention.bias,
        "learned_positions": embed.position is not None,
    }


def _ratio(spec: Pyramid) -> float:
    """Return how many times its width an MLP is inside: the widest tells it best, since the product is cut."""
    tier = spec.tiers[-1]
    mlp: Any = own_layers(tier.stack)[0][1].op
    assert isinstance(mlp, MLP)
    ratio = mlp.hidden / tier.dim
    return ratio if int(ratio * tier.dim) == mlp.hidden else math.nextafter(ratio, math.inf)


def _second_arguments(spec: Pyramid) -> Arguments:
    biases = [_windows(spec, index).attention.position for index in range(len(spec.tiers))]
    trained = tuple(bias.trained or 0 for bias in biases if isinstance(bias, ContinuousBias))
    return {**arguments(spec), "trained": trained}


def _architecture(plain: str) -> Callable[[Mapping[str, Any]], str]:
    """A checkpoint that restores pixels has a vector for masked patches, and its config says so by its class alone."""

    def named(config: Mapping[str, Any]) -> str:
        classes = config.get("architectures") or []
        masked = isinstance(classes, list) and any(str(name).endswith("ForMaskedImageModeling") for name in classes)
        return f"{plain}_masked" if masked else plain

    return named


def _dialect(name: str, class_name: str, derived: tuple[Derive, ...], read: Callable[[Any], Arguments]) -> Dialect:
    attention = f"[{name}.]encoder.layers.{{i}}.blocks.{{i}}.attention"
    return Dialect(
        name=name,
        architecture=_architecture(name),
        architectures=(name, f"{name}_masked"),
        keys=_keys(name),
        config=_CONFIG,
        tasks={
            f"{class_name}Model": "base",
            f"{class_name}ForImageClassification": "image-classification",
            f"{class_name}ForMaskedImageModeling": "masked-image-modeling",
        },
        derived=(LABELS, _SIZES, *derived),
        repeated={f"{attention}.self.{buffer}": "" for buffer in ("relative_position_index", "relative_coords_table")},
        told={"encoder_stride": "heads.pixels.side"},
        arguments=read,
    )


SWIN = _dialect("swin", "Swin", (), arguments)
SWINV2 = _dialect("swinv2", "Swinv2", (_TRAINED,), _second_arguments)
