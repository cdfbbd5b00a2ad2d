"""Models that hear: rows of the harness."""

from __future__ import annotations

from random import Random
from typing import Any

import torch
from torch import Tensor
from transformers import PretrainedConfig, WhisperConfig

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


ROWS: tuple[Row, ...] = (*rows(whisper, "WhisperModel WhisperForConditionalGeneration", given=heard_and_written),)
