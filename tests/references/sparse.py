"""Encoders of long texts, whose attention is sparse: rows of the harness."""

from __future__ import annotations

from functools import partial
from random import Random
from typing import Any

from transformers import BigBirdConfig, LongformerConfig, ModernBertConfig, PretrainedConfig

from references.row import ACTIVATIONS, LABELS, Row, rows, text_sizes


def longformer(random: Random, **changes: Any) -> PretrainedConfig:
    sizes = text_sizes(random, num_hidden_layers=3, pad_token_id=1, **changes)
    return LongformerConfig(**{"attention_window": [random.choice((4, 6, 12)) for _ in range(3)]} | sizes)


def big_bird(random: Random, **changes: Any) -> PretrainedConfig:
    blocks = {"block_size": 1, "num_random_blocks": random.choice((1, 2)), "sep_token_id": random.choice((66, 3))}
    flags = {name: random.choice((True, False)) for name in ("use_bias", "rescale_embeddings")}
    return BigBirdConfig(**text_sizes(random) | blocks | flags | changes)


def modernbert(random: Random, **changes: Any) -> PretrainedConfig:
    heads = random.choice((2, 3))
    sizes = {
        "hidden_size": heads * random.choice((6, 10)),
        "num_hidden_layers": random.choice((4, 5)),
        "num_attention_heads": heads,
        "intermediate_size": random.randrange(31, 90, 2),
        "vocab_size": random.randrange(101, 150, 2),
        "hidden_activation": random.choice(ACTIVATIONS),
        "classifier_activation": random.choice(ACTIVATIONS),
        "norm_eps": random.choice((1e-5, 1e-3)),
        "local_attention": random.choice((3, 4, 6, 40)),
        "classifier_pooling": random.choice(("cls", "mean")),
        "rope_parameters": {
            "full_attention": {"rope_type": "default", "rope_theta": random.choice((160000.0, 1000.0))},
            "sliding_attention": {"rope_type": "default", "rope_theta": random.choice((10000.0, 500.0))},
        },
    }
    special = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "cls_token_id": 1, "sep_token_id": 2}
    return ModernBertConfig(**sizes | special | changes)


CLASSES = "{0}Model {0}ForMaskedLM {0}ForSequenceClassification {0}ForTokenClassification {0}ForQuestionAnswering"

# Twelve tokens are a multiple of every window here; at others the reference pads, and gets gradients of nan in float64.
GLOBAL = {"reads": ("token_type_ids", "global_attention_mask"), "keys_turn": None, "trained_on": 12}
TYPES = {"reads": ("token_type_ids",)}
TURNED = {"reads": ("position_ids",), "keys_turn": True}
BIASES = dict.fromkeys(("norm_bias", "attention_bias", "mlp_bias", "classifier_bias"), True)
# Classes with another head keep the pooler, which nothing reads.
POOLED = "BigBirdForMaskedLM BigBirdForSequenceClassification BigBirdForTokenClassification"
LOCAL = {"tie_word_embeddings": False, "num_hidden_layers": 2, "layer_types": ["sliding_attention"] * 2}
MEAN = {"classifier_pooling": "mean", "num_labels": LABELS}

ROWS: tuple[Row, ...] = (
    *rows(longformer, CLASSES.format("Longformer"), **GLOBAL),
    # Windows that eleven tokens fill to sixteen, a number that float32 sums in another order.
    Row("LongformerModel", partial(longformer, attention_window=8), "padded", **{**GLOBAL, "trained_on": 16}),
    *rows(big_bird, "BigBirdModel BigBirdForPreTraining BigBirdForQuestionAnswering", **TYPES),
    *rows(big_bird, POOLED, idle=("bert.pooler.weight", "bert.pooler.bias"), **TYPES),
    Row("BigBirdModel", partial(big_bird, block_size=4), "few-tokens", **TYPES),
    Row("BigBirdForPreTraining", partial(big_bird, attention_type="original_full"), "full", **TYPES),
    *rows(modernbert, CLASSES.format("ModernBert"), **TURNED),
    Row("ModernBertForMaskedLM", partial(modernbert, **BIASES, decoder_bias=False), "biases", **TURNED),
    Row("ModernBertForMaskedLM", partial(modernbert, **LOCAL), "local", **TURNED),
    Row("ModernBertForSequenceClassification", partial(modernbert, **BIASES, **MEAN), "mean", **TURNED),
)
