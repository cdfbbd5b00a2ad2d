"""MPT's checkpoints: queries, keys and values in one, no biases, and a config of its own words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bestiary.errors import BestiaryError, nearest
from bestiary.spec import BoundedAttention, Transformer, own_layers
from bestiary.untrusted import quoted
from bestiary.weights.config import WAIVE, Arguments, Derive, Flag, Number, Pin, Size, is_number, shown
from bestiary.weights.dialects.dialect import COMMON, Dialect, always

KEYS = """
embed.tokens.weight                       = [transformer.]wte.weight
stack.layers.{i}.attn.{q,k,v}.weight      = [transformer.]blocks.{i}.attn.Wqkv.weight | split
stack.layers.{i}.attn.o.weight            = [transformer.]blocks.{i}.attn.out_proj.weight
stack.layers.{i}.attn_norm.weight         = [transformer.]blocks.{i}.norm_1.weight
stack.layers.{i}.mlp.{up,down}.weight     = [transformer.]blocks.{i}.ffn.{up_proj,down_proj}.weight
stack.layers.{i}.mlp_norm.weight          = [transformer.]blocks.{i}.norm_2.weight
stack.norm.weight                         = [transformer.]norm_f.weight
heads.lm.output.weight                    = lm_head.weight
heads.classifier.output.weight            = score.weight
heads.tags.output.{weight,bias}           = classifier.{weight,bias}
heads.spans.output.{weight,bias}          = qa_outputs.{weight,bias}
"""

_PLAIN = {"ffn_type": "mptmlp"}

CONFIG = {
    **COMMON,
    "d_model": Size("dim"),
    "n_layers": Size("depth"),
    "n_heads": Size("heads"),
    "vocab_size": Size("vocab"),
    "layer_norm_epsilon": Number("eps", 1e-5),
    "tie_word_embeddings": Flag("tied", True),
    "expansion_ratio": Pin((4,), "the MLPs of this family are four times as wide as the model"),
    "no_bias": Pin((True,), "biases were never published in this family"),
    "logit_scale": Pin((None,), "scaled scores were never published in this family"),
    "norm_type": Pin(("low_precision_layernorm",), "other norms were never published in this family"),
    "emb_pdrop": Pin((0.0, 0), "no reader drops anything of this family's embedding"),
    "resid_pdrop": Pin((0.0, 0), "readers take the attention's dropout for the branches"),
    "fc_type": Pin(("torch",), "another kernel's matrices have other names"),
    "ffn_config": Pin((None, _PLAIN, _PLAIN | {"fc_type": "torch"}), "other MLPs were never published in this family"),
    "max_seq_len": WAIVE,  # the length of training: penalties for distance go on
    "learned_pos_emb": WAIVE,  # beside alibi nobody reads it
    "embedding_fraction": WAIVE,  # of the gradient, while training
    "init_device": WAIVE,
    "init_config": WAIVE,
    "verbose": WAIVE,
    "tokenizer_name": WAIVE,
    "classifier_dropout": WAIVE,
}

_PINNED: dict[str, tuple[Any, ...]] = {
    "attn_type": ("multihead_attention",), "prefix_lm": (False,), "qk_ln": (False,),
    "attn_uses_sequence_id": (False,), "alibi": (True,),
}  # fmt: skip
"""Keys of ``attn_config`` by what we obey."""
_IDLE = {"attn_impl", "model_type", "transformers_version", "architectures", "dtype", "torch_dtype"}


def _read(config: Mapping[str, Any]) -> Arguments:
    given = config.get("attn_config")
    fields = {} if given is None else given
    if not isinstance(fields, dict):
        raise BestiaryError(f"'attn_config' is {shown(given)}; give an object")
    known = {*_PINNED, *_IDLE, "attn_pdrop", "softmax_scale", "clip_qkv", "alibi_bias_max"}
    for key, value in fields.items():
        if key in _PINNED and not any(value == v and type(value) is type(v) for v in _PINNED[key]):
            raise BestiaryError(
                f"'{key}' of 'attn_config' is {shown(value)}; only {shown(_PINNED[key][0])} can be loaded"
            )
        if key not in known and key not in COMMON:
            raise BestiaryError(f"'attn_config' has a key {quoted(key)} that we do not know{nearest(key, known)}")
    dropout, scale = fields.get("attn_pdrop") or 0, fields.get("softmax_scale")
    if not is_number(dropout) or not (scale is None or is_number(scale)):
        raise BestiaryError("'attn_pdrop' and 'softmax_scale' of 'attn_config' must be numbers")
    clip, halvings = fields.get("clip_qkv") or None, fields.get("alibi_bias_max", 8)  # a clip of 0 means none
    for key, value in (("clip_qkv", clip), ("alibi_bias_max", halvings)):
        if value is not None and (not is_number(value) or value <= 0):
            raise BestiaryError(f"'{key}' of 'attn_config' is {shown(value)}; give a positive number")
    if halvings is None:
        raise BestiaryError("'alibi_bias_max' of 'attn_config' is null; give a positive number")
    return {
        "bound": None if clip is None else float(clip),
        "halvings": float(halvings),
        "hidden": 4 * config["d_model"],
        "scale": None if scale is None else float(scale),
        "dropout": float(dropout),
    }


def _write(arguments: Arguments) -> dict[str, Any]:
    # The reference takes whole numbers only for two of them.
    return {
        "attn_config": {
            "attn_pdrop": _whole(arguments["dropout"]),
            "softmax_scale": arguments["scale"],
            "clip_qkv": arguments["bound"],
            "alibi_bias_max": _whole(arguments["halvings"]),
        }
    }


def _whole(number: float) -> float:
    return int(number) if number == int(number) else number


def _arguments(spec: Transformer) -> Arguments:
    attention, mlp = own_layers(spec.stack)[0]
    head: Any = spec.heads.get("lm")
    return {
        "dim": spec.dim,
        "depth": len(own_layers(spec.stack)),
        "heads": attention.at("heads"),
        "hidden": 4 * spec.dim,  # no key says another width
        "vocab": spec.at("embed.vocab"),
        "scale": attention.op.at("scale"),
        "bound": attention.op.bound if isinstance(attention.op, BoundedAttention) else None,
        "halvings": spec.at("stack.position.halvings"),
        "eps": mlp.at("norm.eps"),
        "dropout": mlp.dropout,
        "tied": head.tied if head else True,
    }


DIALECT = Dialect(
    name="mpt",
    architecture=always("mpt"),
    architectures=("mpt",),
    keys=always(KEYS),
    config=CONFIG,
    tasks={
        "MptForCausalLM": "causal-lm",
        "MPTForCausalLM": "causal-lm",
        "MptModel": "base",
        "MptForSequenceClassification": "sequence-classification",
        "MptForTokenClassification": "token-classification",
        "MptForQuestionAnswering": "question-answering",
    },
    derived=(Derive(("attn_config",), _read, _write),),
    repeated={"lm_head.weight": "embed.tokens.weight"},
    arguments=_arguments,
)
