"""Decoders with positions of their own in the embedding: rows of the harness."""

from __future__ import annotations

from random import Random
from typing import Any

from transformers import GPT2Config, OpenAIGPTConfig, PretrainedConfig

from references.row import ACTIVATIONS, Row, rows, text_sizes


def _gpt(random: Random) -> dict[str, Any]:
    sizes = text_sizes(random)
    return {
        "n_embd": sizes["hidden_size"],
        "n_layer": sizes["num_hidden_layers"],
        "n_head": sizes["num_attention_heads"],
        "vocab_size": sizes["vocab_size"],
        "n_positions": sizes["max_position_embeddings"],
        "layer_norm_epsilon": sizes["layer_norm_eps"],
        "pad_token_id": sizes["pad_token_id"],
    }


def gpt(random: Random, **changes: Any) -> PretrainedConfig:
    return OpenAIGPTConfig(**_gpt(random), afn=random.choice(("gelu", "relu", "silu")), **changes)


def gpt2(random: Random, **changes: Any) -> PretrainedConfig:
    inner = random.choice((None, 71))
    return GPT2Config(**_gpt(random), n_inner=inner, activation_function=random.choice(ACTIVATIONS), **changes)


PLACES = {"reads": ("position_ids",)}

ROWS: tuple[Row, ...] = (
    *rows(gpt, "OpenAIGPTModel OpenAIGPTLMHeadModel OpenAIGPTForSequenceClassification", caches=False, **PLACES),
    *rows(gpt2, "GPT2Model GPT2LMHeadModel GPT2ForSequenceClassification", **PLACES),
)
