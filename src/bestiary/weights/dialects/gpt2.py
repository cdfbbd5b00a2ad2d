"""GPT-2's checkpoints: matrices stored in by out, queries, keys and values in one."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

from bestiary.errors import BestiaryError
from bestiary.spec import Transformer, own_layers
from bestiary.spec.limits import MAX_DEPTH, MAX_SIZE
from bestiary.weights.config import (
    ACTIVATIONS,
    WAIVE,
    Arguments,
    Derive,
    Flag,
    Number,
    Size,
    Word,
    optional_size,
    shown,
)
from bestiary.weights.dialects.dialect import COMMON, Dialect, always

KEYS = """
embed.tokens.weight                       = [transformer.]wte.weight
embed.position.weight                     = [transformer.]wpe.weight
stack.layers.{i}.attn.{q,k,v}.weight      = [transformer.]h.{i}.attn.c_attn.weight | T | split
stack.layers.{i}.attn.{q,k,v}.bias        = [transformer.]h.{i}.attn.c_attn.bias | split
stack.layers.{i}.attn.o.weight            = [transformer.]h.{i}.attn.c_proj.weight | T
stack.layers.{i}.attn.o.bias              = [transformer.]h.{i}.attn.c_proj.bias
stack.layers.{i}.attn_norm.{weight,bias}  = [transformer.]h.{i}.ln_1.{weight,bias}
stack.layers.{i}.mlp.{up,down}.weight     = [transformer.]h.{i}.mlp.{c_fc,c_proj}.weight | T
stack.layers.{i}.mlp.{up,down}.bias       = [transformer.]h.{i}.mlp.{c_fc,c_proj}.bias
stack.layers.{i}.mlp_norm.{weight,bias}   = [transformer.]h.{i}.ln_2.{weight,bias}
stack.norm.{weight,bias}                  = [transformer.]ln_f.{weight,bias}
heads.lm.output.weight                    = lm_head.weight
heads.classifier.output.weight            = score.weight
heads.tags.output.{weight,bias}           = classifier.{weight,bias}
heads.spans.output.{weight,bias}          = qa_outputs.{weight,bias}
"""

SUMMARY = dict.fromkeys(
    ("summary_activation", "summary_first_dropout", "summary_proj_to_labels", "summary_type", "summary_use_proj"), WAIVE
)

CONFIG = {
    **COMMON,
    **SUMMARY,
    "n_embd": Size("dim"),
    "n_layer": Size("depth"),
    "n_head": Size("heads"),
    "vocab_size": Size("vocab"),
    "n_positions": Size("length", 1024),
    "activation_function": Word("activation", ACTIVATIONS, "gelu_new"),
    "layer_norm_epsilon": Number("eps", 1e-5),
    "resid_pdrop": Number("dropout", 0.1),
    "attn_pdrop": Number("attention_dropout", 0.1),
    "embd_pdrop": Number("embedding_dropout", 0.1),
    "tie_word_embeddings": Flag("tied", True),
    "reorder_and_upcast_attn": WAIVE,  # an order of float operations
    "n_ctx": WAIVE,  # the older name of n_positions, beside it
    "n_special": WAIVE,  # these two stand in GPT's first configs and, from there, in GPT-2's
    "predict_special_tokens": WAIVE,
    "classifier_dropout": WAIVE,
}

SCALES = ("scale_attn_weights", "scale_attn_by_inverse_layer_idx")


def read_inner(config: Mapping[str, Any]) -> Arguments:
    """The MLP's width: four times the model's unless ``n_inner`` says otherwise."""
    return {"hidden": optional_size(config, "n_inner") or 4 * config["n_embd"]}


def write_inner(arguments: Arguments) -> dict[str, Any]:
    """The inverse."""
    return {"n_inner": None if arguments["hidden"] == 4 * arguments["dim"] else arguments["hidden"]}


def _scales(dim: int, heads: int, depth: int, scaled: bool, by_depth: bool) -> tuple[float | None, ...]:
    """What layers multiply their scores by: the usual, which is ``None``, or one; and that over their number."""
    usual = (dim // heads) ** -0.5 if scaled else 1.0
    first = None if scaled else 1.0
    return (first, *(usual / float(layer) if by_depth else first for layer in range(2, depth + 1)))


def read_scales(config: Mapping[str, Any]) -> Arguments:
    """What each layer multiplies its scores by."""
    scaled, by_depth = said = [config.get(key, key == SCALES[0]) for key in SCALES]
    for key, value in zip(SCALES, said, strict=True):
        if not isinstance(value, bool):
            raise BestiaryError(f"'{key}' is {shown(value)}; give true or false")
    dim, depth, heads = (config[key] for key in ("n_embd", "n_layer", "n_head"))
    if depth > MAX_DEPTH or not heads <= dim < MAX_SIZE:
        return {}  # refused in other words
    return {"scales": _scales(dim, heads, depth, scaled, by_depth)}


def write_scales(arguments: Arguments) -> dict[str, Any]:
    """The inverse; raises ``ValueError`` for scales that no config of this family says."""
    dim, heads, depth = (arguments[name] for name in ("dim", "heads", "depth"))
    for scaled, by_depth in product((True, False), (False, True)):
        if _scales(dim, heads, depth, scaled, by_depth) == arguments["scales"]:
            return dict(zip(SCALES, (scaled, by_depth), strict=True))
    raise ValueError("no config of this family says these scales")


def _arguments(spec: Transformer) -> Arguments:
    sizes, head = decoder_arguments(spec), spec.heads.get("lm")
    arguments = {
        **sizes,
        "scales": tuple(layer[0].at("op.scale") for layer in own_layers(spec.stack)),
        "tied": head.at("tied") if head else True,
    }
    write_scales(arguments)  # else this family cannot say the spec
    return arguments


def decoder_arguments(spec: Transformer) -> Arguments:
    """Read the sizes of a decoder with learned positions off its spec."""
    attention, mlp = own_layers(spec.stack)[0][:2]
    embed: Any = spec.embed
    return {
        "dim": spec.dim,
        "depth": len(own_layers(spec.stack)),
        "heads": attention.at("heads"),
        "hidden": mlp.at("hidden"),
        "vocab": embed.vocab,
        "length": embed.position.length,
        "activation": mlp.at("activation"),
        "eps": mlp.at("norm.eps"),
        "dropout": mlp.dropout,
        "attention_dropout": attention.op.at("dropout"),
        "embedding_dropout": embed.dropout,
    }


DIALECT = Dialect(
    name="gpt2",
    architecture=always("gpt2"),
    architectures=("gpt2",),
    keys=always(KEYS),
    config=CONFIG,
    tasks={
        "GPT2LMHeadModel": "causal-lm",
        "GPT2Model": "base",
        "GPT2ForSequenceClassification": "sequence-classification",
        "GPT2ForTokenClassification": "token-classification",
        "GPT2ForQuestionAnswering": "question-answering",
    },
    derived=(Derive(("n_inner",), read_inner, write_inner), Derive(SCALES, read_scales, write_scales)),
    repeated={
        "[transformer.]h.{i}.attn.bias": "",  # the causal mask, as a buffer
        "[transformer.]h.{i}.attn.masked_bias": "",
        "lm_head.weight": "embed.tokens.weight",
    },
    arguments=_arguments,
)
