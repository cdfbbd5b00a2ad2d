"""Decoders with positions of their own in the embedding: rows of the harness."""

from __future__ import annotations

from functools import partial
from random import Random
from typing import Any

from transformers import GPT2Config, OpenAIGPTConfig, PretrainedConfig

from references.row import ACTIVATIONS, Row, rows, text_sizes


def _gpt(random: Random) -> dict[str, Any]:
    sizes = text_sizes(random)
    return {
        "resid_pdrop": random.choice((0, 0.1)),
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

_GPT2 = "GPT2Model GPT2LMHeadModel GPT2ForSequenceClassification GPT2ForTokenClassification GPT2ForQuestionAnswering"
_BY_DEPTH = partial(gpt2, scale_attn_by_inverse_layer_idx=True)

ROWS: tuple[Row, ...] = (
    *rows(gpt, "OpenAIGPTModel OpenAIGPTLMHeadModel OpenAIGPTForSequenceClassification", caches=False, **PLACES),
    Row("OpenAIGPTLMHeadModel", partial(gpt, tie_word_embeddings=False), "untied", caches=False, **PLACES),
    *rows(gpt2, _GPT2, **PLACES),
    Row("GPT2LMHeadModel", partial(gpt2, tie_word_embeddings=False), "untied", **PLACES),
    Row("GPT2LMHeadModel", _BY_DEPTH, "scaled-by-depth", **PLACES),
    Row("GPT2LMHeadModel", partial(_BY_DEPTH, scale_attn_weights=False), "unscaled-by-depth", **PLACES),
    Row("GPT2LMHeadModel", partial(gpt2, scale_attn_weights=False), "unscaled", **PLACES),
)
