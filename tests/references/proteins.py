"""Encoders of proteins: rows of the harness. Few tokens are known, so that some of those drawn are masks."""

from __future__ import annotations

from functools import partial
from random import Random
from typing import Any

from transformers import EsmConfig, PretrainedConfig

from references.row import Row, rows, text_sizes

CONTACTS = ("contact_head.regression.weight", "contact_head.regression.bias")


def esm(random: Random, **changes: Any) -> PretrainedConfig:
    sizes = text_sizes(random, vocab_size=random.choice((9, 11)), mask_token_id=random.choice((4, 7)))
    sizes |= {"token_dropout": True, "emb_layer_norm_before": random.choice((None, False))}
    del sizes["hidden_act"], sizes["type_vocab_size"]
    return EsmConfig(**sizes | changes)


def esm2(random: Random, **changes: Any) -> PretrainedConfig:
    return esm(random, position_embedding_type="rotary", rope_theta=random.choice((10_000.0, 500.0)), **changes)


def esm1b(random: Random, **changes: Any) -> PretrainedConfig:
    return esm(random, emb_layer_norm_before=True, **changes)


class PlainlySaved(Row):
    """A row whose reference writes the names that it reads: its usual ones have a wildcard in them."""

    def reference(self, seed: int) -> Any:
        model = super().reference(seed)
        model.save_pretrained = partial(model.save_pretrained, save_original_format=False)
        return model


CLASSES = "EsmModel EsmForMaskedLM EsmForSequenceClassification EsmForTokenClassification"
SETTINGS: dict[str, Any] = {"idle": CONTACTS, "caches": False}
ROTARY: dict[str, Any] = SETTINGS | {
    "narrows": True,
    "keys_turn": True,
    "single": True,
    "reopened": 1e-8,  # it opens rotary frequencies in float32, and then turns by angles in float32
}

_FOUND = (
    *rows(esm2, CLASSES, **ROTARY),
    *rows(esm1b, CLASSES, label="learned", **SETTINGS),
    Row("EsmForMaskedLM", partial(esm2, token_dropout=False, emb_layer_norm_before=True), "plain", **ROTARY),
)
ROWS: tuple[Row, ...] = tuple(PlainlySaved(**vars(row)) for row in _FOUND)
