"""The checkpoints of wav2vec 2.0 and HuBERT, which share a body."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bestiary.errors import BestiaryError
from bestiary.spec import LayerNorm, Transformer, own_layers
from bestiary.weights.config import (
    ACTIVATIONS,
    WAIVE,
    Arguments,
    Derive,
    Flag,
    Number,
    Pin,
    Row,
    Size,
    Word,
    is_number,
    shown,
)
from bestiary.weights.dialects.dialect import COMMON, Dialect, always

_LAYER = "[wav2vec2.]encoder.layers.{i}"
_PLACES = "[wav2vec2.]encoder.pos_conv_embed.conv"
KEYS = f"""
embed.filters.{{i}}.map.weight = [wav2vec2.]feature_extractor.conv_layers.{{i}}.conv.weight
embed.filters.{{i}}.map.bias = [wav2vec2.]feature_extractor.conv_layers.{{i}}.conv.bias
embed.filters.{{i}}.norm.{{weight,bias}} = [wav2vec2.]feature_extractor.conv_layers.{{i}}.layer_norm.{{weight,bias}}
embed.filtered_norm.{{weight,bias}} = [wav2vec2.]feature_projection.layer_norm.{{weight,bias}}
embed.map.{{weight,bias}} = [wav2vec2.]feature_projection.projection.{{weight,bias}}
embed.mask = [wav2vec2.]masked_spec_embed
embed.position.gain = {_PLACES}.parametrizations.weight.original0
embed.position.direction = {_PLACES}.parametrizations.weight.original1
embed.position.bias = {_PLACES}.bias
embed.norm.{{weight,bias}} = [wav2vec2.]encoder.layer_norm.{{weight,bias}}
stack.norm.{{weight,bias}} = [wav2vec2.]encoder.layer_norm.{{weight,bias}}
stack.layers.{{i}}.attn.{{q,k,v,o}}.weight = {_LAYER}.attention.{{q_proj,k_proj,v_proj,out_proj}}.weight
stack.layers.{{i}}.attn.{{q,k,v,o}}.bias = {_LAYER}.attention.{{q_proj,k_proj,v_proj,out_proj}}.bias
stack.layers.{{i}}.attn_norm.{{weight,bias}} = {_LAYER}.layer_norm.{{weight,bias}}
stack.layers.{{i}}.mlp.up.{{weight,bias}} = {_LAYER}.feed_forward.intermediate_dense.{{weight,bias}}
stack.layers.{{i}}.mlp.down.{{weight,bias}} = {_LAYER}.feed_forward.output_dense.{{weight,bias}}
stack.layers.{{i}}.mlp_norm.{{weight,bias}} = {_LAYER}.final_layer_norm.{{weight,bias}}
heads.ctc.output.{{weight,bias}} = lm_head.{{weight,bias}}
heads.classifier.map.{{weight,bias}} = projector.{{weight,bias}}
heads.classifier.output.{{weight,bias}} = classifier.{{weight,bias}}
heads.targets.codebooks = quantizer.codevectors
heads.targets.scores.{{weight,bias}} = quantizer.weight_proj.{{weight,bias}}
heads.targets.map_state.{{weight,bias}} = project_hid.{{weight,bias}}
heads.targets.map_code.{{weight,bias}} = project_q.{{weight,bias}}
"""

_ADAPTER = "layers between the body and its heads were never published in this family"
_BODY: dict[str, Row] = {
    **COMMON,
    "hidden_size": Size("dim"),
    "num_hidden_layers": Size("depth"),
    "num_attention_heads": Size("heads"),
    "intermediate_size": Size("hidden"),
    "hidden_act": Word("activation", ACTIVATIONS, "gelu"),
    "layer_norm_eps": Number("eps", 1e-5),
    "hidden_dropout": Number("dropout", 0.1),
    "attention_dropout": Number("attention_dropout", 0.1),
    "activation_dropout": Number("activation_dropout", 0.1),
    "feat_proj_dropout": Number("filtered_dropout", 0.0),
    "feat_extract_norm": Word("normed", {"group": "first", "layer": "every"}, "group"),
    "feat_extract_activation": Pin(("gelu",), "another nonlinearity of the filters was never published"),
    "do_stable_layer_norm": Flag("pre_norm", False),
    "conv_bias": Flag("conv_bias", False),
    "num_conv_pos_embeddings": Size("position_kernel", 128),
    "num_conv_pos_embedding_groups": Size("position_groups", 16),
    "use_weighted_layer_sum": Pin((False,), "a weighted sum of layers under a classifier is not supported"),
    "tie_word_embeddings": WAIVE,  # there are no word embeddings
    **dict.fromkeys(
        (
            "num_feat_extract_layers", "layerdrop", "feat_extract_dropout", "hidden_dropout_prob", "final_dropout",
            "apply_spec_augment", "mask_time_length", "mask_time_min_masks", "mask_feature_length",
            "mask_feature_min_masks", "mask_time_prob", "mask_feature_prob", "mask_channel_length",
            "mask_channel_min_space", "mask_channel_other", "mask_channel_prob", "mask_channel_selection",
            "mask_time_min_space", "mask_time_other", "mask_time_selection", "ctc_loss_reduction",
            "ctc_zero_infinity", "freeze_feat_extract_train", "no_mask_channel_overlap", "no_mask_time_overlap",
            "tokenizer_class", "vocab_size",
        ),
        WAIVE,
    ),
}  # fmt: skip
"""Old files hold keys of the training that were never read."""


def _read_filters(config: Mapping[str, Any]) -> Arguments:
    usual = {"conv_dim": (512,) * 7, "conv_kernel": (10, 3, 3, 3, 3, 2, 2), "conv_stride": (5, 2, 2, 2, 2, 2, 2)}
    found: dict[str, tuple[int, ...]] = {}
    for key, default in usual.items():
        value = config.get(key, default)
        if not isinstance(value, list | tuple) or not all(type(size) is int and 0 < size < 10**6 for size in value):
            raise BestiaryError(f"'{key}' is {shown(value)}; give a list of positive whole numbers")
        found[key] = tuple(value)
    return {"channels": found["conv_dim"], "kernels": found["conv_kernel"], "strides": found["conv_stride"]}


def _write_filters(arguments: Arguments) -> dict[str, Any]:
    ours = {"conv_dim": "channels", "conv_kernel": "kernels", "conv_stride": "strides"}
    return {key: list(arguments[name]) for key, name in ours.items()}


def _read_masked(config: Mapping[str, Any]) -> Arguments:
    """A model has a vector for what is masked where it was trained with any masks; the rates are carried along."""
    rates = [config.get("mask_time_prob", 0.05), config.get("mask_feature_prob", 0.0)]
    if not all(map(is_number, rates)):
        raise BestiaryError(f"'mask_time_prob' and 'mask_feature_prob' are {shown(rates)}; give numbers")
    return {"masked": any(rate > 0 for rate in rates)}


def _write_masked(arguments: Arguments) -> dict[str, Any]:
    return {} if arguments["masked"] else {"mask_time_prob": 0.0, "mask_feature_prob": 0.0}


_DERIVED = (
    Derive(("conv_dim", "conv_kernel", "conv_stride"), _read_filters, _write_filters),
    Derive(("mask_time_prob", "mask_feature_prob"), _read_masked, _write_masked),
)


def _arguments(spec: Transformer) -> Arguments:
    attention, mlp = own_layers(spec.stack)[0]
    embed: Any = spec.embed
    return {
        "dim": spec.dim,
        "depth": len(own_layers(spec.stack)),
        "heads": attention.at("heads"),
        "hidden": mlp.at("hidden"),
        "normed": "every" if isinstance(embed.filters[0].norm, LayerNorm) else "first",
        "pre_norm": attention.placement == "pre",
        "conv_bias": embed.filters[0].bias,
        "channels": tuple(one.channels for one in embed.filters),
        "kernels": tuple(one.kernel for one in embed.filters),
        "strides": tuple(one.stride for one in embed.filters),
        "position_kernel": embed.position.kernel,
        "position_groups": embed.position.groups,
        "masked": embed.masked,
        "activation": mlp.at("activation"),
        "eps": mlp.at("norm.eps"),
        "dropout": mlp.dropout,
        "attention_dropout": attention.op.at("dropout"),
        "activation_dropout": mlp.op.at("dropout"),
        "filtered_dropout": embed.filtered_dropout,
    }


def _with_targets(spec: Transformer) -> Arguments:
    head: Any = spec.heads.get("targets")
    own = {"groups": 2, "entries": 320, "code": 256, "width": 256, "target_dropout": 0.0}
    if head is not None:
        own = {name: getattr(head, name) for name in ("groups", "entries", "code", "width")}
        own["target_dropout"] = head.dropout
    return {**_arguments(spec), **own}


DIALECT = Dialect(
    name="wav2vec2",
    architecture=always("wav2vec2"),
    architectures=("wav2vec2",),
    keys=always(KEYS),
    config={
        **_BODY,
        "num_codevectors_per_group": Size("entries", 320),
        "num_codevector_groups": Size("groups", 2),
        "codevector_dim": Size("code", 256),
        "proj_codevector_dim": Size("width", 256),
        "feat_quantizer_dropout": Number("target_dropout", 0.0),
        "add_adapter": Pin((False,), _ADAPTER),
        "adapter_attn_dim": Pin((None,), _ADAPTER),
        **dict.fromkeys(
            (
                "adapter_kernel_size", "adapter_stride", "num_adapter_layers", "output_hidden_size",
                "contrastive_logits_temperature", "num_negatives", "diversity_loss_weight", "classifier_proj_size",
                "tdnn_dim", "tdnn_kernel", "tdnn_dilation", "xvector_output_dim",
            ),
            WAIVE,
        ),
    },
    tasks={
        "Wav2Vec2ForPreTraining": "pretraining",
        "Wav2Vec2ForCTC": "speech-recognition",
        "Wav2Vec2Model": "base",
        "Wav2Vec2ForSequenceClassification": "audio-classification",
    },
    derived=_DERIVED,
    renamed={
        ".conv.weight_g": ".conv.parametrizations.weight.original0",
        ".conv.weight_v": ".conv.parametrizations.weight.original1",
    },
    told={
        "vocab_size": "heads.ctc.vocab",
        "pad_token_id": "heads.ctc.blank",
        "classifier_proj_size": "heads.classifier.width",
    },
    arguments=_with_targets,
)  # fmt: skip

HUBERT = replace(
    DIALECT,
    name="hubert",
    architecture=always("hubert"),
    architectures=("hubert",),
    keys=always(KEYS.replace("[wav2vec2.]", "[hubert.]")),
    config={
        **_BODY,
        "feat_proj_layer_norm": Flag("filtered_norm", True),
        "conv_pos_batch_norm": Pin((False,), "a batch norm before the positions is another architecture"),
        "classifier_proj_size": WAIVE,
    },
    tasks={
        "HubertModel": "base",
        "HubertForCTC": "speech-recognition",
        "HubertForSequenceClassification": "audio-classification",
    },
    arguments=lambda spec: {**_arguments(spec), "filtered_norm": spec.at("embed.filtered_norm") is not None},
)
