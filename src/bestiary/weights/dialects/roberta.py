"""RoBERTa's checkpoints: BERT's body under another prefix, heads of its own, positions behind padding's row.

XLM-RoBERTa (Conneau et al. 2019) and CamemBERT (Martin et al. 2019) are RoBERTa with other data and vocabularies: their
files are spelled alike to the last word, and only the names of family and classes differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from bestiary.errors import BestiaryError
from bestiary.spec import Transformer
from bestiary.weights.config import Arguments, Derive, shown
from bestiary.weights.dialects import bert
from bestiary.weights.dialects.dialect import Dialect, always

_OWN_HEADS = ("heads.lm", "heads.sentence", "heads.classifier")
_BODY = [line for line in bert.KEYS.splitlines() if not line.startswith(_OWN_HEADS)]

KEYS = (
    "\n".join(_BODY).replace("[bert.]", "[roberta.]")
    + """
heads.lm.transform.dense.{weight,bias}         = lm_head.dense.{weight,bias}
heads.lm.transform.norm.{weight,bias}          = lm_head.layer_norm.{weight,bias}
heads.lm.bias                                  = lm_head.bias
heads.classifier.transform.dense.{weight,bias} = classifier.dense.{weight,bias}
heads.classifier.output.{weight,bias}          = classifier.out_proj.{weight,bias}
"""
)


def _read_positions(config: Mapping[str, Any], absent: int) -> Arguments:
    rows, pad = config.get("max_position_embeddings", absent), config.get("pad_token_id", 1)
    if not isinstance(pad, int) or pad < 0:
        raise BestiaryError(f"'pad_token_id' is {shown(pad)}; give a whole number, for positions are counted from it")
    if not isinstance(rows, int) or isinstance(rows, bool) or rows <= pad + 1:
        raise BestiaryError(f"'max_position_embeddings' is {shown(rows)}; give a whole number above pad_token_id + 1")
    return {"length": rows - pad - 1, "pad": pad}


def _write_positions(arguments: Arguments) -> dict[str, Any]:
    pad = arguments["pad"]
    return {"max_position_embeddings": arguments["length"] + pad + 1, "pad_token_id": pad}


def positions(rows: int) -> Derive:
    """Return how positions are told in a family whose configs mean so many rows where they say none."""
    read = partial(_read_positions, absent=rows)
    return Derive(("max_position_embeddings", "pad_token_id"), read, _write_positions)


def arguments(spec: Transformer) -> Arguments:
    """Read the sizes of an encoder whose positions stand behind padding's row off its spec."""
    return bert.encoder_arguments(spec) | {"pad": spec.at("embed.position.pad")}


_CONFIG = {key: row for key, row in bert.CONFIG.items() if key not in ("max_position_embeddings", "pad_token_id")}

DIALECT = Dialect(
    name="roberta",
    architecture=always("roberta"),
    architectures=("roberta",),
    keys=always(KEYS),
    config=_CONFIG,
    tasks={
        "RobertaModel": "base",
        "RobertaForMaskedLM": "masked-lm",
        "RobertaForSequenceClassification": "sequence-classification",
        "RobertaForTokenClassification": "token-classification",
        "RobertaForQuestionAnswering": "question-answering",
    },
    derived=(positions(512),),
    repeated={
        "[roberta.]embeddings.position_ids": "",
        "lm_head.decoder.weight": "embed.tokens.weight",
        "lm_head.decoder.bias": "heads.lm.bias",
    },
    arguments=arguments,
)


def kin(name: str, classes: str) -> Dialect:
    """Return the same dialect for a family of another name."""
    return replace(DIALECT, name=name, tasks=bert.renamed_classes(DIALECT.tasks, "Roberta", classes))


XLM_ROBERTA = kin("xlm-roberta", "XLMRoberta")
CAMEMBERT = kin("camembert", "Camembert")
