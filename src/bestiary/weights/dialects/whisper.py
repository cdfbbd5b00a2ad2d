"""Whisper's checkpoints."""

from __future__ import annotations

from bestiary.spec import EncoderDecoder, own_layers
from bestiary.weights.config import ACTIVATIONS, WAIVE, Arguments, Number, Pin, Size, Word
from bestiary.weights.dialects.dialect import COMMON, Dialect, always


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
    tasks={"WhisperForConditionalGeneration": "seq2seq-lm", "WhisperModel": "base"},
    repeated={"proj_out.weight": "decoder.embed.tokens.weight"},
    arguments=_arguments,
)
