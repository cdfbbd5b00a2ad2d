"""ELECTRA's checkpoints, of generators and of discriminators."""

from __future__ import annotations

from typing import Any

from bestiary.spec import Transformer
from bestiary.weights.config import WAIVE, Arguments, Size
from bestiary.weights.dialects import bert
from bestiary.weights.dialects.dialect import Dialect, always

_OWN_HEADS = ("heads.pool", "heads.lm", "heads.sentence", "heads.classifier")
_BODY = [line for line in bert.KEYS.splitlines() if not line.startswith(_OWN_HEADS)]

KEYS = (
    "\n".join(_BODY).replace("[bert.]", "[electra.]")
    + """
embed.project.{weight,bias}                    = [electra.]embeddings_project.{weight,bias}
heads.lm.transform.dense.{weight,bias}         = generator_predictions.dense.{weight,bias}
heads.lm.transform.norm.{weight,bias}          = generator_predictions.LayerNorm.{weight,bias}
heads.lm.bias                                  = generator_lm_head.bias
heads.replaced.dense.{weight,bias}             = discriminator_predictions.dense.{weight,bias}
heads.replaced.output.{weight,bias}            = discriminator_predictions.dense_prediction.{weight,bias}
heads.classifier.transform.dense.{weight,bias} = classifier.dense.{weight,bias}
heads.classifier.output.{weight,bias}          = classifier.out_proj.{weight,bias}
"""
)

CONFIG = {
    **{key: row for key, row in bert.CONFIG.items() if not key.startswith("pooler_")},
    "embedding_size": Size("width", 128),
    "generator_size": WAIVE,  # how wide the generator beside it was
    # These five shape the head of multiple choice alone, which we do not have.
    "summary_type": WAIVE,
    "summary_use_proj": WAIVE,
    "summary_activation": WAIVE,
    "summary_first_dropout": WAIVE,
    "summary_last_dropout": WAIVE,
}


def _arguments(spec: Transformer) -> Arguments:
    embed: Any = spec.embed
    return bert.arguments(spec) | {"width": embed.width or spec.dim}


DIALECT = Dialect(
    name="electra",
    architecture=always("electra"),
    architectures=("electra",),
    keys=always(KEYS),
    config=CONFIG,
    tasks={
        "ElectraModel": "base",
        "ElectraForPreTraining": "replaced-token-detection",
        "ElectraForMaskedLM": "masked-lm",
        "ElectraForSequenceClassification": "sequence-classification",
        "ElectraForTokenClassification": "token-classification",
        "ElectraForQuestionAnswering": "question-answering",
    },
    repeated={
        "[electra.]embeddings.position_ids": "",
        "generator_lm_head.weight": "embed.tokens.weight",
    },
    renamed=bert.DIALECT.renamed,
    arguments=_arguments,
)
