"""Decoders in the shape of LLaMA: rows of the harness."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from random import Random
from typing import Any

from transformers import (
    GemmaConfig,
    LlamaConfig,
    MistralConfig,
    PretrainedConfig,
    Qwen2Config,
    Qwen3Config,
    StableLmConfig,
)

from references.row import ACTIVATIONS, Row, rows


def sizes(random: Random, rope: Mapping[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    heads, dim = random.choice(((4, 40), (6, 36)))
    drawn = {
        "hidden_size": dim,
        "num_hidden_layers": random.choice((2, 3)),
        "num_attention_heads": heads,
        "num_key_value_heads": heads,
        "intermediate_size": random.randrange(31, 90, 2),
        "vocab_size": random.randrange(101, 150, 2),
        "max_position_embeddings": random.randrange(23, 50),
        "hidden_act": random.choice(ACTIVATIONS),
        "rms_norm_eps": random.choice((1e-6, 1e-3)),
        "pad_token_id": 0,
        "rope_parameters": {"rope_theta": random.choice((5000.0, 10000.0)), "rope_type": "default", **(rope or {})},
    }
    return drawn | changes


def llama(random: Random, **changes: Any) -> PretrainedConfig:
    return LlamaConfig(**sizes(random, **changes))


def mistral(random: Random, **changes: Any) -> PretrainedConfig:
    return MistralConfig(**sizes(random, **{"sliding_window": random.choice((3, 5)), **changes}))


def qwen2(random: Random, **changes: Any) -> PretrainedConfig:
    return Qwen2Config(**sizes(random, **changes))


def qwen3(random: Random, **changes: Any) -> PretrainedConfig:
    return Qwen3Config(**sizes(random, **{"head_dim": random.choice((6, 10, 14)), **changes}))


def stablelm(random: Random, **changes: Any) -> PretrainedConfig:
    # A quarter of each head is turned, in pairs.
    drawn = sizes(
        random,
        **{"hidden_size": random.choice((64, 96)), "num_attention_heads": 4, "num_key_value_heads": 4, **changes},
    )
    eps = drawn.pop("rms_norm_eps")
    return StableLmConfig(**drawn, layer_norm_eps=eps)


def gemma(random: Random, **changes: Any) -> PretrainedConfig:
    # The exact GELU cannot be asked for: in this family its name means the approximation.
    activation = random.choice(("gelu_pytorch_tanh", "gelu", "relu", "silu"))
    # The reference rounds the root of the width otherwise when it is widened than when it is opened wide; here neither.
    own = {"hidden_size": random.choice((36, 64)), "head_dim": random.choice((6, 14)), "hidden_act": activation}
    return GemmaConfig(**sizes(random, **own | changes))


TURNED = {"reads": ("position_ids",), "keys_turn": True}

LINEAR = {"rope_type": "linear", "factor": 2.0}
DYNAMIC = {"rope_type": "dynamic", "factor": 2.0}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16}
LLAMA3 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "original_max_position_embeddings": 32,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
}


def _row(name: str, config: Any, label: str, rope: Mapping[str, Any] | None = None, **changes: Any) -> Row:
    return Row(f"{name}ForCausalLM", partial(config, rope=rope, **changes), label, **TURNED)


def _stretched(name: str, config: Any, **changes: Any) -> list[Row]:
    """Return a row for each way of stretching rotary positions; the dynamic one turns old keys as the text grows."""
    short = partial(config, rope=DYNAMIC, max_position_embeddings=8, **changes)
    return [
        _row(name, config, "linear", LINEAR, **changes),
        Row(f"{name}ForCausalLM", short, "dynamic", steady=False, **TURNED),
        _row(name, config, "yarn", YARN, **changes),
        _row(name, config, "llama3", LLAMA3, **changes),
    ]


_CLASSES = "{0}Model {0}ForCausalLM {0}ForSequenceClassification {0}ForTokenClassification"
_FINDING = _CLASSES + " {0}ForQuestionAnswering"
_MIXED = {"num_hidden_layers": 3, "use_sliding_window": True, "sliding_window": 4}
_KINDS = ["sliding_attention", "full_attention", "sliding_attention"]

ROWS: tuple[Row, ...] = (
    *rows(llama, _FINDING.format("Llama"), **TURNED),
    _row("Llama", llama, "grouped", num_key_value_heads=2),
    _row("Llama", llama, "biases", attention_bias=True, mlp_bias=True, tie_word_embeddings=True),
    _row("Llama", llama, "wide-heads", head_dim=16),
    *_stretched("Llama", llama),
    *rows(mistral, _FINDING.format("Mistral"), **TURNED),
    _row("Mistral", mistral, "no-window", sliding_window=None, num_key_value_heads=2),
    _row("Mistral", mistral, "wide-heads", head_dim=14, tie_word_embeddings=True),
    *_stretched("Mistral", mistral, num_key_value_heads=1),
    *rows(qwen2, _FINDING.format("Qwen2"), **TURNED),
    _row("Qwen2", qwen2, "windows", max_window_layers=1, num_key_value_heads=2, **_MIXED),
    _row("Qwen2", qwen2, "kinds", layer_types=_KINDS, tie_word_embeddings=True, **_MIXED),
    *_stretched("Qwen2", qwen2, num_key_value_heads=2),
    *rows(qwen3, _FINDING.format("Qwen3"), **TURNED),
    _row("Qwen3", qwen3, "biases", attention_bias=True, tie_word_embeddings=True),
    _row("Qwen3", qwen3, "windows", layer_types=_KINDS, num_key_value_heads=2, **_MIXED),
    _row("Qwen3", qwen3, "yarn", YARN),
    *rows(stablelm, _CLASSES.format("StableLm"), **TURNED),
    _row("StableLm", stablelm, "biases", use_qkv_bias=True, num_key_value_heads=2, tie_word_embeddings=True),
    _row("StableLm", stablelm, "parallel", use_parallel_residual=True, qk_layernorm=True, num_key_value_heads=2),
    _row("StableLm", stablelm, "normed", {"partial_rotary_factor": 0.5}, qk_layernorm=True, use_qkv_bias=True),
    _row("StableLm", stablelm, "whole-heads", {"partial_rotary_factor": 1.0}),
    _row("StableLm", stablelm, "dropout", hidden_dropout=0.1),
    _row("StableLm", stablelm, "linear", LINEAR),
    *rows(gemma, _CLASSES.format("Gemma"), **TURNED),
    _row("Gemma", gemma, "biases", attention_bias=True, num_key_value_heads=1),
    _row("Gemma", gemma, "untied", tie_word_embeddings=False, num_key_value_heads=2),
    _row("Gemma", gemma, "linear", LINEAR),
)
