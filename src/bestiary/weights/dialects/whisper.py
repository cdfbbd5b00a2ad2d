"""Whisper's checkpoints, as transformers writes them and as they were first published."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bestiary.data.tokenizers.speech import speech_tokens
from bestiary.errors import BestiaryError
from bestiary.spec import EncoderDecoder, Model, own_layers, vocab_size
from bestiary.weights.config import ACTIVATIONS, WAIVE, Arguments, Derive, Number, Pin, Row, Size, Word
from bestiary.weights.dialects.dialect import COMMON, Dialect, always
from bestiary.weights.tensorfiles import TensorFiles
from bestiary.weights.torchfile import DIMS


def _side(side: str) -> str:
    layer, ours = f"[model.]{side}.layers.{{i}}", f"{side}.stack.layers.{{i}}"
    attentions = (("attn", "self_attn"), ("cross", "encoder_attn"))[: 2 if side == "decoder" else 1]
    lines = [
        f"{side}.embed.position.weight = [model.]{side}.embed_positions.weight",
        f"{side}.stack.norm.{{weight,bias}} = [model.]{side}.layer_norm.{{weight,bias}}",
        f"{ours}.mlp.{{up,down}}.weight = {layer}.{{fc1,fc2}}.weight",
        f"{ours}.mlp.{{up,down}}.bias = {layer}.{{fc1,fc2}}.bias",
        f"{ours}.mlp_norm.{{weight,bias}} = {layer}.final_layer_norm.{{weight,bias}}",
    ]
    for mine, its in attentions:
        lines += [
            f"{ours}.{mine}.{{q,k,v,o}}.weight = {layer}.{its}.{{q_proj,k_proj,v_proj,out_proj}}.weight",
            f"{ours}.{mine}.{{q,v,o}}.bias = {layer}.{its}.{{q_proj,v_proj,out_proj}}.bias",
            f"{ours}.{mine}_norm.{{weight,bias}} = {layer}.{its}_layer_norm.{{weight,bias}}",
        ]
    return "\n".join(lines)


KEYS = f"""
encoder.embed.first.{{weight,bias}} = [model.]encoder.conv1.{{weight,bias}}
encoder.embed.second.{{weight,bias}} = [model.]encoder.conv2.{{weight,bias}}
decoder.embed.tokens.weight = [model.]decoder.embed_tokens.weight
{_side("encoder")}
{_side("decoder")}
"""

CONFIG = {
    **COMMON,
    "d_model": Size("dim"),
    "encoder_layers": Size("encoder_depth"),
    "decoder_layers": Size("decoder_depth"),
    "encoder_attention_heads": Size("heads"),
    "decoder_attention_heads": Size("decoder_heads"),
    "encoder_ffn_dim": Size("hidden"),
    "decoder_ffn_dim": Size("decoder_hidden"),
    "vocab_size": Size("vocab", 51865),
    "num_mel_bins": Size("mels", 80),
    "max_source_positions": Size("source", 1500),
    "max_target_positions": Size("length", 448),
    "activation_function": Word("activation", ACTIVATIONS, "gelu"),
    "dropout": Number("dropout", 0.0),
    "attention_dropout": Number("attention_dropout", 0.0),
    "activation_dropout": Number("activation_dropout", 0.0),
    "is_encoder_decoder": Pin((True,), "one side alone is another architecture"),
    "scale_embedding": Pin((False,), "no reader of these files multiplies the token vectors"),
    "use_weighted_layer_sum": Pin((False,), "a weighted sum of layers under a classifier is not supported"),
    **dict.fromkeys(
        (
            "encoder_layerdrop", "decoder_layerdrop", "num_hidden_layers", "classifier_proj_size",
            "apply_spec_augment", "mask_time_prob", "mask_time_length", "mask_time_min_masks", "mask_feature_prob",
            "mask_feature_length", "mask_feature_min_masks", "median_filter_width", "max_length",
            "forced_decoder_ids", "alignment_heads", "lang_ids", "suppress_ids",
        ),
        WAIVE,
    ),
}  # fmt: skip
"""Masks of spectrograms act while training, and the rest says how text is written."""


def _arguments(spec: EncoderDecoder) -> Arguments:
    encoder, decoder = own_layers(spec.encoder.stack), own_layers(spec.decoder.stack)
    attention, mlp = encoder[0]
    return {
        "dim": spec.dim,
        "encoder_depth": len(encoder),
        "decoder_depth": len(decoder),
        "heads": attention.at("heads"),
        "decoder_heads": decoder[0][0].at("heads"),
        "hidden": mlp.at("hidden"),
        "decoder_hidden": decoder[0][-1].at("hidden"),
        "vocab": spec.at("decoder.embed.vocab"),
        "mels": spec.at("encoder.embed.mels"),
        "source": spec.at("encoder.embed.position.length"),
        "length": spec.at("decoder.embed.position.length"),
        "activation": mlp.at("activation"),
        "dropout": mlp.dropout,
        "attention_dropout": attention.op.at("dropout"),
        "activation_dropout": mlp.op.at("dropout"),
    }


DIALECT = Dialect(
    name="whisper",
    architecture=always("whisper"),
    architectures=("whisper",),
    keys=always(KEYS),
    config=CONFIG,
    tasks={"WhisperForConditionalGeneration": "speech-recognition", "WhisperModel": "base"},
    repeated={"proj_out.weight": "decoder.embed.tokens.weight"},
    arguments=_arguments,
    says=lambda config: not _labels(config),
)

_DECODER = ("decoder_layers", "decoder_attention_heads", "decoder_ffn_dim", "vocab_size", "max_target_positions")
_ENCODER = KEYS.replace("[model.]", "").splitlines()
ENCODER_KEYS = (
    "\n".join(line.removeprefix("encoder.") for line in _ENCODER if line.startswith("encoder."))
    + """
heads.classifier.map.{weight,bias} = projector.{weight,bias}
heads.classifier.output.{weight,bias} = classifier.{weight,bias}
"""
)


def _labels(config: Mapping[str, Any]) -> bool:
    """Tell whether a config is that of an encoder alone, with a head that labels sounds."""
    return "WhisperForAudioClassification" in (config.get("architectures") or ())


def _encoder_arguments(spec: Any) -> Arguments:
    attention, mlp = own_layers(spec.stack)[0]
    return {
        "dim": spec.dim,
        "encoder_depth": len(own_layers(spec.stack)),
        "heads": attention.at("heads"),
        "hidden": mlp.at("hidden"),
        "mels": spec.embed.mels,
        "source": spec.embed.position.length,
        "activation": mlp.at("activation"),
        "dropout": mlp.dropout,
        "attention_dropout": attention.op.at("dropout"),
        "activation_dropout": mlp.op.at("dropout"),
    }


CLASSIFIER = Dialect(
    name="whisper-classifier",
    model_type="whisper",
    says=_labels,
    architecture=always("whisper_encoder"),
    architectures=("whisper_encoder",),
    keys=always(ENCODER_KEYS),
    config={**CONFIG, **dict.fromkeys(_DECODER, WAIVE)},
    tasks={"WhisperForAudioClassification": "audio-classification"},
    told={"classifier_proj_size": "heads.classifier.width"},
    arguments=_encoder_arguments,
)
"""The encoder alone under a head that labels sounds."""


def _original_side(side: str, name: str) -> str:
    layer, ours = f"{side}.blocks.{{i}}", f"{side}.stack.layers.{{i}}"
    attentions = (("attn", "attn"), ("cross", "cross_attn"))[: 2 if side == "decoder" else 1]
    lines = [
        f"{side}.embed.position.weight = {side}.positional_embedding",
        f"{side}.stack.norm.{{weight,bias}} = {side}.{name}.{{weight,bias}}",
        f"{ours}.mlp.{{up,down}}.{{weight,bias}} = {layer}.mlp.{{0,2}}.{{weight,bias}}",
        f"{ours}.mlp_norm.{{weight,bias}} = {layer}.mlp_ln.{{weight,bias}}",
    ]
    for mine, its in attentions:
        lines += [
            f"{ours}.{mine}.{{q,k,v,o}}.weight = {layer}.{its}.{{query,key,value,out}}.weight",
            f"{ours}.{mine}.{{q,v,o}}.bias = {layer}.{its}.{{query,value,out}}.bias",
            f"{ours}.{mine}_norm.{{weight,bias}} = {layer}.{its}_ln.{{weight,bias}}",
        ]
    return "\n".join(lines)


ORIGINAL_KEYS = f"""
encoder.embed.first.{{weight,bias}} = encoder.conv1.{{weight,bias}}
encoder.embed.second.{{weight,bias}} = encoder.conv2.{{weight,bias}}
decoder.embed.tokens.weight = decoder.token_embedding.weight
{_original_side("encoder", "ln_post")}
{_original_side("decoder", "ln")}
"""

ORIGINAL_CONFIG: dict[str, Row] = {
    "n_mels": Size("mels"),
    "n_audio_ctx": Size("source"),
    "n_audio_state": Size("dim"),
    "n_audio_head": Size("heads"),
    "n_audio_layer": Size("encoder_depth"),
    "n_vocab": Size("vocab"),
    "n_text_ctx": Size("length"),
    "n_text_head": Size("decoder_heads"),
    "n_text_layer": Size("decoder_depth"),
}


def _one_width(config: Mapping[str, Any]) -> Arguments:
    if config["n_audio_state"] != config.get("n_text_state"):
        raise BestiaryError("'n_audio_state' and 'n_text_state' differ, and towers of two widths cannot be loaded")
    return {"hidden": 4 * config["n_audio_state"]}


def special_ids(tensors: TensorFiles, spec: Model) -> dict[str, Any]:
    """Return the ids of special tokens under the names that a config.json gives them."""
    layout = speech_tokens(vocab_size(spec) or 0)
    if layout is None:
        return {}
    end = {"eos_token_id": layout.end, "pad_token_id": layout.end, "bos_token_id": layout.end}
    return {**end, "decoder_start_token_id": layout.start}


ORIGINAL = Dialect(
    name="whisper-original",
    architecture=always("whisper"),
    architectures=(),  # written as transformers writes it
    keys=always(ORIGINAL_KEYS),
    config=ORIGINAL_CONFIG,
    tasks={"Whisper": "speech-recognition", "base": "base"},
    derived=(Derive(("n_text_state",), _one_width, lambda arguments: {}),),
    implied=lambda tensors: tensors.metadata.get(DIMS),
    ids=special_ids,
)
