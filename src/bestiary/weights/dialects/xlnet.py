"""XLNet's checkpoints: projections stored with an axis for the heads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bestiary.errors import BestiaryError
from bestiary.spec import Causal, Mask, MemorySpan, MirroredDistances, SineDistances, Transformer, own_layers
from bestiary.weights.config import ACTIVATIONS, WAIVE, Arguments, Derive, Flag, Number, Pin, Size, Word, shown
from bestiary.weights.dialects.dialect import COMMON, Dialect, always

KEYS = """
embed.tokens.weight                      = [transformer.]word_embedding.weight
embed.target                             = [transformer.]mask_emb | unwrap | row
stack.layers.{i}.attn.{q,k,v,r}.weight   = [transformer.]layer.{i}.rel_attn.{q,k,v,r} | heads | T
stack.layers.{i}.attn.o.weight           = [transformer.]layer.{i}.rel_attn.o | heads
stack.layers.{i}.attn.content_bias       = [transformer.]layer.{i}.rel_attn.r_w_bias
stack.layers.{i}.attn.distance_bias      = [transformer.]layer.{i}.rel_attn.r_r_bias
stack.layers.{i}.attn.segment_bias       = [transformer.]layer.{i}.rel_attn.r_s_bias
stack.layers.{i}.attn.segments           = [transformer.]layer.{i}.rel_attn.seg_embed
stack.layers.{i}.attn_norm.{weight,bias} = [transformer.]layer.{i}.rel_attn.layer_norm.{weight,bias}
stack.layers.{i}.mlp.up.{weight,bias}    = [transformer.]layer.{i}.ff.layer_1.{weight,bias}
stack.layers.{i}.mlp.down.{weight,bias}  = [transformer.]layer.{i}.ff.layer_2.{weight,bias}
stack.layers.{i}.mlp_norm.{weight,bias}  = [transformer.]layer.{i}.ff.layer_norm.{weight,bias}
heads.lm.output.weight                   = lm_loss.weight
heads.lm.output.bias                     = lm_loss.bias
heads.lm.bias                            = lm_loss.bias
heads.classifier.transform.dense.{weight,bias} = sequence_summary.summary.{weight,bias}
heads.classifier.output.{weight,bias}    = logits_proj.{weight,bias}
heads.tags.output.{weight,bias}          = classifier.{weight,bias}
heads.spans.output.{weight,bias}         = qa_outputs.{weight,bias}
"""

CONFIG = {
    **COMMON,
    "d_model": Size("dim"),
    "n_layer": Size("depth"),
    "n_head": Size("heads"),
    "d_inner": Size("hidden"),
    "vocab_size": Size("vocab", 32000),
    "ff_activation": Word("activation", ACTIVATIONS, "gelu"),
    "layer_norm_eps": Number("eps", 1e-12),
    "dropout": Number("dropout", 0.1),
    "tie_word_embeddings": Flag("tied", True),
    "untie_r": Pin((True,), "biases of scores shared between layers were never published in this family"),
    "summary_type": Pin(("last",), "a classifier of this family reads the last place"),
    "summary_use_proj": Pin((True,), "a classifier of this family has a layer of its own"),
    "summary_activation": Pin(("tanh",), "a classifier of this family has a tanh layer"),
    "summary_last_dropout": WAIVE,
    "use_mems_eval": WAIVE,  # whether a caller is given what to remember
    "use_mems_train": WAIVE,
    "init": WAIVE,
    "init_range": WAIVE,
    "start_n_top": WAIVE,  # widths of a beam over answers
    "end_n_top": WAIVE,
}

_MASKS: dict[tuple[str, bool], tuple[Mask, ...]] = {
    ("bi", False): (),
    ("uni", False): (Causal(),),
    ("uni", True): (Causal(), MemorySpan()),
    ("bi", True): (),  # the reference reads same_length for one direction only
}


def _read_head_width(config: Mapping[str, Any]) -> Arguments:
    dim, heads, width = config["d_model"], config["n_head"], config.get("d_head")
    if width is not None and width * heads != dim:
        raise BestiaryError(f"'d_head' is {shown(width)}, but {heads} heads split a width of {dim}; correct it")
    return {}


def _read_memory(config: Mapping[str, Any]) -> Arguments:
    """How much is remembered; null and zero both mean all."""
    said = {"mem_len": 512, **config}
    return {"memory": length_or_none(said, "mem_len"), "reuse": length_or_none(said, "reuse_len")}


def length_or_none(config: Mapping[str, Any], key: str) -> int | None:
    """Return a length, or ``None`` where it is absent, null or not positive."""
    value = config.get(key)
    if value is not None and type(value) is not int:
        raise BestiaryError(f"'{key}' is {shown(value)}; give a whole number or null")
    return value if value is not None and value > 0 else None


def _read_scores(config: Mapping[str, Any]) -> Arguments:
    """The mask, and how distances are read."""
    way, same, mirrored = config.get("attn_type", "bi"), config.get("same_length", False), config.get("bi_data", False)
    if (way, same) not in _MASKS or not isinstance(same, bool):
        raise BestiaryError(
            f"'attn_type' is {shown(way)} and 'same_length' {shown(same)}; give bi or uni, true or false"
        )
    if not isinstance(mirrored, bool):
        raise BestiaryError(f"'bi_data' is {shown(mirrored)}; give true or false")
    kind = MirroredDistances if mirrored else SineDistances
    return {"mask": _MASKS[way, same], "distances": kind(clamp=length_or_none(config, "clamp_len"))}


def _write_scores(arguments: Arguments) -> dict[str, Any]:
    way, same = next(words for words, mask in _MASKS.items() if mask == arguments["mask"])
    distances = arguments["distances"]
    return {
        "attn_type": way,
        "same_length": same,
        "bi_data": isinstance(distances, MirroredDistances),
        "clamp_len": distances.clamp or -1,
    }


def _arguments(spec: Transformer) -> Arguments:
    attention, mlp = own_layers(spec.stack)[0]
    head: Any = spec.heads.get("lm")
    return {
        "dim": spec.dim,
        "depth": len(own_layers(spec.stack)),
        "heads": attention.at("heads"),
        "hidden": mlp.at("hidden"),
        "vocab": spec.at("embed.tokens.vocab"),
        "memory": attention.at("memory.length"),
        "reuse": attention.at("memory.reuse"),
        "distances": attention.at("distances"),
        "mask": attention.at("mask"),
        "activation": mlp.at("activation"),
        "eps": mlp.at("norm.eps"),
        "dropout": mlp.dropout,
        "tied": head.tied if head else True,
    }


DIALECT = Dialect(
    name="xlnet",
    architecture=always("xlnet"),
    architectures=("xlnet",),
    keys=always(KEYS),
    config=CONFIG,
    tasks={
        "XLNetLMHeadModel": "causal-lm",
        "XLNetModel": "base",
        "XLNetForSequenceClassification": "sequence-classification",
        "XLNetForTokenClassification": "token-classification",
        "XLNetForQuestionAnsweringSimple": "question-answering",
    },
    derived=(
        Derive(("d_head",), _read_head_width, lambda arguments: {"d_head": arguments["dim"] // arguments["heads"]}),
        Derive(
            ("mem_len", "reuse_len"),
            _read_memory,
            lambda arguments: {"mem_len": arguments["memory"], "reuse_len": arguments["reuse"]},
        ),
        Derive(("attn_type", "same_length", "bi_data", "clamp_len"), _read_scores, _write_scores),
    ),
    repeated={"lm_loss.weight": "embed.tokens.weight"},
    arguments=_arguments,
)
