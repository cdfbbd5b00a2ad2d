"""ViT's checkpoints."""

from __future__ import annotations

from typing import Any

from bestiary.spec import Transformer, own_layers
from bestiary.weights.config import ACTIVATIONS, WAIVE, Arguments, Derive, Flag, Number, Pin, Size, Word
from bestiary.weights.dialects.dialect import COMMON, Dialect, always, label_count

KEYS = """
embed.extra                               = [vit.]embeddings.cls_token | unwrap
embed.position                            = [vit.]embeddings.position_embeddings | unwrap
embed.patches.weight                      = [vit.]embeddings.patch_embeddings.projection.weight | flatten
embed.patches.bias                        = [vit.]embeddings.patch_embeddings.projection.bias
stack.layers.{i}.attn.{q,k,v}.weight      = [vit.]encoder.layer.{i}.attention.attention.{query,key,value}.weight
stack.layers.{i}.attn.{q,k,v}.bias        = [vit.]encoder.layer.{i}.attention.attention.{query,key,value}.bias
stack.layers.{i}.attn.o.{weight,bias}     = [vit.]encoder.layer.{i}.attention.output.dense.{weight,bias}
stack.layers.{i}.attn_norm.{weight,bias}  = [vit.]encoder.layer.{i}.layernorm_before.{weight,bias}
stack.layers.{i}.mlp.up.{weight,bias}     = [vit.]encoder.layer.{i}.intermediate.dense.{weight,bias}
stack.layers.{i}.mlp.down.{weight,bias}   = [vit.]encoder.layer.{i}.output.dense.{weight,bias}
stack.layers.{i}.mlp_norm.{weight,bias}   = [vit.]encoder.layer.{i}.layernorm_after.{weight,bias}
stack.norm.{weight,bias}                  = [vit.]layernorm.{weight,bias}
heads.pool.dense.{weight,bias}            = [vit.]pooler.dense.{weight,bias}
heads.classifier.output.{weight,bias}     = classifier.{weight,bias}
"""

CONFIG = {
    **COMMON,
    "hidden_size": Size("dim"),
    "num_hidden_layers": Size("depth"),
    "num_attention_heads": Size("heads"),
    "intermediate_size": Size("hidden"),
    "image_size": Size("image", 224),
    "patch_size": Size("patch", 16),
    "num_channels": Size("channels", 3),
    "hidden_act": Word("activation", ACTIVATIONS, "gelu"),
    "layer_norm_eps": Number("eps", 1e-12),
    "hidden_dropout_prob": Number("dropout", 0.0),
    "attention_probs_dropout_prob": Number("attention_dropout", 0.0),
    "qkv_bias": Flag("qkv_bias", True),
    "pooler_act": Pin(("tanh",), "another nonlinearity was never published in this family"),
    "pooler_output_size": WAIVE,  # as wide as the model in every published file; a file of another shape is refused
    "encoder_stride": WAIVE,  # of the masked-image head, which is another task
}


def arguments(spec: Transformer) -> Arguments:
    """Read the sizes of a ViT, or of one of its kin, off its spec."""
    attention, mlp = own_layers(spec.stack)[0]
    embed: Any = spec.embed
    head: Any = spec.heads.get("classifier")
    return {
        "dim": spec.dim,
        "depth": len(own_layers(spec.stack)),
        "heads": attention.at("heads"),
        "hidden": mlp.at("hidden"),
        "image": embed.image,
        "patch": embed.patch,
        "channels": embed.channels,
        "labels": head.labels if head else 1000,
        "activation": mlp.at("activation"),
        "eps": mlp.at("norm.eps"),
        "dropout": embed.dropout,
        "attention_dropout": attention.op.at("dropout"),
        "qkv_bias": "q" in attention.at("bias"),
    }


LABELS = Derive(("id2label", "num_labels"), lambda config: {"labels": label_count(config)}, lambda arguments: {})

DIALECT = Dialect(
    name="vit",
    architecture=always("vit"),
    architectures=("vit",),
    keys=always(KEYS),
    config=CONFIG,
    tasks={"ViTModel": "base", "ViTForImageClassification": "image-classification"},
    derived=(LABELS,),
    arguments=arguments,
)
