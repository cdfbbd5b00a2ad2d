"""Decoders in the shape of LLaMA: rows of the harness."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from random import Random
from typing import Any

from transformers import LlamaConfig, PretrainedConfig

from references.row import ACTIVATIONS, Row, rows


def llama(random: Random, rope: Mapping[str, Any] | None = None, **changes: Any) -> PretrainedConfig:
    heads, dim = random.choice(((4, 40), (6, 36)))
    sizes = {
        "hidden_size": dim,
        "num_hidden_layers": random.choice((2, 3)),
        "num_attention_heads": heads,
        "intermediate_size": random.randrange(31, 90, 2),
        "vocab_size": random.randrange(101, 150, 2),
        "max_position_embeddings": random.randrange(23, 50),
        "hidden_act": random.choice(ACTIVATIONS),
        "rms_norm_eps": random.choice((1e-6, 1e-3)),
        "pad_token_id": 0,
        "rope_parameters": {"rope_theta": random.choice((5000.0, 10000.0)), "rope_type": "default", **(rope or {})},
    }
    return LlamaConfig(**sizes | changes)


TURNED = {"reads": ("position_ids",), "keys_turn": True}


def _llama(label: str, rope: Mapping[str, Any] | None = None, steady: bool = True, **changes: Any) -> Row:
    return Row("LlamaForCausalLM", partial(llama, rope=rope, **changes), label, steady=steady, **TURNED)


ROWS: tuple[Row, ...] = (
    *rows(llama, "LlamaModel LlamaForCausalLM LlamaForSequenceClassification", **TURNED),
    _llama("grouped", num_key_value_heads=2),
    _llama("biases", attention_bias=True, mlp_bias=True, tie_word_embeddings=True),
    _llama("wide-heads", head_dim=16),
    _llama("linear", {"rope_type": "linear", "factor": 2.0}),
    _llama("dynamic", {"rope_type": "dynamic", "factor": 2.0}, steady=False, max_position_embeddings=8),
    _llama("yarn", {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16}),
    _llama(
        "llama3",
        {
            "rope_type": "llama3",
            "factor": 8.0,
            "original_max_position_embeddings": 32,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
        },
    ),
)
