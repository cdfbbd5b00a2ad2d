"""Encoder-decoders: rows of the harness."""

from __future__ import annotations

from random import Random
from typing import Any

from transformers import BartConfig, PretrainedConfig, T5Config

from references.row import ACTIVATIONS, Row, rows


def t5(random: Random, **changes: Any) -> PretrainedConfig:
    sizes = {
        "d_model": random.choice((30, 44)),
        "d_kv": random.choice((6, 10)),
        "num_heads": random.choice((3, 4)),
        "num_layers": 2,
        "num_decoder_layers": random.choice((2, 3)),
        "d_ff": random.randrange(31, 90, 2),
        "vocab_size": random.randrange(101, 150, 2),
        "relative_attention_num_buckets": random.choice((8, 12)),
        "relative_attention_max_distance": random.choice((9, 20)),
        "feed_forward_proj": random.choice(("relu", "gelu", "gelu_new")),
        "layer_norm_epsilon": random.choice((1e-6, 1e-3)),
        "pad_token_id": random.choice((0, 1)),
        "decoder_start_token_id": 0,
    }
    return T5Config(**sizes | changes)


def t5_gated(random: Random, **changes: Any) -> PretrainedConfig:
    feed = random.choice(("gated-gelu", "gated-silu", "gated-relu"))
    return t5(random, feed_forward_proj=feed, tie_word_embeddings=False, **changes)


def bart(random: Random, **changes: Any) -> PretrainedConfig:
    return BartConfig(
        d_model=random.choice((24, 36)),
        encoder_layers=2,
        decoder_layers=random.choice((2, 3)),
        encoder_attention_heads=random.choice((2, 4)),
        decoder_attention_heads=random.choice((3, 6)),
        encoder_ffn_dim=random.randrange(31, 90, 2),
        decoder_ffn_dim=random.randrange(31, 90, 2),
        vocab_size=random.randrange(101, 150, 2),
        max_position_embeddings=random.randrange(23, 50),
        activation_function=random.choice(ACTIVATIONS),
        scale_embedding=random.choice((True, False)),
        **changes,
    )


_T5 = "T5Model T5ForConditionalGeneration"

ROWS: tuple[Row, ...] = (
    *rows(t5, _T5),
    *rows(t5_gated, _T5, label="gated"),
    *rows(bart, "BartModel BartForConditionalGeneration"),
)
