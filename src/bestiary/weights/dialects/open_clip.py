"""CLIP's checkpoints as open_clip spells them, after OpenAI's code: the only files of its residual networks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from bestiary.data.images.open_clip import read_open_clip
from bestiary.data.images.settings import Settings
from bestiary.errors import BestiaryError
from bestiary.spec import ConvNet, EndSummary
from bestiary.weights import config as tables
from bestiary.weights.config import WAIVE, Arguments, Derive, Flag, Number, Pin, Row, Size, shown
from bestiary.weights.dialects.clip import image_arguments, text_arguments
from bestiary.weights.dialects.dialect import COMMON, OPEN_CLIP, Dialect, always
from bestiary.weights.keys import nested

LAYERS = """
stack.layers.{i}.attn.{q,k,v}.weight    = PREFIXtransformer.resblocks.{i}.attn.in_proj_weight | split
stack.layers.{i}.attn.{q,k,v}.bias      = PREFIXtransformer.resblocks.{i}.attn.in_proj_bias | split
stack.layers.{i}.attn.o.{weight,bias}   = PREFIXtransformer.resblocks.{i}.attn.out_proj.{weight,bias}
stack.layers.{i}.attn_norm.{weight,bias} = PREFIXtransformer.resblocks.{i}.ln_1.{weight,bias}
stack.layers.{i}.mlp.up.{weight,bias}   = PREFIXtransformer.resblocks.{i}.mlp.c_fc.{weight,bias}
stack.layers.{i}.mlp.down.{weight,bias} = PREFIXtransformer.resblocks.{i}.mlp.c_proj.{weight,bias}
stack.layers.{i}.mlp_norm.{weight,bias} = PREFIXtransformer.resblocks.{i}.ln_2.{weight,bias}
"""

TEXT = """
embed.tokens.weight                     = token_embedding.weight
embed.position.weight                   = positional_embedding
stack.norm.{weight,bias}                = ln_final.{weight,bias}
heads.embedding.output.weight           = text_projection | T
""" + LAYERS.replace("PREFIX", "")

VISION = """
embed.extra                             = visual.class_embedding | table
embed.patches.weight                    = visual.conv1.weight | flatten
embed.position                          = visual.positional_embedding
embed.norm.{weight,bias}                = visual.ln_pre.{weight,bias}
heads.pool.norm.{weight,bias}           = visual.ln_post.{weight,bias}
heads.embedding.output.weight           = visual.proj | T
""" + LAYERS.replace("PREFIX", "visual.")

STATISTICS = "{weight,bias,running_mean,running_var}"
STEM = f"""
stem.conv{{1,2,3}}.weight               = visual.conv{{1,2,3}}.weight
stem.norm{{1,2,3}}.{STATISTICS}         = visual.bn{{1,2,3}}.{STATISTICS}
heads.pool.position                     = visual.attnpool.positional_embedding
heads.pool.cross.{{q,k,v,o}}.{{weight,bias}} = visual.attnpool.{{q,k,v,c}}_proj.{{weight,bias}}
"""
STAGE = f"""
stages.S.blocks.{{i}}.conv{{1,2,3}}.weight        = visual.layerN.{{i}}.conv{{1,2,3}}.weight
stages.S.blocks.{{i}}.norm{{1,2,3}}.{STATISTICS}  = visual.layerN.{{i}}.bn{{1,2,3}}.{STATISTICS}
stages.S.blocks.{{i}}.shortcut.weight             = visual.layerN.{{i}}.downsample.0.weight
stages.S.blocks.{{i}}.shortcut_norm.{STATISTICS}  = visual.layerN.{{i}}.downsample.1.{STATISTICS}
"""


def _keys(spec: Any) -> str:
    image = VISION
    if isinstance(spec.image, ConvNet):
        stages = (STAGE.replace("S.", f"{index}.").replace("N.", f"{index + 1}.") for index in range(4))
        image = STEM + "".join(stages)
    return "\n".join((nested("text", TEXT), nested("image", image), "heads.match.scale = logit_scale"))


_PLAIN = (
    "ls_init_value act_kwargs norm_kwargs block_type hf_model_name timm_model_name hf_tokenizer_name attentional_pool "
    "no_ln_pre final_ln_after_pool embed_cls no_causal_mask qk_norm scaled_cosine_attn scale_heads scale_attn_inner "
    "scale_attn scale_fc proj_bias"
).split()
SIDE: dict[str, Row] = {
    **dict.fromkeys(_PLAIN, Pin((None, False), "only CLIP as it was published is read in this spelling")),
    **dict.fromkeys(("output_tokens", "patch_dropout", "tokenizer_mode", "tokenizer_kwargs", "pad_id"), WAIVE),
    "width": Size("dim"),
    "mlp_ratio": Number("ratio", 4.0),
}
TEXT_SIDE: dict[str, Row] = {
    **SIDE,
    "layers": Size("depth", 12),
    "heads": Size("heads", 8),
    "context_length": Size("length", 77),
    "vocab_size": Size("vocab", 49408),
    "pool_type": Pin(("argmax",), "another summary is another architecture"),
    "proj_type": Pin(("linear",), "another map is another architecture"),
    "eos_id": WAIVE,
}
VISION_SIDE: dict[str, Row] = {
    **SIDE,
    "layers": WAIVE,  # read beside the translation: a number, or one for each stage
    "patch_size": WAIVE,
    "head_width": Size("head_width", 64),
    "image_size": Size("image", 224),
    "pool_type": Pin(("tok",), "another summary is another architecture"),
    "pos_embed_type": Pin(("learnable",), "other positions are another architecture"),
}


def _read(config: Mapping[str, Any]) -> Arguments:
    model = config.get("model_cfg")
    if not isinstance(model, dict) or not all(isinstance(model.get(key), dict) for key in ("vision_cfg", "text_cfg")):
        raise BestiaryError("'model_cfg' must hold 'vision_cfg' and 'text_cfg'; download the file again")
    rest = cast("dict[str, Any]", {key: value for key, value in model.items() if not key.endswith("_cfg")})
    top = tables.read({"embed_dim": Size("dim"), "quick_gelu": Flag("quick", False)}, (), rest, "'model_cfg'")
    activation = "quick_gelu" if top["quick"] else "gelu"
    text = tables.read(TEXT_SIDE, (), model["text_cfg"], "'text_cfg'")
    hidden = int(text["dim"] * text.pop("ratio"))
    text |= {"architecture": "clip_text", "hidden": hidden, "end": None, "activation": activation}
    return {"dim": top["dim"], "text": text, "image": _read_image(model["vision_cfg"], activation)}


def _read_image(config: dict[str, Any], activation: str) -> Arguments:
    image = tables.read(VISION_SIDE, (), config, "'vision_cfg'")
    width, head, ratio = image.pop("dim"), image.pop("head_width"), image.pop("ratio")
    layers: Any = config.get("layers", 12)
    whole = layers if isinstance(layers, list) else [layers]
    if not all(type(number) is int and number > 0 for number in cast("list[Any]", whole)) or len(whole) not in (1, 4):
        raise BestiaryError(f"'layers' is {shown(layers)}; give a positive whole number, or four of them for a ResNet")
    if isinstance(layers, list):
        heads = width * 32 // head
        return {"architecture": "clip_resnet", "stem": width, "blocks": tuple(whole), "heads": heads, **image}
    sizes = {"dim": width, "depth": layers, "heads": width // head, "hidden": int(width * ratio)}
    patch = tables.optional_size(config, "patch_size") or 16
    return {"architecture": "clip_vision", **sizes, "patch": patch, "activation": activation, **image}


def _write(arguments: Arguments) -> dict[str, Any]:
    text, image = arguments["text"], arguments["image"]
    side = {"context_length": text["length"], "vocab_size": text["vocab"], "width": text["dim"]}
    side |= {"heads": text["heads"], "layers": text["depth"], "mlp_ratio": text["hidden"] / text["dim"]}
    if image["architecture"] == "clip_resnet":
        width = image["stem"]
        vision = {"layers": list(image["blocks"]), "patch_size": None, "head_width": width * 32 // image["heads"]}
    else:
        width = image["dim"]
        vision = {"layers": image["depth"], "patch_size": image["patch"], "head_width": width // image["heads"]}
        vision["mlp_ratio"] = image["hidden"] / width
    model = {"embed_dim": arguments["dim"], "vision_cfg": {**vision, "width": width, "image_size": image["image"]}}
    quick = {"quick_gelu": True} if text["activation"] == "quick_gelu" else {}
    return {"model_cfg": {**model, "text_cfg": side, **quick}}


def _arguments(spec: Any) -> Arguments:
    image = spec.image
    if isinstance(image, ConvNet):
        summary: Any = image.heads["pool"]
        sizes = {"stem": image.stem.width, "blocks": tuple(stage.blocks for stage in image.stages)}
        sizes |= {"image": image.image, "heads": summary.attention.heads}
        vision: Arguments = {"architecture": "clip_resnet", **sizes}
    else:
        vision = {"architecture": "clip_vision", **image_arguments(image)}
    text = {"architecture": "clip_text", **text_arguments(spec.text)}
    if isinstance(spec.text.heads["pool"], EndSummary):
        raise BestiaryError("in this spelling the highest token ends a text")
    return {"dim": spec.dim, "text": text, "image": vision}


def _pictures(carried: Mapping[str, Any], spec: Any, where: str) -> Settings:
    said = carried.get("preprocess_cfg") or {}
    if not isinstance(said, dict):
        raise BestiaryError(f"{where}: 'preprocess_cfg' is {shown(said)}; give an object, or leave it out")
    side: Any = spec.image.image if isinstance(spec.image, ConvNet) else spec.at("image.embed.image")
    return read_open_clip(cast("dict[str, Any]", said), side, where)


DIALECT = Dialect(
    name="open_clip",
    architecture=always("clip"),
    architectures=("clip",),
    keys=_keys,
    config={**COMMON, "preprocess_cfg": WAIVE},
    tasks={"CLIP": "contrastive"},
    derived=(Derive(("model_cfg",), _read, _write),),
    repeated={
        "visual.bn{i}.num_batches_tracked": "",
        **{f"visual.layer{n}.{{i}}.bn{m}.num_batches_tracked": "" for n in range(1, 5) for m in range(1, 4)},
        **{f"visual.layer{n}.{{i}}.downsample.1.num_batches_tracked": "" for n in range(1, 5)},
    },
    arguments=_arguments,
    layout=OPEN_CLIP,
    pictures=_pictures,
)
