"""BLOOM's checkpoints: queries, keys and values of each head together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bestiary.errors import BestiaryError
from bestiary.spec import Transformer, own_layers
from bestiary.weights.config import WAIVE, Arguments, Derive, Flag, Number, Pin, Size, either_size
from bestiary.weights.dialects.dialect import COMMON, Dialect, always

KEYS = """
embed.tokens.weight                       = [transformer.]word_embeddings.weight
embed.norm.{weight,bias}                  = [transformer.]word_embeddings_layernorm.{weight,bias}
stack.layers.{i}.attn.{q,k,v}.weight      = [transformer.]h.{i}.self_attention.query_key_value.weight | split_heads
stack.layers.{i}.attn.{q,k,v}.bias        = [transformer.]h.{i}.self_attention.query_key_value.bias | split_heads
stack.layers.{i}.attn.o.weight            = [transformer.]h.{i}.self_attention.dense.weight
stack.layers.{i}.attn.o.bias              = [transformer.]h.{i}.self_attention.dense.bias
stack.layers.{i}.attn_norm.{weight,bias}  = [transformer.]h.{i}.input_layernorm.{weight,bias}
stack.layers.{i}.mlp.{up,down}.weight     = [transformer.]h.{i}.mlp.{dense_h_to_4h,dense_4h_to_h}.weight
stack.layers.{i}.mlp.{up,down}.bias       = [transformer.]h.{i}.mlp.{dense_h_to_4h,dense_4h_to_h}.bias
stack.layers.{i}.mlp_norm.{weight,bias}   = [transformer.]h.{i}.post_attention_layernorm.{weight,bias}
stack.norm.{weight,bias}                  = [transformer.]ln_f.{weight,bias}
heads.lm.output.weight                    = lm_head.weight
heads.classifier.output.weight            = score.weight
heads.tags.output.{weight,bias}           = classifier.{weight,bias}
heads.spans.output.{weight,bias}          = qa_outputs.{weight,bias}
"""

_ROUNDING = (  # orders and precisions of float operations in the code that trained it
    "pretraining_tp", "slow_but_exact", "attention_softmax_in_fp32", "bias_dropout_fusion", "masked_softmax_fusion",
    "skip_bias_add", "skip_bias_add_qkv",
)  # fmt: skip

CONFIG = {
    **COMMON,
    **dict.fromkeys(_ROUNDING, WAIVE),
    "vocab_size": Size("vocab"),
    "layer_norm_epsilon": Number("eps", 1e-5),
    "hidden_dropout": Number("dropout", 0.0),
    "attention_dropout": Number("attention_dropout", 0.0),
    "tie_word_embeddings": Flag("tied", True),
    "apply_residual_connection_post_layernorm": Pin((False,), "a residual that starts behind the norm has no node"),
    "n_inner": Pin((None,), "the MLPs of this family are four times as wide as the model"),
    "offset_alibi": WAIVE,  # where penalties would begin, to which the softmax is blind
    "seq_length": WAIVE,  # the length of training; nothing stops there
    "classifier_dropout": WAIVE,
}

_NAMES = {
    "dim": ("hidden_size", "n_embed", "n_embd"),
    "depth": ("n_layer", "num_hidden_layers"),
    "heads": ("n_head", "num_attention_heads"),
}


def _read(config: Mapping[str, Any]) -> Arguments:
    found = {argument: either_size(config, names) for argument, names in _NAMES.items()}
    return {**found, "hidden": 4 * found["dim"]}


def _check_ranks(config: Mapping[str, Any]) -> Arguments:
    """Either key alone is an order of float operations; together they make readers leave out two biases."""
    if config.get("slow_but_exact") and config.get("pretraining_tp", 1) != 1:
        raise BestiaryError(
            "'slow_but_exact' is true with 'pretraining_tp' above 1, which readers take for a model without biases"
            " behind its branches; set 'slow_but_exact' to false"
        )
    return {}


def _write(arguments: Arguments) -> dict[str, Any]:
    return {names[0]: arguments[argument] for argument, names in _NAMES.items()}


def _arguments(spec: Transformer) -> Arguments:
    attention, mlp = own_layers(spec.stack)[0]
    head: Any = spec.heads.get("lm")
    return {
        "dim": spec.dim,
        "depth": len(own_layers(spec.stack)),
        "heads": attention.at("heads"),
        "hidden": 4 * spec.dim,  # no key says another width
        "vocab": spec.at("embed.vocab"),
        "eps": mlp.at("norm.eps"),
        "dropout": mlp.dropout,
        "attention_dropout": attention.op.at("dropout"),
        "tied": head.tied if head else True,
    }


DIALECT = Dialect(
    name="bloom",
    architecture=always("bloom"),
    architectures=("bloom",),
    keys=always(KEYS),
    config=CONFIG,
    tasks={
        "BloomForCausalLM": "causal-lm",
        "BloomModel": "base",
        "BloomForSequenceClassification": "sequence-classification",
        "BloomForTokenClassification": "token-classification",
        "BloomForQuestionAnswering": "question-answering",
    },
    derived=(
        Derive(tuple(name for names in _NAMES.values() for name in names), _read, _write),
        Derive((), _check_ranks, lambda arguments: {}),
    ),
    repeated={"lm_head.weight": "embed.tokens.weight"},
    arguments=_arguments,
)
