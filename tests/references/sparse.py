"""Encoders of long texts, whose attention is sparse: rows of the harness."""

from __future__ import annotations

from random import Random
from typing import Any

from transformers import LongformerConfig, PretrainedConfig

from references.row import Row, rows, text_sizes


def longformer(random: Random, **changes: Any) -> PretrainedConfig:
    sizes = text_sizes(random, num_hidden_layers=3, pad_token_id=1, **changes)
    return LongformerConfig(**{"attention_window": [random.choice((4, 6, 12)) for _ in range(3)]} | sizes)


CLASSES = "{0}Model {0}ForMaskedLM {0}ForSequenceClassification {0}ForTokenClassification {0}ForQuestionAnswering"

# Twelve tokens are a multiple of every window here; at others the reference pads, and gets gradients of nan in float64.
GLOBAL = {"reads": ("token_type_ids", "global_attention_mask"), "keys_turn": None, "trained_on": 12}

ROWS: tuple[Row, ...] = (*rows(longformer, CLASSES.format("Longformer"), **GLOBAL),)
