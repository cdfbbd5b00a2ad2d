"""Models that hear: rows of the harness."""

from __future__ import annotations

from functools import partial
from random import Random
from typing import Any

import torch
from torch import Tensor
from transformers import HubertConfig, PretrainedConfig, Wav2Vec2Config, WhisperConfig

from references.row import ACTIVATIONS, Row, rows


def whisper(random: Random, **changes: Any) -> PretrainedConfig:
    heads, decoder_heads = random.choice(((2, 3), (3, 2)))
    sizes = {
        "d_model": 6 * random.choice((4, 6)),
        "encoder_layers": random.choice((2, 3)),
        "decoder_layers": random.choice((2, 3)),
        "encoder_attention_heads": heads,
        "decoder_attention_heads": decoder_heads,
        "encoder_ffn_dim": random.randrange(31, 90, 2),
        "decoder_ffn_dim": random.randrange(31, 90, 2),
        "vocab_size": random.randrange(101, 150, 2),
        "num_mel_bins": random.choice((5, 8)),
        "max_source_positions": random.randrange(13, 20),
        "max_target_positions": random.randrange(23, 50),
        "activation_function": random.choice(ACTIVATIONS),
    }
    ids = {"pad_token_id": 1, "bos_token_id": 2, "eos_token_id": 2, "decoder_start_token_id": 2}
    return WhisperConfig(**sizes | ids | {"suppress_tokens": None, "begin_suppress_tokens": None} | changes)


def spectrograms(config: Any) -> Tensor:
    """Draw three spectrograms."""
    return torch.randn(3, config.num_mel_bins, 2 * config.max_source_positions, dtype=torch.float64)


def heard_and_written(config: Any, side: str | None) -> dict[str, Tensor]:
    """Draw three spectrograms and the beginnings of what they say, padded on one side."""
    from comparison import TOKENS, kept, texts

    keep = kept(TOKENS - 2, side)
    given = {"input_features": spectrograms(config), "decoder_input_ids": texts(config, keep)}
    return given if side is None else given | {"decoder_attention_mask": keep}


def sound_sizes(random: Random) -> dict[str, Any]:
    """Draw odd sizes of an encoder of waveforms, its first filters norming or all of them."""
    heads, every = random.choice((2, 3)), random.choice((True, False))
    return {
        "hidden_size": heads * random.choice((8, 12)),
        "num_hidden_layers": random.choice((2, 3)),
        "num_attention_heads": heads,
        "intermediate_size": random.randrange(31, 90, 2),
        "hidden_act": random.choice(ACTIVATIONS),
        "layer_norm_eps": random.choice((1e-5, 1e-3)),
        "feat_extract_norm": "layer" if every else "group",
        "conv_bias": random.choice((True, False)),
        "conv_dim": [random.randrange(7, 15) for _ in range(3)],
        "conv_kernel": [5, 3, 2],
        "conv_stride": [3, 2, 2],
        "num_conv_pos_embeddings": random.choice((4, 5)),
        "num_conv_pos_embedding_groups": 4,
        "vocab_size": random.randrange(11, 20),
        "classifier_proj_size": random.randrange(7, 20),
    }


def wav2vec2(random: Random, **changes: Any) -> PretrainedConfig:
    codes = {
        "num_codevectors_per_group": 11,
        "num_codevector_groups": 2,
        "codevector_dim": 10,
        "proj_codevector_dim": 9,
    }
    return Wav2Vec2Config(**sound_sizes(random) | codes | changes)


def hubert(random: Random, **changes: Any) -> PretrainedConfig:
    return HubertConfig(**sound_sizes(random) | changes)


def waves(config: Any, side: str | None) -> dict[str, Tensor]:
    """Draw three sounds, two of them shorter where there is padding, which comes last; it is noise or silence."""
    sounds = torch.randn(3, 211, dtype=torch.float64)
    if side is None:
        return {"input_values": sounds}
    keep = (torch.arange(211) < torch.tensor([[211], [170], [97]])).long()
    return {"input_values": sounds * keep if side == "left" else sounds, "attention_mask": keep}


def masked_waves(config: Any, side: str | None) -> dict[str, Tensor]:
    """Draw the same and some places that are masked."""
    places = torch.rand(3, 17) < 0.4
    places[:, 2] = True
    return waves(config, side) | {"mask_time_indices": places}


MASKED = "Wav2Vec2Model HubertModel"
ALL = "Wav2Vec2ForCTC Wav2Vec2ForSequenceClassification HubertForCTC HubertForSequenceClassification"
UNREACHED = ("masked_spec_embed",)
"""Nothing is masked where the input names nothing."""
CHOSEN = ("quantizer.weight_proj.weight", "quantizer.weight_proj.bias")
"""Which entry is chosen has no gradient outside of training."""


def _waveforms(label: str, **changes: Any) -> list[Row]:
    made = {"Wav2Vec2": partial(wav2vec2, **changes), "Hubert": partial(hubert, **changes)}
    return [
        row
        for classes, settings in (
            (MASKED, {"given": masked_waves}),
            # The reference makes the codebooks in float32, whatever the file holds.
            ("Wav2Vec2ForPreTraining", {"given": masked_waves, "idle": CHOSEN, "single": True}),
            (ALL, {"given": waves, "idle": UNREACHED}),
        )
        for name in classes.split()
        for row in rows(made[name.split("For")[0].removesuffix("Model")], name, label=label, **settings)
    ]


def heard(config: Any, side: str | None) -> dict[str, Tensor]:
    """Draw three spectrograms."""
    return {"input_features": spectrograms(config)}


ROWS: tuple[Row, ...] = (
    *rows(partial(whisper, classifier_proj_size=9), "WhisperForAudioClassification", given=heard),
    *rows(whisper, "WhisperModel WhisperForConditionalGeneration", given=heard_and_written),
    *_waveforms("post-norm", do_stable_layer_norm=False),
    *_waveforms("pre-norm", do_stable_layer_norm=True),
    *rows(partial(wav2vec2, mask_time_prob=0.0), "Wav2Vec2Model", label="no-masks", given=waves),
    *rows(partial(hubert, feat_proj_layer_norm=False), "HubertModel", label="bare-filters", given=masked_waves),
)
