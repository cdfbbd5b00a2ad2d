"""DeBERTa's checkpoints: v1, and v2 with v3.

Published files spell the head of the masked language model as Microsoft's code does, ``lm_predictions``; transformers
has since written another spelling of the same head, ``cls``, which is what a config without ``legacy`` means to it.
Each spelling is a dialect here. The one that such a config names reads both, and writes what its readers look for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bestiary.errors import BestiaryError
from bestiary.spec import BucketTable, ContentMap, Layer, Learned, Residual, Transformer, own_layers
from bestiary.weights.config import ACTIVATIONS, WAIVE, Arguments, Derive, Flag, Number, Pin, Size, Word, shown
from bestiary.weights.dialects.dialect import COMMON, Dialect, always

_BODY = """
embed.tokens.weight                       = [deberta.]embeddings.word_embeddings.weight
embed.types.weight                        = [deberta.]embeddings.token_type_embeddings.weight
embed.position.weight                     = [deberta.]embeddings.position_embeddings.weight
embed.norm.{weight,bias}                  = [deberta.]embeddings.LayerNorm.{weight,bias}
stack.position.weight                     = [deberta.]encoder.rel_embeddings.weight
stack.layers.{i}.attn.o.{weight,bias}     = [deberta.]encoder.layer.{i}.attention.output.dense.{weight,bias}
stack.layers.{i}.attn_norm.{weight,bias}  = [deberta.]encoder.layer.{i}.attention.output.LayerNorm.{weight,bias}
stack.layers.{i}.mlp.up.{weight,bias}     = [deberta.]encoder.layer.{i}.intermediate.dense.{weight,bias}
stack.layers.{i}.mlp.down.{weight,bias}   = [deberta.]encoder.layer.{i}.output.dense.{weight,bias}
stack.layers.{i}.mlp_norm.{weight,bias}   = [deberta.]encoder.layer.{i}.output.LayerNorm.{weight,bias}
heads.lm.transform.dense.{weight,bias}    = cls.predictions.transform.dense.{weight,bias}
heads.lm.transform.norm.{weight,bias}     = cls.predictions.transform.LayerNorm.{weight,bias}
heads.lm.bias                             = cls.predictions.bias
heads.classifier.transform.dense.{weight,bias} = pooler.dense.{weight,bias}
heads.classifier.output.{weight,bias}     = classifier.{weight,bias}
heads.tags.output.{weight,bias}           = classifier.{weight,bias}
heads.spans.output.{weight,bias}          = qa_outputs.{weight,bias}
"""

KEYS = (
    _BODY
    + """
stack.layers.{i}.attn.{q,k,v}.weight      = [deberta.]encoder.layer.{i}.attention.self.in_proj.weight | split_heads
stack.layers.{i}.attn.{q,v}.bias          = [deberta.]encoder.layer.{i}.attention.self.{q_bias,v_bias}
stack.layers.{i}.attn.position_k.weight   = [deberta.]encoder.layer.{i}.attention.self.pos_proj.weight
stack.layers.{i}.attn.position_q.{weight,bias} = [deberta.]encoder.layer.{i}.attention.self.pos_q_proj.{weight,bias}
"""
)

V2_KEYS = (
    _BODY
    + """
stack.position.norm.{weight,bias}         = [deberta.]encoder.LayerNorm.{weight,bias}
stack.layers.{i}.attn.{q,k,v}.weight      = [deberta.]encoder.layer.{i}.attention.self.{query_proj,key_proj,value_proj}.weight
stack.layers.{i}.attn.{q,k,v}.bias        = [deberta.]encoder.layer.{i}.attention.self.{query_proj,key_proj,value_proj}.bias
stack.layers.{i}.attn.position_k.{weight,bias} = [deberta.]encoder.layer.{i}.attention.self.pos_key_proj.{weight,bias}
stack.layers.{i}.attn.position_q.{weight,bias} = [deberta.]encoder.layer.{i}.attention.self.pos_query_proj.{weight,bias}
stack.layers.0.conv.map.{weight,bias}     = [deberta.]encoder.conv.conv.{weight,bias}
stack.layers.0.conv_norm.{weight,bias}    = [deberta.]encoder.conv.LayerNorm.{weight,bias}
"""  # noqa: E501
)

_LEGACY_HEAD = {
    "lm_predictions.lm_head.dense": "cls.predictions.transform.dense",
    "lm_predictions.lm_head.LayerNorm": "cls.predictions.transform.LayerNorm",
}
RENAMED = {
    "lm_predictions.lm_head.bias": "cls.predictions.bias",
    **{f"{old}.{end}": f"{new}.{end}" for old, new in _LEGACY_HEAD.items() for end in ("weight", "bias")},
}

COUNTS = {
    "max_position_embeddings": 512,
    "max_relative_positions": -1,
    "type_vocab_size": 0,
    "position_buckets": -1,
    "conv_kernel_size": 0,
    "conv_groups": 1,
}
"""Whole numbers that may say "none", and what their absence means."""

CONFIG = {
    **COMMON,
    "hidden_size": Size("dim"),
    "num_hidden_layers": Size("depth"),
    "num_attention_heads": Size("heads"),
    "intermediate_size": Size("hidden"),
    "vocab_size": Size("vocab"),
    "hidden_act": Word("activation", ACTIVATIONS, "gelu"),
    "layer_norm_eps": Number("eps", 1e-7),
    "hidden_dropout_prob": Number("dropout", 0.1),
    "attention_probs_dropout_prob": Number("attention_dropout", 0.1),
    "position_biased_input": Flag("absolute", True),
    "pooler_hidden_act": Pin(("gelu",), "the pooled vector of another nonlinearity was never published"),
    "talking_head": Pin((False,), "heads that mix their scores were never published"),
    "legacy": Pin((True,), "it names one of two spellings of the head"),
    "pooler_dropout": WAIVE,  # rates of heads that are made anew when they are trained
    "cls_dropout": WAIVE,
    "padding_idx": WAIVE,  # an older name of pad_token_id
}


def _count(config: Mapping[str, Any], key: str) -> int:
    value = config.get(key)
    value = COUNTS[key] if value is None else value
    if type(value) is not int:
        raise BestiaryError(f"'{key}' is {shown(value)}; give a whole number")
    return value


def _scores(config: Mapping[str, Any]) -> tuple[str, ...]:
    given = config.get("pos_att_type")
    words = [word.strip() for word in given.lower().split("|")] if isinstance(given, str) else given
    if not isinstance(words, list) or not words or any(word not in ("c2p", "p2c") for word in words):
        raise BestiaryError(f"'pos_att_type' is {shown(given)}; give c2p, p2c or both, as a list or joined by |")
    if len(set(words)) < len(words):
        raise BestiaryError(f"'pos_att_type' is {shown(given)}; name each score once")
    return tuple(sorted(words))


def _read(config: Mapping[str, Any]) -> Arguments:
    if config.get("relative_attention") is not True:
        raise BestiaryError("'relative_attention' is not true; attention without distances is BERT's")
    dim, heads = config["hidden_size"], config["num_attention_heads"]
    widths = {"embedding_size": dim, "pooler_hidden_size": dim, "attention_head_size": dim // heads}
    for key, width in widths.items():
        if config.get(key) not in (None, width):
            raise BestiaryError(
                f"'{key}' is {shown(config[key])}; only {width}, which hidden_size implies, can be loaded"
            )
    span, length = _count(config, "max_relative_positions"), _count(config, "max_position_embeddings")
    types = _count(config, "type_vocab_size")
    return {"length": length, "span": span if span > 0 else None, "types": types, "scores": _scores(config)}


def _write(arguments: Arguments) -> dict[str, Any]:
    length, span = arguments["length"], arguments["span"]
    return {
        "relative_attention": True,
        "max_position_embeddings": length,
        "max_relative_positions": -1 if span == length else span,
        "type_vocab_size": arguments["types"],
        "pos_att_type": list(arguments["scores"]),
        "pooler_hidden_size": arguments["dim"],
    }


_OWN_KEYS = (
    "relative_attention", "max_position_embeddings", "max_relative_positions", "type_vocab_size", "pos_att_type",
    "pooler_hidden_size", "embedding_size", "attention_head_size",
)  # fmt: skip


def _branch(layer: Layer, slot: str) -> Residual:
    found = next((branch for branch in layer if branch.op.slot == slot), None)
    if found is None:
        raise BestiaryError(f"this family's layers have {slot} branches")
    return found


def _arguments(spec: Transformer) -> Arguments:
    layer = own_layers(spec.stack)[0]
    attention, mlp = _branch(layer, "attn"), _branch(layer, "mlp")
    embed, table, op = spec.at("embed"), spec.at("stack.position"), attention.op
    terms = {"c2p": op.at("to_position"), "p2c": op.at("from_position")}
    return {
        "dim": spec.dim,
        "depth": len(own_layers(spec.stack)),
        "heads": op.at("heads"),
        "hidden": mlp.at("hidden"),
        "vocab": embed.vocab,
        "length": table.length or (embed.position.length if isinstance(embed.position, Learned) else 512),
        "types": embed.types,
        "span": table.distance if isinstance(table, BucketTable) else table.span,
        "scores": tuple(name for name, term in terms.items() if term is not None),
        "absolute": embed.position is not None,
        "activation": mlp.at("activation"),
        "eps": mlp.at("norm.eps"),
        "dropout": embed.dropout,
        "attention_dropout": op.at("dropout"),
    }


_ENDS = ("weight", "bias")
_MASKED = tuple(
    f"mask_predictions.{part}.{end}" for part in ("dense", "LayerNorm", "classifier") for end in ("weight", "bias")
)
REPEATED = {
    "[deberta.]embeddings.position_ids": "",
    "[deberta.]embeddings.position_embeddings.weight": "",  # held by some files whose configs do without
    "cls.predictions.decoder.weight": "embed.tokens.weight",
    "cls.predictions.decoder.bias": "heads.lm.bias",
    **dict.fromkeys(_MASKED, ""),  # the head that told replaced tokens in v3's pretraining
    **dict.fromkeys(RENAMED, ""),  # the head under its older name, where it is not asked for
}

DIALECT = Dialect(
    name="deberta",
    architecture=always("deberta"),
    architectures=("deberta",),
    keys=always(KEYS),
    config=CONFIG | {"share_att_key": Pin((False,), "distances read by the matrices of contents are v2's")},
    tasks={
        "DebertaModel": "base",
        "DebertaForMaskedLM": "masked-lm",
        "DebertaForSequenceClassification": "sequence-classification",
        "DebertaForTokenClassification": "token-classification",
        "DebertaForQuestionAnswering": "question-answering",
    },
    derived=(Derive(_OWN_KEYS, _read, _write),),
    repeated=REPEATED,
    renamed=RENAMED,
    arguments=_arguments,
    says=lambda config: config.get("legacy") is not False,
)


def _read_v2(config: Mapping[str, Any]) -> Arguments:
    buckets, kernel = _count(config, "position_buckets"), _count(config, "conv_kernel_size")
    normed = config.get("norm_rel_ebd", "none")
    if normed not in ("none", "layer_norm"):
        raise BestiaryError(f"'norm_rel_ebd' is {shown(normed)}; give none or layer_norm")
    convolution: Arguments = {}
    if kernel > 0:
        word = config.get("conv_act", "tanh")
        if word not in ACTIVATIONS:
            raise BestiaryError(f"'conv_act' is {shown(word)}; give one of {', '.join(ACTIVATIONS)}")
        groups = _count(config, "conv_groups")
        convolution = {"kernel": kernel, "groups": groups, "kernel_activation": ACTIVATIONS[word]}
    return {"buckets": buckets if buckets > 0 else None, "normed": normed == "layer_norm", **convolution}


def _write_v2(arguments: Arguments) -> dict[str, Any]:
    buckets, kernel = arguments["buckets"], arguments["kernel"]
    said = {
        "position_buckets": buckets or -1,
        "norm_rel_ebd": "layer_norm" if arguments["normed"] else "none",
        "conv_kernel_size": kernel or 0,
    }
    if kernel:
        word = next(word for word, meaning in ACTIVATIONS.items() if meaning == arguments["kernel_activation"])
        said |= {"conv_groups": arguments["groups"], "conv_act": word}
    return said


def _arguments_v2(spec: Transformer) -> Arguments:
    table, layer = spec.at("stack.position"), own_layers(spec.stack)[0]
    convolution: Any = next((branch.op for branch in layer if branch.op.slot == "conv"), None)
    arguments = _arguments(spec) | {
        "buckets": table.buckets if isinstance(table, BucketTable) else None,
        "normed": table.norm is not None,
        "kernel": convolution and convolution.kernel,
    }
    if convolution:
        arguments |= {"groups": convolution.groups, "kernel_activation": convolution.activation}
    attention: Any = _branch(layer, "attn").op
    shared = isinstance(attention.to_position or attention.from_position, ContentMap)
    return arguments | {"shared_maps": shared}


V2 = replace(
    DIALECT,
    name="deberta-v2",
    architecture=always("deberta_v2"),
    architectures=("deberta_v2",),
    keys=always(V2_KEYS),
    config=CONFIG | {"share_att_key": Flag("shared_maps", False)},
    tasks={name.replace("Deberta", "DebertaV2"): task for name, task in DIALECT.tasks.items()},
    derived=(
        Derive(_OWN_KEYS, _read, _write),
        Derive(
            ("position_buckets", "norm_rel_ebd", "conv_kernel_size", "conv_groups", "conv_act"), _read_v2, _write_v2
        ),
    ),
    arguments=_arguments_v2,
)


def first_spelling(dialect: Dialect) -> Dialect:
    """Return the dialect that spells the head of the masked language model as the first published files do."""

    def keys(spec: Any) -> str:
        table = dialect.keys(spec).replace("cls.predictions.bias", "lm_predictions.lm_head.bias")
        for old, new in _LEGACY_HEAD.items():
            table = table.replace(new, old)
        return table

    return replace(
        dialect,
        name=f"{dialect.name}-lm-predictions",
        model_type=dialect.name,
        keys=keys,
        config={key: row for key, row in dialect.config.items() if key != "legacy"},
        derived=(*dialect.derived, Derive(("legacy",), lambda config: {}, lambda arguments: {"legacy": False})),
        renamed={},
        says=lambda config: config.get("legacy") is False,
    )


FIRST, V2_FIRST = first_spelling(DIALECT), first_spelling(V2)
