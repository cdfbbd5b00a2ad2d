"""Big Bird's checkpoints: BERT's, with another pooler and heads of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bestiary.errors import BestiaryError
from bestiary.spec import Transformer
from bestiary.weights.config import ACTIVATIONS, Arguments, Derive, Flag, Size, Word, shown
from bestiary.weights.dialects import bert
from bestiary.weights.dialects.dialect import Dialect, always

_OWN_HEADS = ("heads.pool", "heads.classifier", "heads.spans")

KEYS = (
    "\n".join(line for line in bert.KEYS.splitlines() if not line.startswith(_OWN_HEADS))
    + """
heads.pool.dense.{weight,bias}                 = [bert.]pooler.{weight,bias}
heads.classifier.transform.dense.{weight,bias} = classifier.dense.{weight,bias}
heads.classifier.output.{weight,bias}          = classifier.out_proj.{weight,bias}
heads.spans.up.{weight,bias}                   = qa_classifier.intermediate.dense.{weight,bias}
heads.spans.down.{weight,bias}                 = qa_classifier.output.dense.{weight,bias}
heads.spans.norm.{weight,bias}                 = qa_classifier.output.LayerNorm.{weight,bias}
heads.spans.output.{weight,bias}               = qa_classifier.qa_outputs.{weight,bias}
"""
)

_KINDS = ("block_sparse", "original_full")


def _read_blocks(config: Mapping[str, Any]) -> Arguments:
    kind = config.get("attention_type", "block_sparse")
    if kind not in _KINDS:
        raise BestiaryError(f"'attention_type' is {shown(kind)}; give one of {', '.join(_KINDS)}")
    block, random = config.get("block_size", 64), config.get("num_random_blocks", 3)
    for key, number, least in (("block_size", block, 1), ("num_random_blocks", random, 0)):
        if type(number) is not int or number < least:
            raise BestiaryError(f"'{key}' is {shown(number)}; give a whole number from {least}")
    return {"block": block, "random": random} if kind == "block_sparse" else {"block": None}


def _write_blocks(arguments: Arguments) -> dict[str, Any]:
    if arguments["block"] is None:
        return {"attention_type": "original_full"}
    sizes = {"block_size": arguments["block"], "num_random_blocks": arguments["random"]}
    return {"attention_type": "block_sparse", **sizes}


CONFIG = {
    **{key: row for key, row in bert.CONFIG.items() if not key.startswith("pooler_")},
    "max_position_embeddings": Size("length", 4096),
    "hidden_act": Word("activation", ACTIVATIONS, "gelu_new"),
    "use_bias": Flag("bias", True),
    "rescale_embeddings": Flag("scaled", False),
}


def _arguments(spec: Transformer) -> Arguments:
    masks = spec.at("stack.layers[0].attn.mask")
    blocks = [{"block": mask.block, "random": mask.random} for mask in masks]
    own = {"bias": "q" in spec.at("stack.layers[0].attn.bias"), "scaled": spec.at("embed.scaled")}
    return bert.encoder_arguments(spec) | (blocks[0] if blocks else {"block": None}) | own


DIALECT = Dialect(
    name="big_bird",
    architecture=always("big_bird"),
    architectures=("big_bird",),
    keys=always(KEYS),
    config=CONFIG,
    tasks={
        "BigBirdModel": "base",
        "BigBirdForMaskedLM": "masked-lm",
        "BigBirdForPreTraining": "pretraining",
        "BigBirdForSequenceClassification": "sequence-classification",
        "BigBirdForTokenClassification": "token-classification",
        "BigBirdForQuestionAnswering": "question-answering",
    },
    derived=(Derive(("attention_type", "block_size", "num_random_blocks"), _read_blocks, _write_blocks),),
    repeated={**bert.DIALECT.repeated, "[bert.]embeddings.token_type_ids": ""},
    renamed=bert.DIALECT.renamed,
    told={"sep_token_id": "heads.spans.separator"},
    arguments=_arguments,
)
