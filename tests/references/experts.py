"""Mixtures of experts: rows of the harness."""

from __future__ import annotations

from functools import partial
from random import Random
from typing import Any

import torch
from transformers import MixtralConfig, PretrainedConfig, SwitchTransformersConfig
from transformers.integrations import moe

from references.llamas import LINEAR, TURNED, YARN, sizes
from references.row import ACTIVATIONS, Row, rows

_multiplies_groups = moe._can_use_grouped_mm


def _multiplies(vectors: torch.Tensor, *others: Any) -> bool:
    """Say that torch's kernel for groups knows no float64, which the reference overlooks: it has a way around."""
    return vectors.dtype != torch.float64 and _multiplies_groups(vectors, *others)


moe._can_use_grouped_mm = _multiplies


def mixtral(random: Random, **changes: Any) -> PretrainedConfig:
    experts = {"num_local_experts": random.choice((3, 4)), "num_experts_per_tok": 2}
    return MixtralConfig(**sizes(random, **experts | changes))


def switch(random: Random, **changes: Any) -> PretrainedConfig:
    drawn = {
        "d_model": random.choice((30, 44)),
        "d_kv": random.choice((6, 10)),
        "num_heads": random.choice((3, 4)),
        "num_layers": random.choice((2, 3)),
        "num_decoder_layers": random.choice((3, 4)),
        "num_sparse_encoder_layers": 1,
        "num_sparse_decoder_layers": random.choice((1, 2)),
        "num_experts": random.choice((2, 3)),
        "expert_capacity": 99,
        "d_ff": random.randrange(31, 90, 2),
        "vocab_size": random.randrange(101, 150, 2),
        "relative_attention_num_buckets": random.choice((8, 12)),
        "relative_attention_max_distance": random.choice((9, 20)),
        "dense_act_fn": random.choice(ACTIVATIONS),
        "layer_norm_epsilon": random.choice((1e-6, 1e-3)),
        "pad_token_id": random.choice((0, 1)),
        "decoder_start_token_id": 0,
    }
    return SwitchTransformersConfig(**drawn | changes)


def _mixtral(label: str, **changes: Any) -> Row:
    return Row("MixtralForCausalLM", partial(mixtral, **changes), label, **TURNED)


# Routers score in float32, where a sum depends on how many tokens are read at once: a cache changes the last bits, in
# the reference as here. What is read with our cache is held to what is read with the reference's.
_SCORED = {"steady": False}


def _switch(label: str, **changes: Any) -> Row:
    return Row("SwitchTransformersForConditionalGeneration", partial(switch, **changes), label, **_SCORED)


ROWS: tuple[Row, ...] = (
    *rows(mixtral, "MixtralModel MixtralForCausalLM MixtralForTokenClassification", **TURNED),
    *rows(mixtral, "MixtralForQuestionAnswering", **TURNED),
    # Three last tokens alone bear gradients: both experts of the last layer must see them.
    *rows(partial(mixtral, num_local_experts=2), "MixtralForSequenceClassification", **TURNED),
    _mixtral("window", sliding_window=4, num_key_value_heads=2),
    _mixtral("one", num_experts_per_tok=1, tie_word_embeddings=True),
    _mixtral("all", num_local_experts=3, num_experts_per_tok=3, head_dim=14),
    _mixtral("linear", rope=LINEAR),
    _mixtral("yarn", rope=YARN, head_dim=10),  # the reference finds no width for it where the config gives none
    *rows(switch, "SwitchTransformersModel SwitchTransformersForConditionalGeneration", **_SCORED),
    _switch("every", num_sparse_encoder_layers=3, num_layers=3, num_sparse_decoder_layers=3, num_decoder_layers=3),
    _switch("biases", router_bias=True),
    _switch("none", num_sparse_encoder_layers=9, num_sparse_decoder_layers=0),
    _switch("narrow", expert_capacity=3, num_experts=2),
)
