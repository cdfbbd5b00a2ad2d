"""Checkpoints of ViT's kin in transformers' spelling: DeiT, BEiT, DINOv2 and the masked autoencoder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bestiary.errors import BestiaryError
from bestiary.spec import GLU, DistilledClassifier, LayerScale, MaskedPatches, PatchDecoder, Transformer, own_layers
from bestiary.weights.config import WAIVE, Arguments, Derive, Flag, Number, Size, shown
from bestiary.weights.dialects import vit
from bestiary.weights.dialects.dialect import Dialect, always

_BODY = vit.KEYS.partition("heads.pool")[0]
_CLASS_TOKEN, _, _REST = _BODY.partition("embed.extra")[2].partition("\n")
_SIZES = {
    key: row for key, row in vit.CONFIG.items() if key not in ("pooler_act", "pooler_output_size", "encoder_stride")
}

# --- DeiT ---

_DISTILLED = "embed.extra = [vit.]embeddings.{cls_token,distillation_token} | rows\n" + _REST
_DEIT_POOL = "heads.pool.dense.{weight,bias} = [deit.]pooler.dense.{weight,bias}\n"
_TAUGHT = """
heads.classifier.output.{weight,bias} = cls_classifier.{weight,bias}
heads.classifier.taught.{weight,bias} = distillation_classifier.{weight,bias}
"""
_PLAIN = "heads.classifier.output.{weight,bias} = classifier.{weight,bias}\n"


def _deit_keys(spec: Transformer) -> str:
    """Write the table of one kind of classifier, or, so that either is known where neither is wanted, of both."""
    head = spec.heads.get("classifier")
    body = _DISTILLED.replace("[vit.]", "[deit.]") + _DEIT_POOL
    if head is None:
        return body + _TAUGHT + _PLAIN
    return body + (_TAUGHT if isinstance(head, DistilledClassifier) else _PLAIN)


DEIT = Dialect(
    name="deit",
    architecture=always("deit"),
    architectures=("deit",),
    keys=_deit_keys,
    config=vit.CONFIG,
    tasks={
        "DeiTModel": "base",
        "DeiTForImageClassificationWithTeacher": "distilled-classification",
        "DeiTForImageClassification": "image-classification",
    },
    derived=(vit.LABELS,),
    arguments=vit.arguments,
)

# --- The masked autoencoder ---

# Published files have decoder_layers; transformers 5 writes the other spelling, and opens both.
_DECODER_LAYERS = "\n".join(line for line in _BODY.splitlines() if line.startswith("stack.layers"))
_DECODER_LAYERS = _DECODER_LAYERS.replace("stack.layers", "heads.pixels.stack.layers").replace(
    "[vit.]encoder.layer.", "[decoder.decoder_encoder.layer./decoder.decoder_layers.]"
)
_MAE = (
    _BODY.replace("embed.position  ", "embed.position.weight  ")
    + _DECODER_LAYERS
    + """
heads.pixels.embed.{weight,bias}      = decoder.decoder_embed.{weight,bias}
heads.pixels.mask                     = decoder.mask_token | vector
heads.pixels.position.weight          = decoder.decoder_pos_embed | unwrap
heads.pixels.stack.norm.{weight,bias} = decoder.decoder_norm.{weight,bias}
heads.pixels.output.{weight,bias}     = decoder.decoder_pred.{weight,bias}
"""
)


def _mae_arguments(spec: Transformer) -> Arguments:
    plain = {key: value for key, value in vit.arguments(spec).items() if key != "labels"}
    head: Any = spec.heads.get("pixels")
    if head is None:
        return {**plain, "masked": spec.at("embed.masked")}
    decoder: PatchDecoder = head.decoder
    attention, mlp = own_layers(decoder.stack)[0]
    sizes = {
        "decoder_dim": decoder.dim,
        "decoder_depth": len(own_layers(decoder.stack)),
        "decoder_heads": attention.at("heads"),
        "decoder_hidden": mlp.at("hidden"),
    }
    return {**plain, **sizes, "masked": spec.at("embed.masked")}


def _mae_sizes(config: Mapping[str, Any]) -> Arguments:
    found: Arguments = {}
    for key, (argument, usual) in _DECODER.items():
        value = config.get(key, usual)
        if type(value) is not int or value < 1:
            raise BestiaryError(f"'{key}' is {shown(value)}; give a positive whole number")
        found[argument] = value
    return found


_DECODER = {
    "decoder_hidden_size": ("decoder_dim", 512),
    "decoder_num_hidden_layers": ("decoder_depth", 8),
    "decoder_num_attention_heads": ("decoder_heads", 16),
    "decoder_intermediate_size": ("decoder_hidden", 2048),
}

MAE = Dialect(
    name="vit_mae",
    architecture=always("mae"),
    architectures=("mae",),
    keys=always(_MAE),
    config={
        **_SIZES,
        "mask_ratio": Number("masked", 0.75),
        "norm_pix_loss": WAIVE,  # of the loss: whether the pixels of a patch are normalized before they are compared
    },
    tasks={"ViTMAEModel": "base", "ViTMAEForPreTraining": "masked-image-modeling"},
    derived=(
        Derive(
            tuple(_DECODER),
            _mae_sizes,
            lambda arguments: {key: arguments[ours] for key, (ours, _) in _DECODER.items() if ours in arguments},
        ),
    ),
    arguments=_mae_arguments,
)

# --- BEiT ---

_BEIT = (
    _BODY.replace("[vit.]", "[beit.]").replace("{q,k,v}.bias  ", "{q,v}.bias  ").replace(
        "attention.{query,key,value}.bias", "attention.{query,value}.bias"
    )
    + """
embed.mask                                = [beit.]embeddings.mask_token | vector
stack.layers.{i}.attn.position.weight     = [beit.]encoder.layer.{i}.attention.attention.BIAS.BIAS_table
stack.position.weight                     = [beit.]encoder.BIAS.BIAS_table
stack.layers.{i}.attn_scale               = [beit.]encoder.layer.{i}.lambda_1
stack.layers.{i}.mlp_scale                = [beit.]encoder.layer.{i}.lambda_2
heads.pool.norm.{weight,bias}             = [beit.]pooler.layernorm.{weight,bias}
heads.words.norm.{weight,bias}            = layernorm.{weight,bias}
heads.words.output.{weight,bias}          = lm_head.{weight,bias}
heads.classifier.output.{weight,bias}     = classifier.{weight,bias}
"""
).replace("BIAS", "relative_position_bias")  # fmt: skip
_SEGMENTATION = (
    "out_features out_indices stage_names segmentation_indices pool_scales use_auxiliary_head auxiliary_loss_weight "
    "auxiliary_channels auxiliary_num_convs auxiliary_concat_input semantic_loss_ignore_index add_fpn "
    "reshape_hidden_states apply_layernorm"
).split()
"""What heads of segmentation read, and what says which layers' outputs a detector takes."""


def _scale(config: Mapping[str, Any]) -> Arguments:
    value = config.get("layer_scale_init_value", 0.1)
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise BestiaryError(f"'layer_scale_init_value' is {shown(value)}; give a number of at least 0")
    return {"scale": float(value)}


_BIASES = ("use_relative_position_bias", "use_shared_relative_position_bias")


def _bias(config: Mapping[str, Any]) -> Arguments:
    own, shared = (
        config.get(key, False) for key in ("use_relative_position_bias", "use_shared_relative_position_bias")
    )
    if not (isinstance(own, bool) and isinstance(shared, bool)):
        raise BestiaryError("'use_relative_position_bias' and 'use_shared_relative_position_bias' are true or false")
    if own and shared:
        raise BestiaryError(
            "'use_relative_position_bias' and 'use_shared_relative_position_bias' are both true: say whose the biases"
            " are, each layer's own or shared by all"
        )
    return {"bias": "own" if own else "shared" if shared else "none"}


def _said_bias(given: Arguments) -> dict[str, Any]:
    own, shared = _BIASES
    return {own: given["bias"] == "own", shared: given["bias"] == "shared"}


def _pool(config: Mapping[str, Any]) -> Arguments:
    mean = config.get("use_mean_pooling", True)
    if not isinstance(mean, bool):
        raise BestiaryError(f"'use_mean_pooling' is {shown(mean)}; give true or false")
    return {"pool": "mean" if mean else "first"}


def _beit_arguments(spec: Transformer) -> Arguments:
    plain = {key: value for key, value in vit.arguments(spec).items() if key != "qkv_bias"}
    attention, _ = own_layers(spec.stack)[0]
    own, shared = attention.at("position"), spec.stack.position
    return {
        **plain,
        **_scaled(spec),
        "bias": "own" if own else "shared" if shared else "none",
        "learned_positions": spec.at("embed.position") is not None,
        "mask": isinstance(spec.embed, MaskedPatches),
        "pool": "mean" if spec.stack.norm is None else "first",
    }


def _scaled(spec: Transformer) -> Arguments:
    scale = own_layers(spec.stack)[0][0].scale
    return {"scale": scale.init if isinstance(scale, LayerScale) else 0.0, "drop_path": spec.stack.drop_path}


BEIT = Dialect(
    name="beit",
    architecture=always("beit"),
    architectures=("beit",),
    keys=always(_BEIT),
    config={
        **{key: row for key, row in _SIZES.items() if key != "qkv_bias"},
        **dict.fromkeys(_SEGMENTATION, WAIVE),
        "drop_path_rate": Number("drop_path", 0.1),
        "use_absolute_position_embeddings": Flag("learned_positions", False),
        "use_mask_token": Flag("mask", False),
        "vocab_size": WAIVE,  # of the visual words, which the head counts
    },
    tasks={
        "BeitModel": "base",
        "BeitForImageClassification": "image-classification",
        "BeitForMaskedImageModeling": "masked-image-modeling",
    },
    derived=(
        vit.LABELS,
        Derive(("layer_scale_init_value",), _scale, lambda given: {"layer_scale_init_value": given["scale"]}),
        Derive(_BIASES, _bias, _said_bias),
        Derive(("use_mean_pooling",), _pool, lambda given: {"use_mean_pooling": given["pool"] == "mean"}),
    ),
    repeated={
        "[beit.]encoder.layer.{i}.attention.attention.relative_position_bias.relative_position_index": "",
        "[beit.]encoder.relative_position_bias.relative_position_index": "",
    },
    told={"vocab_size": "heads.words.labels"},
    arguments=_beit_arguments,
)

# --- DINOv2 ---

_DINOV2 = (
    _BODY.replace("[vit.]", "[dinov2.]")
    .replace("intermediate.dense", "mlp.fc1")
    .replace("{i}.output.dense", "{i}.mlp.fc2")
    .replace("layernorm_before", "norm1")
    .replace("layernorm_after", "norm2")
    + """
embed.mask                              = [dinov2.]embeddings.mask_token | row
stack.layers.{i}.attn_scale             = [dinov2.]encoder.layer.{i}.layer_scale1.lambda1
stack.layers.{i}.mlp_scale              = [dinov2.]encoder.layer.{i}.layer_scale2.lambda1
heads.classifier.output.{weight,bias}   = classifier.{weight,bias}
"""
)
_GATED = """
stack.layers.{i}.mlp.{gate,up}.weight   = [dinov2.]encoder.layer.{i}.mlp.weights_in.weight | split
stack.layers.{i}.mlp.{gate,up}.bias     = [dinov2.]encoder.layer.{i}.mlp.weights_in.bias | split
stack.layers.{i}.mlp.down.{weight,bias} = [dinov2.]encoder.layer.{i}.mlp.weights_out.{weight,bias}
"""


def _dinov2_keys(spec: Transformer) -> str:
    if not _gated(spec):
        return _DINOV2
    return (
        "\n".join(line for line in _DINOV2.splitlines() if ".mlp.up." not in line and ".mlp.down." not in line) + _GATED
    )


def _gated(spec: Transformer) -> bool:
    return isinstance(own_layers(spec.stack)[0][1].op, GLU)


def _dinov2_arguments(spec: Transformer) -> Arguments:
    gated, mlp = _gated(spec), own_layers(spec.stack)[0][1].op
    rest = ("hidden", "labels", "activation")
    plain = {key: value for key, value in vit.arguments(spec).items() if key not in rest}
    hidden: int = mlp.at("hidden")
    ratio = round(hidden * 3 / 2 / spec.dim) if gated else hidden // spec.dim
    return {
        **plain,
        **_scaled(spec),
        "ratio": ratio,
        "gated": gated,
        "activation": "gelu" if gated else mlp.at("activation"),
        "mask": isinstance(spec.embed, MaskedPatches),
    }


DINOV2 = Dialect(
    name="dinov2",
    architecture=always("dinov2"),
    architectures=("dinov2",),
    keys=_dinov2_keys,
    config={
        **{key: row for key, row in _SIZES.items() if key != "intermediate_size"},
        **dict.fromkeys(_SEGMENTATION, WAIVE),
        "patch_size": Size("patch", 14),
        "layer_norm_eps": Number("eps", 1e-6),
        "mlp_ratio": Size("ratio", 4),
        "layerscale_value": Number("scale", 1.0),
        "drop_path_rate": Number("drop_path", 0.0),
        "use_swiglu_ffn": Flag("gated", False),
        "use_mask_token": Flag("mask", True),
    },
    tasks={"Dinov2Model": "base", "Dinov2ForImageClassification": "image-classification"},
    arguments=_dinov2_arguments,
)

DIALECTS = (DEIT, MAE, BEIT, DINOV2)
