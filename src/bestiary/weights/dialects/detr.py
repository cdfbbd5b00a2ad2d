"""DETR's checkpoints as transformers spells them, with networks that timm names or that it spells itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from bestiary.errors import BestiaryError, nearest
from bestiary.spec import ConvNet, Detector, DilatedStage, ObjectMasks, own_layers
from bestiary.weights import config as tables
from bestiary.weights.config import ACTIVATIONS, WAIVE, Arguments, Derive, Number, Pin, Row, Size, Word, shown
from bestiary.weights.dialects.dialect import COMMON, Dialect
from bestiary.weights.dialects.vit import LABELS

_ALL = "{weight,bias,running_mean,running_var}"
_TIMM_STEM = f"""
net.stem.conv1.weight                        = NETconv1.weight
net.stem.norm1.{_ALL}                        = NETbn1.{_ALL}
"""
_TIMM_STAGE = f"""
net.stages.S.blocks.{{i}}.conv{{1,2,3}}.weight       = NETlayerN.{{i}}.conv{{1,2,3}}.weight
net.stages.S.blocks.{{i}}.norm{{1,2,3}}.{_ALL}       = NETlayerN.{{i}}.bn{{1,2,3}}.{_ALL}
net.stages.S.blocks.{{i}}.shortcut.weight            = NETlayerN.{{i}}.downsample.0.weight
net.stages.S.blocks.{{i}}.shortcut_norm.{_ALL}       = NETlayerN.{{i}}.downsample.1.{_ALL}
"""
_OWN_STEM = f"""
net.stem.conv1.weight                        = NETembedder.embedder.convolution.weight
net.stem.norm1.{_ALL}                        = NETembedder.embedder.normalization.{_ALL}
"""
_OWN_BLOCK = "NETencoder.stages.S.layers.{i}"
_OWN_STAGE = f"""
net.stages.S.blocks.{{i}}.conv{{1,2,3}}.weight       = {_OWN_BLOCK}.layer.{{0,1,2}}.convolution.weight
net.stages.S.blocks.{{i}}.norm{{1,2,3}}.{_ALL}       = {_OWN_BLOCK}.layer.{{0,1,2}}.normalization.{_ALL}
net.stages.S.blocks.{{i}}.shortcut.weight            = {_OWN_BLOCK}.shortcut.convolution.weight
net.stages.S.blocks.{{i}}.shortcut_norm.{_ALL}       = {_OWN_BLOCK}.shortcut.normalization.{_ALL}
"""
_LAYER = """
SIDE.layers.{i}.attn.{q,k,v,o}.{weight,bias}     = MODELSIDE.layers.{i}.self_attn.{q,k,v,out}_proj.{weight,bias}
SIDE.layers.{i}.attn_norm.{weight,bias}          = MODELSIDE.layers.{i}.self_attn_layer_norm.{weight,bias}
SIDE.layers.{i}.mlp.{up,down}.{weight,bias}      = MODELSIDE.layers.{i}.fc{1,2}.{weight,bias}
SIDE.layers.{i}.mlp_norm.{weight,bias}           = MODELSIDE.layers.{i}.final_layer_norm.{weight,bias}
"""
_BODY = (
    """
project.weight                                   = MODELinput_projection.weight
project.bias                                     = MODELinput_projection.bias
queries                                          = MODELquery_position_embeddings.weight
decoder.norm.{weight,bias}                       = MODELdecoder.layernorm.{weight,bias}
decoder.layers.{i}.cross.{q,k,v,o}.{weight,bias} = MODELdecoder.layers.{i}.encoder_attn.{q,k,v,out}_proj.{weight,bias}
decoder.layers.{i}.cross_norm.{weight,bias}      = MODELdecoder.layers.{i}.encoder_attn_layer_norm.{weight,bias}
"""
    + _LAYER.replace("SIDE", "encoder")
    + _LAYER.replace("SIDE", "decoder")
)
_HEADS = """
heads.classes.output.{weight,bias}               = HEADclass_labels_classifier.{weight,bias}
heads.boxes.maps.{i}.{weight,bias}               = HEADbbox_predictor.layers.{i}.{weight,bias}
heads.masks.{q,k}.{weight,bias}                  = bbox_attention.{q,k}_linear.{weight,bias}
heads.masks.output.{weight,bias}                 = mask_head.out_lay.{weight,bias}
""" + "".join(
    f"heads.masks.{ours.format(index)}.{{weight,bias}} = mask_head.{theirs}{index + 1}.{{weight,bias}}\n"
    for ours, theirs, count in (("steps.{}.conv", "lay", 5), ("steps.{}.norm", "gn", 5), ("adapt.{}", "adapter", 3))
    for index in range(count)
)


def _keys(stem: str, stage: str) -> Callable[[Detector], str]:
    """Return the key table of a spelling of networks.

    A detector stands inside what covers objects too, under one more name; either file fills the other's model.
    """

    def table(spec: Detector) -> str:
        stages = (stage.replace("S.", f"{i}.").replace("N.", f"{i + 1}.") for i in range(len(spec.net.stages)))
        text = stem + "".join(stages) + _BODY + _HEADS
        masks = any(isinstance(head, ObjectMasks) for head in spec.heads.values())
        model, head = ("[detr.model./model.]", "[detr.]") if masks else ("[model./detr.model.]", "[/detr.]")
        text = text.replace("NET", "MODELbackbone.conv_encoder.model.")
        return text.replace("MODEL", model).replace("HEAD", head)

    return table


_TIMM: dict[str, tuple[int, ...]] = {
    "resnet26": (2, 2, 2, 2), "resnet50": (3, 4, 6, 3), "resnet101": (3, 4, 23, 3), "resnet152": (3, 8, 36, 3),
}  # fmt: skip
"""How many blocks the stages of timm's networks of bottlenecks have, by name."""

_PLAIN_INNER = (
    "id2label num_labels features_only use_pretrained_backbone stage_names out_features out_indices use_timm_backbone"
).split()
_INNER: dict[str, Row] = {
    **COMMON,
    **dict.fromkeys(_PLAIN_INNER, WAIVE),  # which maps are taken, and where weights came from at first
    "num_channels": Size("channels", 3),
}


def _of_timm(config: Mapping[str, Any]) -> Arguments:
    """Read the network that timm names; older configs name it outside of a config of its own."""
    inner = config.get("backbone_config")
    dilated = config.get("dilation", False)
    if inner is None:
        named, steps = config.get("backbone") or "resnet50", 16 if dilated else None
        channels = {"channels": config.get("num_channels", 3)}
    elif isinstance(inner, Mapping):
        named, steps = inner.get("backbone"), inner.get("output_stride")
        own = ("backbone", "output_stride", "freeze_batch_norm_2d")
        channels = tables.read(_INNER, (), {k: v for k, v in inner.items() if k not in own}, "'backbone_config'")
    else:
        raise BestiaryError(f"'backbone_config' is {shown(inner)}; give the config of the network")
    if not isinstance(named, str) or named not in _TIMM:
        hint = nearest(str(named), _TIMM)
        raise BestiaryError(f"'backbone' is {shown(named)}, which we do not know; known are {', '.join(_TIMM)}{hint}")
    if steps not in (None, 32, 16):
        raise BestiaryError(f"'output_stride' is {shown(steps)}; only 32, and 16 where the last stage is dilated, are")
    return {"net": {"architecture": "resnet", "blocks": _TIMM[named], "dilated": steps == 16, **channels}}


def _as_timm(given: Arguments) -> dict[str, Any]:
    net = given["net"]
    inner = {
        "model_type": "timm_backbone",
        "backbone": next(name for name, blocks in _TIMM.items() if blocks == net["blocks"]),
        "num_channels": net["channels"],
        "features_only": True,
        "use_pretrained_backbone": False,
        "out_indices": [1, 2, 3, 4],
        "output_stride": 16 if net["dilated"] else None,
    }
    return {"backbone_config": inner, "dilation": net["dilated"]}


_OWN: dict[str, Row] = {
    **_INNER,
    "embedding_size": Size("stem", 64),
    "layer_type": Pin(("bottleneck",), "only networks of bottlenecks are detectors'"),
    "hidden_act": Pin(("relu",), "another nonlinearity was never published in this family"),
    "downsample_in_first_stage": Pin((False,), "the stem has halved the map twice"),
    "downsample_in_bottleneck": Pin((False,), "the convolution over 3 x 3 halves the map"),
}


def _of_resnet(config: Mapping[str, Any]) -> Arguments:
    inner = config.get("backbone_config")
    if not isinstance(inner, Mapping):
        raise BestiaryError(f"'backbone_config' is {shown(inner)}; give the config of the network")
    outputs = tables.sizes({"hidden_sizes": [256, 512, 1024, 2048], **inner}, "hidden_sizes")
    blocks = tables.sizes({"depths": [3, 4, 6, 3], **inner}, "depths")
    if any(output % 4 for output in outputs) or len(outputs) != len(blocks):
        raise BestiaryError("'hidden_sizes' of the network are multiples of 4, one for each of its 'depths'")
    rest = {key: value for key, value in inner.items() if key not in ("hidden_sizes", "depths")}
    read = tables.read(_OWN, (), rest, "'backbone_config'")
    widths = tuple(output // 4 for output in outputs)
    return {"net": {"architecture": "resnet", "blocks": blocks, "widths": widths, **read}}


def _as_resnet(given: Arguments) -> dict[str, Any]:
    net = given["net"]
    stages = [f"stage{index + 1}" for index in range(len(net["blocks"]))]
    inner = {
        "model_type": "resnet",
        "embedding_size": net["stem"],
        "hidden_sizes": [4 * width for width in net["widths"]],
        "depths": list(net["blocks"]),
        "num_channels": net["channels"],
        "layer_type": "bottleneck",
        "hidden_act": "relu",
        "out_features": stages,
    }
    return {"backbone_config": inner}


_OF_TRAINING = (
    "encoder_layerdrop decoder_layerdrop init_xavier_std auxiliary_loss class_cost bbox_cost giou_cost "
    "mask_loss_coefficient dice_loss_coefficient bbox_loss_coefficient giou_loss_coefficient eos_coefficient "
    "num_hidden_layers max_position_embeddings scale_embedding classifier_dropout use_pretrained_backbone"
).split()
"""How losses are weighed and weights drawn, and what older configs repeat or no code reads."""

_CONFIG: dict[str, Row] = {
    **COMMON,
    **dict.fromkeys(_OF_TRAINING, WAIVE),
    "d_model": Size("dim", 256),
    "num_queries": Size("queries", 100),
    "encoder_layers": Size("depth", 6),
    "encoder_ffn_dim": Size("hidden", 2048),
    "encoder_attention_heads": Size("heads", 8),
    "decoder_layers": Size("decoder_depth", 6),
    "decoder_ffn_dim": Size("decoder_hidden", 2048),
    "decoder_attention_heads": Size("decoder_heads", 8),
    "activation_function": Word("activation", ACTIVATIONS, "relu"),
    "dropout": Number("dropout", 0.1),
    "attention_dropout": Number("attention_dropout", 0.0),
    "activation_dropout": Number("activation_dropout", 0.0),
    "num_channels": WAIVE,  # the network's own config says it
    "is_encoder_decoder": Pin((True,), "a detector has two stacks"),
    "position_embedding_type": Pin(("sine",), "learned positions were never published in this family"),
    "freeze_backbone": WAIVE,
}


def _arguments(spec: Detector) -> Arguments:
    look, feed = own_layers(spec.encoder)[0]
    asked = own_layers(spec.decoder)[0]
    attention, mlp = cast(Any, look.op), cast(Any, feed.op)
    classes: Any = spec.heads.get("classes")
    return {
        "dim": spec.dim,
        "depth": len(own_layers(spec.encoder)),
        "heads": attention.heads,
        "hidden": mlp.hidden,
        "queries": spec.queries,
        "labels": classes.labels if classes else 91,
        "decoder_depth": len(own_layers(spec.decoder)),
        "decoder_heads": asked[0].at("heads"),
        "decoder_hidden": asked[2].at("hidden"),
        "activation": mlp.activation,
        "dropout": look.dropout,
        "attention_dropout": attention.dropout,
        "activation_dropout": mlp.dropout,
        "image": spec.image,
    }


def _net(net: ConvNet) -> Arguments:
    return {
        "architecture": "resnet",
        "blocks": tuple(stage.blocks for stage in net.stages),
        "dilated": isinstance(net.stages[-1], DilatedStage),
        "channels": net.channels,
    }


def _timm_arguments(spec: Detector) -> Arguments:
    net = _net(spec.net)
    if net["blocks"] not in _TIMM.values():
        raise BestiaryError("timm has no such network")
    return {**_arguments(spec), "net": net}


def _resnet_arguments(spec: Detector) -> Arguments:
    net = {**_net(spec.net), "stem": spec.net.stem.width, "widths": tuple(stage.width for stage in spec.net.stages)}
    if net.pop("dilated"):
        raise BestiaryError("transformers' own networks are not dilated")
    return {**_arguments(spec), "net": net}


def _is_own(config: Mapping[str, Any]) -> bool:
    """Tell whether the network is spelled as transformers spells its own."""
    inner = config.get("backbone_config")
    return isinstance(inner, Mapping) and inner.get("model_type") == "resnet"


_TASKS = {
    "DetrForObjectDetection": "object-detection",
    "DetrModel": "base",
    "DetrForSegmentation": "image-segmentation",
}

DIALECT = Dialect(
    name="detr",
    architecture=lambda config: "detr",
    architectures=("detr",),
    keys=_keys(_TIMM_STEM, _TIMM_STAGE),
    config={**_CONFIG, "backbone_kwargs": Pin((None, {}), "a network changed by arguments is not known here")},
    tasks=_TASKS,
    derived=(LABELS, Derive(("backbone_config", "dilation", "backbone", "use_timm_backbone"), _of_timm, _as_timm)),
    says=lambda config: not _is_own(config),
    arguments=_timm_arguments,
)
OWN_NETWORK = Dialect(
    name="detr_resnet",
    model_type="detr",
    architecture=lambda config: "detr",
    architectures=("detr",),
    keys=_keys(_OWN_STEM, _OWN_STAGE),
    config={
        **_CONFIG,
        "backbone": Pin((None,), "this network has a config of its own"),
        "use_timm_backbone": Pin((False,), "this network is no one of timm's"),
        "backbone_kwargs": Pin((None, {}), "a network changed by arguments is not known here"),
        "dilation": Pin((False, None), "networks of this spelling are not dilated"),
    },
    tasks=_TASKS,
    derived=(LABELS, Derive(("backbone_config",), _of_resnet, _as_resnet)),
    says=_is_own,
    arguments=_resnet_arguments,
)
DIALECTS = (DIALECT, OWN_NETWORK)
