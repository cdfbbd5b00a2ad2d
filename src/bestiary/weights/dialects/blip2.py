"""BLIP-2's checkpoints: a reader of images of its own, the Q-Former, and OPT or T5."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bestiary.errors import BestiaryError
from bestiary.spec import CrossWidthAttention, EncoderDecoder, QueryConnector, Transformer, VisionLanguage, own_layers
from bestiary.weights.config import ACTIVATIONS, WAIVE, Arguments, Derive, Flag, Number, Pin, Size, Word, shown
from bestiary.weights.dialects import clip, opt, t5
from bestiary.weights.dialects.dialect import COMMON, Dialect, always, part, part_arguments
from bestiary.weights.keys import nested

VISION = """
embed.extra                                  = embeddings.class_embedding | unwrap
embed.patches.weight                         = embeddings.patch_embedding.weight | flatten
embed.patches.bias                           = embeddings.patch_embedding.bias
embed.position                               = embeddings.position_embedding | unwrap
stack.layers.{i}.attn.{q,k,v}.weight         = encoder.layers.{i}.self_attn.qkv.weight | split
stack.layers.{i}.attn.{q,k,v}.bias           = encoder.layers.{i}.self_attn.qkv.bias | split
stack.layers.{i}.attn.o.{weight,bias}        = encoder.layers.{i}.self_attn.projection.{weight,bias}
stack.layers.{i}.attn_norm.{weight,bias}     = encoder.layers.{i}.layer_norm1.{weight,bias}
stack.layers.{i}.mlp.up.{weight,bias}        = encoder.layers.{i}.mlp.fc1.{weight,bias}
stack.layers.{i}.mlp.down.{weight,bias}      = encoder.layers.{i}.mlp.fc2.{weight,bias}
stack.layers.{i}.mlp_norm.{weight,bias}      = encoder.layers.{i}.layer_norm2.{weight,bias}
stack.norm.{weight,bias}                     = post_layernorm.{weight,bias}
"""

ATTENTION = """
stack.layers.{i}.OURS.{q,k,v}.weight         = encoder.layer.{i}.THEIRS.attention.{query,key,value}.weight
stack.layers.{i}.OURS.{q,k,v}.bias           = encoder.layer.{i}.THEIRS.attention.{query,key,value}.bias
stack.layers.{i}.OURS.o.{weight,bias}        = encoder.layer.{i}.THEIRS.output.dense.{weight,bias}
stack.layers.{i}.OURS_norm.{weight,bias}     = encoder.layer.{i}.THEIRS.output.LayerNorm.{weight,bias}
"""
"""Either attention of the Q-Former, under its names here and there."""

FORMER = """
embed.norm.{weight,bias}                     = layernorm.{weight,bias}
stack.layers.{i}.mlp.up.{weight,bias}        = encoder.layer.{i}.intermediate_query.dense.{weight,bias}
stack.layers.{i}.mlp.down.{weight,bias}      = encoder.layer.{i}.output_query.dense.{weight,bias}
stack.layers.{i}.mlp_norm.{weight,bias}      = encoder.layer.{i}.output_query.LayerNorm.{weight,bias}
""" + "".join(
    ATTENTION.replace("OURS", ours).replace("THEIRS", theirs)
    for ours, theirs in (("attn", "attention"), ("cross", "crossattention"))
)

CONNECTOR = """
connector.former.embed.queries               = query_tokens | unwrap
connector.map.{weight,bias}                  = language_projection.{weight,bias}
"""


def _keys(spec: VisionLanguage) -> str:
    pair = isinstance(spec.text, EncoderDecoder)
    text = t5.keys(spec.text) if pair else opt.KEYS.replace("[model.]", "model.")  # type: ignore[arg-type]
    return "\n".join(
        (
            nested("image", VISION, "vision_model."),
            CONNECTOR,
            nested("connector.former", FORMER, "qformer."),
            nested("text", text, "language_model."),
        )
    )


def _vision_arguments(spec: Transformer) -> Arguments:
    biased = "q" in own_layers(spec.stack)[0][0].at("bias")
    image, patch = spec.at("embed.image"), spec.at("embed.patch")
    return {**clip.layer_arguments(spec), "image": image, "patch": patch, "biased": biased}


def _former_arguments(spec: Transformer) -> Arguments:
    layers = own_layers(spec.stack)
    asks = [index for index, layer in enumerate(layers) if isinstance(layer[1].op, CrossWidthAttention)]
    attention, mlp = layers[0][0], layers[0][-1]
    return {
        "dim": spec.dim,
        "depth": len(layers),
        "heads": attention.at("heads"),
        "hidden": mlp.at("hidden"),
        "width": layers[0][1].at("width"),
        "queries": spec.at("embed.count"),
        "every": asks[1] if len(asks) > 1 else len(layers),
        "activation": mlp.at("activation"),
        "eps": attention.at("norm.eps"),
        "dropout": attention.dropout,
        "attention_dropout": attention.op.at("dropout"),
    }


IMAGE = Dialect(
    name="blip_2_vision_model",
    architecture=always("blip2_vision"),
    architectures=("blip2_vision",),
    keys=always(VISION),
    config={
        **COMMON,
        "hidden_size": Size("dim", 1408),
        "num_hidden_layers": Size("depth", 39),
        "num_attention_heads": Size("heads", 16),
        "intermediate_size": Size("hidden", 6144),
        "image_size": Size("image", 224),
        "patch_size": Size("patch", 14),
        "hidden_act": Word("activation", ACTIVATIONS, "gelu"),
        "layer_norm_eps": Number("eps", 1e-6),
        "attention_dropout": Number("attention_dropout", 0.0),
        "qkv_bias": Flag("biased", True),
        "dropout": WAIVE,  # older files have these three, and no code reads them
        "num_channels": WAIVE,
        "projection_dim": WAIVE,
    },
    tasks={"Blip2VisionModel": "base"},
    arguments=_vision_arguments,
)

QFORMER = Dialect(
    name="blip_2_qformer",
    architecture=always("qformer"),
    architectures=("qformer",),
    keys=always(FORMER),
    config={
        **COMMON,
        "hidden_size": Size("dim", 768),
        "num_hidden_layers": Size("depth", 12),
        "num_attention_heads": Size("heads", 12),
        "intermediate_size": Size("hidden", 3072),
        "encoder_hidden_size": Size("width", 1408),
        "cross_attention_frequency": Size("every", 2),
        "hidden_act": Word("activation", ACTIVATIONS, "gelu"),
        "layer_norm_eps": Number("eps", 1e-12),
        "hidden_dropout_prob": Number("dropout", 0.1),
        "attention_probs_dropout_prob": Number("attention_dropout", 0.1),
        "position_embedding_type": Pin(("absolute",), "queries have no positions"),
        "use_qformer_text_input": Pin((False,), "a Q-Former that reads texts is another architecture"),
        "vocab_size": WAIVE,  # of the texts that it read while it learned
        "max_position_embeddings": WAIVE,
        "classifier_dropout": WAIVE,
    },
    tasks={"Blip2QFormerModel": "base"},
    arguments=lambda spec: {key: size for key, size in _former_arguments(spec).items() if key != "queries"},
)

TEXTS = (
    replace(
        opt.DIALECT,
        usual={
            "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "ffn_dim": 3072,
            "vocab_size": 50272,
        },
    ),
    replace(
        t5.DIALECT,
        usual={"d_model": 512, "num_layers": 6, "num_heads": 8, "d_ff": 2048, "vocab_size": 32128},
    ),
)  # fmt: skip


def _read_token(config: Mapping[str, Any]) -> Arguments:
    """A file that names no token for images has them in front: any number will do that no text has."""
    text, token = config.get("text_config") or {}, config.get("image_token_index")
    if token is None:
        usual = {dialect.kind: dialect.usual for dialect in TEXTS}.get(text.get("model_type", "opt"), {})
        token = {**usual, **text}["vocab_size"]
    if type(token) is not int or token < 0:
        raise BestiaryError(f"'image_token_index' is {shown(token)}; give the number of the token for images")
    return {"token": token}


def _arguments(spec: VisionLanguage) -> Arguments:
    assert isinstance(spec.connector, QueryConnector) and spec.reads is None
    former = spec.connector.former
    queries = former.at("embed.count")
    usual = former.replace(embed=former.embed.replace(count=32))
    return {
        "image": part_arguments(spec.image, IMAGE),
        "former": part_arguments(usual, QFORMER),
        "text": part_arguments(spec.text, *TEXTS),
        "token": spec.token,
        "queries": queries,
    }


DIALECT = Dialect(
    name="blip-2",
    architecture=always("blip2"),
    architectures=("blip2",),
    keys=_keys,
    config={
        **COMMON,
        "vision_config": part("image", IMAGE),
        "qformer_config": part("former", QFORMER),
        "text_config": part("text", *TEXTS),
        "num_query_tokens": Size("queries", 32),
        "image_text_hidden_size": WAIVE,  # where images are compared with texts, by classes of another head
        "use_decoder_only_language_model": WAIVE,  # as the language model's own config says it
        "is_encoder_decoder": WAIVE,
        "tie_word_embeddings": WAIVE,  # the language model's own is meant
    },
    tasks={"Blip2ForConditionalGeneration": "image-text-to-text", "Blip2Model": "image-text-to-text"},
    derived=(Derive(("image_token_index",), _read_token, lambda a: {"image_token_index": a["token"]}),),
    repeated={
        "language_model.lm_head.weight": "text.embed.tokens.weight or text.encoder.embed.tokens.weight",
        "language_model.encoder.embed_tokens.weight": "text.encoder.embed.tokens.weight",
        "language_model.decoder.embed_tokens.weight": "text.encoder.embed.tokens.weight",
    },
    arguments=_arguments,
)
