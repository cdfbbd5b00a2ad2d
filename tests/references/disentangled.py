"""Encoders with disentangled attention: rows of the harness."""

from __future__ import annotations

from functools import partial
from random import Random
from typing import Any

from transformers import DebertaConfig, DebertaV2Config, PretrainedConfig

from references.encoders import CLASSES, TYPES
from references.row import ACTIVATIONS, KEY_BIASES, Row, rows, text_sizes

BOTH = ["c2p", "p2c"]


def deberta(random: Random, **changes: Any) -> PretrainedConfig:
    sizes = text_sizes(random, type_vocab_size=0, relative_attention=True, pos_att_type=BOTH)
    sizes["max_relative_positions"] = random.choice((-1, 4, 60))
    return DebertaConfig(**{**sizes, "position_biased_input": random.choice((True, False)), **changes})


def deberta_v2(random: Random, **changes: Any) -> PretrainedConfig:
    sizes = text_sizes(random, type_vocab_size=0, relative_attention=True, pos_att_type="p2c|c2p")
    sizes |= {
        "max_relative_positions": random.choice((-1, 4, 60)),
        "norm_rel_ebd": random.choice(("none", "layer_norm")),
    }
    return DebertaV2Config(**{**sizes, "position_biased_input": random.choice((True, False)), **changes})


def deberta_v3(random: Random, **changes: Any) -> PretrainedConfig:
    buckets = random.choice((6, 9, 32))
    v3 = {
        "max_relative_positions": -1,
        "position_buckets": buckets,
        "norm_rel_ebd": "layer_norm",
        "share_att_key": True,
    }
    return deberta_v2(random, **{**v3, "position_biased_input": False, **changes})


def convolved(random: Random, **changes: Any) -> PretrainedConfig:
    groups, kernel = random.choice((1, 2)), random.choice((3, 5))
    act = random.choice(ACTIVATIONS)
    return deberta_v3(random, conv_kernel_size=kernel, conv_groups=groups, conv_act=act, **changes)


V1 = {"single": True}
"""v1 declares the biases of queries and values in float32."""
V2_IDLE = {"unseen": (*KEY_BIASES, ".pos_key_proj.bias")}
NO_P2C = {"pos_att_type": ["c2p"]}
MASKED_LM = "{0}ForMaskedLM"

ROWS: tuple[Row, ...] = (
    *rows(deberta, CLASSES.format("Deberta"), **V1),
    Row("DebertaForMaskedLM", partial(deberta, legacy=False), "first spelling", **V1),
    Row("DebertaModel", partial(deberta, type_vocab_size=3), "types", **TYPES, **V1),
    Row("DebertaModel", partial(deberta, pos_att_type="c2p"), "c2p", **V1),
    Row("DebertaModel", partial(deberta, pos_att_type=["p2c"]), "p2c", **V1),
    *rows(deberta_v2, CLASSES.format("DebertaV2"), **V2_IDLE),
    Row("DebertaV2Model", partial(deberta_v2, type_vocab_size=2, position_buckets=7), "types", **TYPES, **V2_IDLE),
    Row("DebertaV2Model", partial(deberta_v2, **NO_P2C), "c2p", unseen=(".key_proj.bias", ".pos_key_proj.bias")),
    Row("DebertaV2Model", partial(deberta_v2, pos_att_type=["p2c"]), "p2c"),
    *rows(deberta_v3, CLASSES.format("DebertaV2"), label="v3"),
    Row("DebertaV2ForMaskedLM", partial(deberta_v3, legacy=False), "v3 first spelling"),
    Row("DebertaV2Model", partial(deberta_v3, **NO_P2C), "v3 c2p", unseen=(".key_proj.bias",)),
    *rows(convolved, CLASSES.format("DebertaV2"), label="convolved"),
    Row("DebertaV2Model", partial(convolved, num_hidden_layers=1), "convolved once"),
)
