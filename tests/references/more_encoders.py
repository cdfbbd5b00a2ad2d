"""More encoders of tokens, each a step away from BERT: rows of the harness."""

from __future__ import annotations

from functools import partial
from random import Random
from typing import Any

from transformers import (
    CamembertConfig,
    ElectraConfig,
    ErnieConfig,
    MegatronBertConfig,
    PretrainedConfig,
    XLMRobertaConfig,
    XLMRobertaXLConfig,
)

from references.encoders import CLASSES, TYPES
from references.row import Row, rows, text_sizes


def xlm_roberta(random: Random, **changes: Any) -> PretrainedConfig:
    return XLMRobertaConfig(**text_sizes(random, type_vocab_size=random.choice((1, 2)), **changes))


def camembert(random: Random, **changes: Any) -> PretrainedConfig:
    return CamembertConfig(**text_sizes(random, type_vocab_size=random.choice((1, 2)), **changes))


def xlm_roberta_xl(random: Random, **changes: Any) -> PretrainedConfig:
    return XLMRobertaXLConfig(**text_sizes(random, type_vocab_size=random.choice((1, 2)), **changes))


def megatron_bert(random: Random, **changes: Any) -> PretrainedConfig:
    return MegatronBertConfig(**text_sizes(random, **changes))


def ernie(random: Random, **changes: Any) -> PretrainedConfig:
    return ErnieConfig(**text_sizes(random, **changes))


def ernie_2(random: Random, **changes: Any) -> PretrainedConfig:
    return ernie(random, use_task_id=True, task_type_vocab_size=random.choice((3, 4, 16)), **changes)


def electra(random: Random, **changes: Any) -> PretrainedConfig:
    sizes = text_sizes(random, **changes)
    return ElectraConfig(**{"embedding_size": random.choice((7, 16, sizes["hidden_size"])), **sizes})


def electra_narrow(random: Random, **changes: Any) -> PretrainedConfig:
    return electra(random, embedding_size=9, **changes)


def electra_even(random: Random, **changes: Any) -> PretrainedConfig:
    sizes = text_sizes(random, **changes)
    return ElectraConfig(**sizes, embedding_size=sizes["hidden_size"])


PAIRS = " {0}ForPreTraining {0}ForNextSentencePrediction"
TASKS = {"reads": ("token_type_ids", "task_type_ids")}

ROWS: tuple[Row, ...] = (
    *rows(xlm_roberta, CLASSES.format("XLMRoberta"), **TYPES),
    *rows(camembert, CLASSES.format("Camembert"), **TYPES),
    *rows(xlm_roberta_xl, CLASSES.format("XLMRobertaXL"), **TYPES),
    *rows(megatron_bert, (CLASSES + PAIRS).format("MegatronBert"), **TYPES),
    *rows(ernie, CLASSES.format("Ernie"), **TYPES),
    *rows(ernie_2, (CLASSES + PAIRS).format("Ernie"), label="tasks", **TASKS),
    Row("ErnieModel", ernie_2, "task 0"),
    *rows(electra, (CLASSES + " {0}ForPreTraining").format("Electra"), **TYPES),
    *(Row(f"Electra{head}", electra_narrow, "narrow", **TYPES) for head in ("ForMaskedLM", "ForPreTraining")),
    *(Row(f"Electra{head}", electra_even, "even", **TYPES) for head in ("ForMaskedLM", "Model")),
    Row("MegatronBertForMaskedLM", partial(megatron_bert, num_hidden_layers=1), "one layer", **TYPES),
)
