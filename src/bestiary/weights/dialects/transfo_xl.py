"""Transformer-XL's checkpoints: tables and projections in bands, queries, keys and values in one matrix."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bestiary.errors import BestiaryError
from bestiary.spec import AdaptiveTokens, RelativeAttention, Tokens, Transformer, Window, band_widths, own_layers
from bestiary.weights.config import WAIVE, Arguments, Derive, Flag, Number, Pin, Size, shown
from bestiary.weights.dialects.dialect import COMMON, Dialect, always
from bestiary.weights.dialects.xlnet import length_or_none

KEYS = """
embed.tokens.weight                      = [transformer.]word_emb.emb_layers.0.weight
embed.tables.{i}.weight                  = [transformer.]word_emb.emb_layers.{i}.weight
embed.projections.{i}.weight             = [transformer.]word_emb.emb_projs.{i}
stack.layers.{i}.attn.{q,k,v}.weight     = [transformer.]layers.{i}.dec_attn.qkv_net.weight | split
stack.layers.{i}.attn.{o,r}.weight       = [transformer.]layers.{i}.dec_attn.{o_net,r_net}.weight
stack.layers.{i}.attn.content_bias       = [transformer.]layers.{i}.dec_attn.r_w_bias
stack.layers.{i}.attn.distance_bias      = [transformer.]layers.{i}.dec_attn.r_r_bias
stack.position.{content,distance}_bias   = [transformer.]{r_w,r_r}_bias
stack.layers.{i}.attn_norm.{weight,bias} = [transformer.]layers.{i}.dec_attn.layer_norm.{weight,bias}
stack.layers.{i}.mlp.up.{weight,bias}    = [transformer.]layers.{i}.pos_ff.CoreNet.0.{weight,bias}
stack.layers.{i}.mlp.down.{weight,bias}  = [transformer.]layers.{i}.pos_ff.CoreNet.3.{weight,bias}
stack.layers.{i}.mlp_norm.{weight,bias}  = [transformer.]layers.{i}.pos_ff.layer_norm.{weight,bias}
heads.lm.tables.{i}                      = crit.out_layers.{i}.weight
heads.lm.biases.{i}                      = crit.out_layers.{i}.bias
heads.lm.clusters.{weight,bias}          = crit.{cluster_weight,cluster_bias}
heads.lm.projections.{i}.weight          = crit.out_projs.{i} | T
heads.classifier.output.weight           = score.weight
"""

CONFIG = {
    **COMMON,
    "d_model": Size("dim"),
    "n_layer": Size("depth"),
    "n_head": Size("heads"),
    "d_head": Size("head_dim", 64),
    "d_inner": Size("hidden"),
    "vocab_size": Size("vocab"),
    "div_val": Size("divisor", 4),
    "layer_norm_epsilon": Number("eps", 1e-5),
    "dropout": Number("dropout", 0.1),
    "dropatt": Number("attention_dropout", 0.0),
    "tie_word_embeddings": Flag("tied", True),
    "tie_weight": Pin((True,), "the older spelling of tie_word_embeddings was only ever true"),
    "attn_type": Pin((0,), "other attentions of this family were never published"),
    "untie_r": Flag("own_biases", True),
    "adaptive": Pin((True,), "a plain softmax was never published in this family"),
    "ext_len": Pin((0,), "a context between memory and segment was never published"),
    "sample_softmax": WAIVE,  # how training samples, which the reference refuses
    "proj_share_all_but_first": WAIVE,  # said again by tie_projs, which is what the reference reads
    "trainer_compatible": WAIVE,  # the order of outputs
    "tgt_len": WAIVE,  # the length of training's segments
    "init": WAIVE,
    "init_range": WAIVE,
    "proj_init_std": WAIVE,
}


def _read_bands(config: Mapping[str, Any]) -> Arguments:
    """Cutoffs, the first band's width, and the bands whose output projection is not the embedding's."""
    dim, vocab, divisor = config["d_model"], config["vocab_size"], config.get("div_val", 4)
    cutoffs, width = config.get("cutoffs", [20000, 40000, 200000]), config.get("d_embed", dim)
    if not isinstance(cutoffs, list) or not all(type(edge) is int and 0 < edge < vocab for edge in cutoffs):
        raise BestiaryError(f"'cutoffs' is {shown(cutoffs)}; give a list of whole numbers below the vocabulary")
    if type(width) is not int or width < 1 or width // divisor ** len(cutoffs) < 1:
        raise BestiaryError(f"'d_embed' is {shown(width)}, which leaves the last band no width")
    if divisor == 1 and width != dim:
        raise BestiaryError(f"'d_embed' is {shown(width)}, but one table as wide as the model was published only")
    tied = config.get("tie_projs", [False] + [True] * len(cutoffs))
    if not isinstance(tied, list) or any(type(word) is not bool for word in tied) or len(tied) <= len(cutoffs):
        raise BestiaryError(f"'tie_projs' is {shown(tied)}; give true or false for each of {len(cutoffs) + 1} bands")
    own = tuple(band for band, word in enumerate(tied[: len(cutoffs) + 1]) if not word)
    return {"cutoffs": tuple(cutoffs), "width": width, "own": () if divisor == 1 else own}


def _write_bands(arguments: Arguments) -> dict[str, Any]:
    cutoffs = list(arguments["cutoffs"])
    own = arguments["own"] if arguments["divisor"] != 1 else (0,)
    return {
        "cutoffs": cutoffs,
        "d_embed": arguments["width"] or arguments["dim"],
        "tie_projs": [band not in own for band in range(len(cutoffs) + 1)],
    }


def _read_memory(config: Mapping[str, Any]) -> Arguments:
    memory, same, first = config.get("mem_len", 1600), config.get("same_length", True), config.get("pre_lnorm", False)
    if type(memory) is not int or memory < 0:
        raise BestiaryError(f"'mem_len' is {shown(memory)}; give a whole number")
    if not isinstance(same, bool) or (same and not memory):
        raise BestiaryError(f"'same_length' is {shown(same)}; give true or false, and false where 'mem_len' is 0")
    if not isinstance(first, bool):
        raise BestiaryError(f"'pre_lnorm' is {shown(first)}; give true or false")
    return {
        "memory": memory or None,
        "same_length": same,
        "placement": "pre" if first else "post",
        "clamp": length_or_none({"clamp_len": 1000, **config}, "clamp_len"),
    }


def _write_memory(arguments: Arguments) -> dict[str, Any]:
    return {
        "mem_len": arguments["memory"] or 0,
        "same_length": arguments["same_length"],
        "pre_lnorm": arguments["placement"] == "pre",
        "clamp_len": arguments["clamp"] or -1,
    }


def _arguments(spec: Transformer) -> Arguments:
    attention, mlp = own_layers(spec.stack)[0]
    embed, head = spec.embed, spec.heads.get("lm")
    one_table = isinstance(embed, Tokens)
    if not isinstance(embed, Tokens | AdaptiveTokens):
        raise ValueError("this family reads tokens")
    widths = [spec.dim] if isinstance(embed, Tokens) else band_widths(embed, spec.dim)
    memory: Any = attention.at("memory")
    cutoffs: tuple[int, ...] = head.at("cutoffs") if head else () if isinstance(embed, Tokens) else embed.cutoffs
    return {
        "dim": spec.dim,
        "depth": len(own_layers(spec.stack)),
        "heads": attention.at("heads"),
        "head_dim": attention.at("head_dim") or spec.dim // attention.at("heads"),
        "hidden": mlp.at("hidden"),
        "vocab": embed.vocab,
        "width": widths[0],
        "cutoffs": cutoffs,
        "divisor": 1 if one_table else _divisor(widths),
        "own": head.at("own") if head else (0,),
        "own_biases": type(attention.op) is RelativeAttention,
        "memory": None if memory is None else memory.length,
        "same_length": any(isinstance(mask, Window) for mask in attention.at("mask")),
        "clamp": attention.at("distances.clamp"),
        "placement": attention.placement,
        "tied": head.at("tied") if head else True,
        "eps": mlp.at("norm.eps"),
        "dropout": mlp.dropout,
        "attention_dropout": attention.op.at("dropout"),
    }


def _divisor(widths: list[int]) -> int:
    """Return the number by which each band is narrower than the one before; any will do where there is one band."""
    fitting = (n for n in range(2, widths[0] + 1) if all(widths[0] // n**i == w for i, w in enumerate(widths)))
    return next(fitting, 2)


DIALECT = Dialect(
    name="transfo-xl",
    architecture=always("transfo_xl"),
    architectures=("transfo_xl",),
    keys=always(KEYS),
    config=CONFIG,
    tasks={
        "TransfoXLLMHeadModel": "causal-lm",
        "TransfoXLModel": "base",
        "TransfoXLForSequenceClassification": "sequence-classification",
    },
    derived=(
        Derive(("cutoffs", "d_embed", "tie_projs"), _read_bands, _write_bands),
        Derive(("mem_len", "same_length", "pre_lnorm", "clamp_len"), _read_memory, _write_memory),
    ),
    repeated={
        "[transformer.]pos_emb.inv_freq": "",
        **{f"crit.out_layers.{band}.weight": f"embed.tables.{band}.weight" for band in range(16)},
        **{f"crit.out_projs.{band}": f"embed.projections.{band}.weight" for band in range(16)},
        "[crit.]out_layers.0.weight": "embed.tokens.weight",  # where there is one table
    },
    arguments=_arguments,
)
