"""Decoders of 2019 to 2023 in shapes of their own: rows of the harness."""

from __future__ import annotations

from functools import partial
from random import Random
from typing import Any

from transformers import (
    BloomConfig,
    CTRLConfig,
    FalconConfig,
    GPTJConfig,
    GPTNeoConfig,
    GPTNeoXConfig,
    MptConfig,
    OPTConfig,
    PretrainedConfig,
)

from references.row import ACTIVATIONS, Row, rows


def sizes(random: Random, heads: tuple[int, ...] = (2, 3, 5)) -> dict[str, Any]:
    """Draw odd sizes of a decoder, under the names that most families use."""
    count = random.choice(heads)
    return {
        "hidden_size": count * random.choice((8, 16, 24)),
        "num_hidden_layers": random.choice((2, 3)),
        "num_attention_heads": count,
        "vocab_size": random.randrange(101, 150, 2),
        "pad_token_id": random.choice((0, 1, 2)),
    }


def in_gpt2_words(given: dict[str, Any]) -> dict[str, Any]:
    """Return sizes under the names that GPT-2 began."""
    words = {"hidden_size": "n_embd", "num_hidden_layers": "n_layer", "num_attention_heads": "n_head"}
    return {words.get(key, key): value for key, value in given.items()}


def gptj(random: Random, **changes: Any) -> PretrainedConfig:
    drawn = {
        **in_gpt2_words(sizes(random)),
        "n_positions": random.randrange(23, 50),
        "n_inner": random.choice((None, 71)),
        "rotary_dim": random.choice((2, 4, 6, 8)),
        "activation_function": random.choice(ACTIVATIONS),
        "layer_norm_epsilon": random.choice((1e-5, 1e-3)),
    }
    return GPTJConfig(**drawn | changes)


def gpt_neox(random: Random, **changes: Any) -> PretrainedConfig:
    drawn = {
        **sizes(random),
        "intermediate_size": random.randrange(31, 90, 2),
        "max_position_embeddings": random.randrange(23, 50),
        "hidden_act": random.choice(ACTIVATIONS),
        "layer_norm_eps": random.choice((1e-5, 1e-3)),
        "rotary_pct": random.choice((0.25, 0.5, 1.0)),
        "rotary_emb_base": random.choice((5000, 10000)),
    }
    return GPTNeoXConfig(**drawn | changes)


def gpt_neo(random: Random, types: Any = (["global", "local"], 1), **changes: Any) -> PretrainedConfig:
    drawn = sizes(random)
    heads = drawn.pop("num_attention_heads")
    drawn |= {
        "num_heads": heads,
        "num_layers": len(types[0]) * types[1],
        "attention_types": [list(types)],
        "intermediate_size": random.choice((None, 71)),
        "max_position_embeddings": random.randrange(23, 50),
        "window_size": random.choice((2, 4)),
        "activation_function": random.choice(ACTIVATIONS),
        "layer_norm_epsilon": random.choice((1e-5, 1e-3)),
    }
    del drawn["num_hidden_layers"]
    return GPTNeoConfig(**drawn | changes)


def opt(random: Random, **changes: Any) -> PretrainedConfig:
    drawn = {
        **sizes(random),
        "ffn_dim": random.randrange(31, 90, 2),
        "max_position_embeddings": random.randrange(23, 50),
        "activation_function": random.choice(ACTIVATIONS),
    }
    return OPTConfig(**drawn | changes)


def bloom(random: Random, **changes: Any) -> PretrainedConfig:
    drawn = in_gpt2_words(sizes(random, heads=(3, 4, 12)))
    drawn |= {"hidden_size": drawn.pop("n_embd"), "layer_norm_epsilon": random.choice((1e-5, 1e-3))}
    return BloomConfig(**drawn | changes)


def falcon(random: Random, **changes: Any) -> PretrainedConfig:
    drawn = {
        **sizes(random, heads=(4, 12)),
        "ffn_hidden_size": random.choice((None, 71)),
        "activation": random.choice(ACTIVATIONS),
        "layer_norm_epsilon": random.choice((1e-5, 1e-3)),
    }
    return FalconConfig(**drawn | changes)


def mpt(random: Random, **changes: Any) -> PretrainedConfig:
    drawn = sizes(random, heads=(3, 4, 6))
    words = {"hidden_size": "d_model", "num_hidden_layers": "n_layers", "num_attention_heads": "n_heads"}
    drawn = {words.get(key, key): value for key, value in drawn.items()}
    return MptConfig(**drawn | {"max_seq_len": 23, "layer_norm_epsilon": random.choice((1e-5, 1e-3))} | changes)


def ctrl(random: Random, **changes: Any) -> PretrainedConfig:
    drawn = {
        **in_gpt2_words(sizes(random)),
        "dff": random.randrange(31, 90, 2),
        "n_positions": random.randrange(23, 50),
        "layer_norm_epsilon": random.choice((1e-6, 1e-3)),
    }
    return CTRLConfig(**drawn | changes)


TURNED = {"reads": ("position_ids",), "keys_turn": True}
_GPTJ = {**TURNED, "narrows": True}
_NEO = {"reads": ("position_ids",), "narrows": True}
_NEOX_CLASSES = "ForCausalLM ForSequenceClassification ForTokenClassification ForQuestionAnswering"
_NEOX = " ".join(f"GPTNeoX{name}" for name in ["Model", *_NEOX_CLASSES.split()])


def _neox(label: str, steady: bool = True, **changes: Any) -> Row:
    return Row("GPTNeoXForCausalLM", partial(gpt_neox, **changes), label, steady=steady, **TURNED)


_BLOOM = {"narrows": True}
_GROUPED = partial(falcon, new_decoder_architecture=True, num_kv_heads=2, num_attention_heads=4, hidden_size=32)
_RW = partial(falcon, alibi=True, parallel_attn=False, multi_query=False, bias=True)


def _classes(name: str) -> str:
    return _NEOX.replace("GPTNeoX", name)


def _falcon(label: str, config: Any, **settings: Any) -> Row:
    return Row("FalconForCausalLM", config, label, **settings)


_NARROW = partial(opt, word_embed_proj_dim=12, do_layer_norm_before=False)

ROWS: tuple[Row, ...] = (
    *rows(bloom, _classes("Bloom"), **_BLOOM),
    Row("BloomForCausalLM", partial(bloom, tie_word_embeddings=False), "untied", **_BLOOM),
    *rows(mpt, _classes("Mpt"), **_BLOOM),
    Row("MptForCausalLM", partial(mpt, attn_config={"softmax_scale": 0.3}), "scaled", **_BLOOM),
    Row("MptForCausalLM", partial(mpt, attn_config={"clip_qkv": 0.3}), "clipped", **_BLOOM),
    *rows(falcon, "FalconModel FalconForCausalLM", **TURNED),
    *rows(falcon, _classes("Falcon").partition("LM ")[2], keys_turn=True),
    _falcon("grouped", _GROUPED, **TURNED),
    _falcon("one-norm", partial(_GROUPED, num_ln_in_parallel_attn=1, bias=True), **TURNED),
    _falcon("heads", partial(falcon, multi_query=False, tie_word_embeddings=False), **TURNED),
    _falcon("serial-rotary", partial(_RW, alibi=False), **TURNED),
    *rows(_RW, _classes("Falcon"), label="rw"),
    _falcon("grouped-alibi", partial(_GROUPED, alibi=True)),
    *rows(ctrl, "CTRLModel CTRLLMHeadModel CTRLForSequenceClassification", reads=("position_ids",)),
    Row("CTRLLMHeadModel", partial(ctrl, tie_word_embeddings=False), "untied", reads=("position_ids",)),
    *rows(gpt_neo, _NEOX.replace("NeoX", "Neo"), **_NEO),
    Row("GPTNeoForCausalLM", partial(gpt_neo, types=(["local", "local", "global"], 1)), "other-order", **_NEO),
    Row("GPTNeoForCausalLM", partial(gpt_neo, types=(["global"], 2), tie_word_embeddings=False), "untied", **_NEO),
    *rows(opt, "OPTModel OPTForCausalLM OPTForSequenceClassification OPTForQuestionAnswering"),
    *rows(_NARROW, "OPTModel OPTForCausalLM OPTForSequenceClassification OPTForQuestionAnswering", label="narrow"),
    Row("OPTForCausalLM", partial(_NARROW, tie_word_embeddings=False, do_layer_norm_before=True), "narrow-untied"),
    Row("OPTForCausalLM", partial(opt, enable_bias=False, _remove_final_layer_norm=True), "no-biases"),
    *rows(gptj, "GPTJModel GPTJForCausalLM GPTJForSequenceClassification GPTJForQuestionAnswering", **_GPTJ),
    Row("GPTJForCausalLM", partial(gptj, tie_word_embeddings=True), "tied", **_GPTJ),
    *rows(gpt_neox, _NEOX, **TURNED),
    _neox("ten-digits", hidden_act="gelu_fast"),
    _neox("serial", use_parallel_residual=False),
    _neox("tied", tie_word_embeddings=True, attention_bias=False),
    _neox("dynamic", rope_scaling={"type": "dynamic", "factor": 2.0}, steady=False, max_position_embeddings=8),
    _neox("linear", rope_parameters={"rope_type": "linear", "factor": 2.0}, use_parallel_residual=False),
)
