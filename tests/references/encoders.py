"""Encoders of tokens: rows of the harness."""

from __future__ import annotations

from functools import partial
from random import Random
from typing import Any

from transformers import AlbertConfig, BertConfig, DistilBertConfig, PretrainedConfig, RobertaConfig

from references.row import Row, rows, text_sizes


def bert(random: Random, **changes: Any) -> PretrainedConfig:
    return BertConfig(**text_sizes(random, **changes))


def roberta(random: Random, **changes: Any) -> PretrainedConfig:
    return RobertaConfig(**text_sizes(random, type_vocab_size=random.choice((1, 2)), **changes))


def albert(random: Random, **changes: Any) -> PretrainedConfig:
    return AlbertConfig(**text_sizes(random, **{"embedding_size": random.choice((7, 16)), **changes}))


def distilbert(random: Random, **changes: Any) -> PretrainedConfig:
    sizes = text_sizes(random)
    return DistilBertConfig(
        dim=sizes["hidden_size"],
        n_layers=sizes["num_hidden_layers"],
        n_heads=sizes["num_attention_heads"],
        hidden_dim=sizes["intermediate_size"],
        activation=sizes["hidden_act"],
        vocab_size=sizes["vocab_size"],
        max_position_embeddings=sizes["max_position_embeddings"],
        pad_token_id=sizes["pad_token_id"],
        **changes,
    )


CLASSES = "{0}Model {0}ForMaskedLM {0}ForSequenceClassification {0}ForTokenClassification {0}ForQuestionAnswering"
TYPES = {"reads": ("token_type_ids",)}

ROWS: tuple[Row, ...] = (
    *rows(bert, CLASSES.format("Bert") + " BertForPreTraining BertForNextSentencePrediction", **TYPES),
    *rows(roberta, CLASSES.format("Roberta"), **TYPES),
    *rows(albert, CLASSES.format("Albert") + " AlbertForPreTraining", **TYPES),
    Row("AlbertForMaskedLM", partial(albert, num_hidden_layers=5, num_hidden_groups=2), "groups", **TYPES),
    Row(
        "AlbertForMaskedLM", partial(albert, hidden_size=30, num_attention_heads=3, embedding_size=30), "even", **TYPES
    ),
    *rows(distilbert, CLASSES.format("DistilBert")),
)
