"""ESM's checkpoints: ESM-2, whose positions are rotary, and ESM-1b, whose positions are learned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bestiary.errors import BestiaryError
from bestiary.spec import DroppedTokens, HeldRotary, Transformer, own_layers
from bestiary.weights.config import WAIVE, Arguments, Derive, Number, Pin, Size, shown
from bestiary.weights.dialects.dialect import COMMON, Dialect, always

_SELF = "[esm.]encoder.layer.{i}.attention"

KEYS = f"""
embed.tokens.weight                       = [esm.]embeddings.word_embeddings.weight
embed.position.weight                     = [esm.]embeddings.position_embeddings.weight
embed.norm.{{weight,bias}}                = [esm.]embeddings.layer_norm.{{weight,bias}}
stack.frequencies                         = [esm.]rotary_embeddings.inv_freq
stack.layers.{{i}}.attn.{{q,k,v}}.weight  = {_SELF}.self.{{query,key,value}}.weight
stack.layers.{{i}}.attn.{{q,k,v}}.bias    = {_SELF}.self.{{query,key,value}}.bias
stack.layers.{{i}}.attn.o.{{weight,bias}} = {_SELF}.output.dense.{{weight,bias}}
stack.layers.{{i}}.attn_norm.{{weight,bias}} = {_SELF}.LayerNorm.{{weight,bias}}
stack.layers.{{i}}.mlp.up.{{weight,bias}}   = [esm.]encoder.layer.{{i}}.intermediate.dense.{{weight,bias}}
stack.layers.{{i}}.mlp.down.{{weight,bias}} = [esm.]encoder.layer.{{i}}.output.dense.{{weight,bias}}
stack.layers.{{i}}.mlp_norm.{{weight,bias}} = [esm.]encoder.layer.{{i}}.LayerNorm.{{weight,bias}}
stack.norm.{{weight,bias}}                = [esm.]encoder.emb_layer_norm_after.{{weight,bias}}
heads.pool.dense.{{weight,bias}}          = [esm.]pooler.dense.{{weight,bias}}
heads.contacts.output.{{weight,bias}}     = [esm.]contact_head.regression.{{weight,bias}}
heads.lm.transform.dense.{{weight,bias}}  = lm_head.dense.{{weight,bias}}
heads.lm.transform.norm.{{weight,bias}}   = lm_head.layer_norm.{{weight,bias}}
heads.lm.bias                             = lm_head.bias
heads.classifier.transform.dense.{{weight,bias}} = classifier.dense.{{weight,bias}}
heads.classifier.output.{{weight,bias}}   = classifier.out_proj.{{weight,bias}}
heads.tags.output.{{weight,bias}}         = classifier.{{weight,bias}}
"""

_WHERE = "position_embedding_type"


def _learned(config: Mapping[str, Any]) -> bool:
    kind = config.get(_WHERE, "absolute")
    if kind not in ("absolute", "rotary"):
        raise BestiaryError(f"'{_WHERE}' is {shown(kind)}; give absolute or rotary")
    return kind == "absolute"


def _read(config: Mapping[str, Any]) -> Arguments:
    """Read the positions, the tokens that mean something to the model, and what is done to the embedding."""
    found: Arguments = {"end": _token(config, "eos_token_id", 2)}
    length = config.get("max_position_embeddings", 1026)
    if type(length) is not int:
        raise BestiaryError(f"'max_position_embeddings' is {shown(length)}; give a whole number")
    if _learned(config):
        found["pad"] = _token(config, "pad_token_id", 1)
        length -= found["pad"] + 1
    else:
        found["base"] = float(_number(config, "rope_theta", 10_000.0))
        length -= 2  # as the rows of a table would be counted, which files of this family keep writing
    if length < 1:
        raise BestiaryError("'max_position_embeddings' leaves no position; give a larger number")
    for key, argument in (("token_dropout", "drops_masks"), ("emb_layer_norm_before", "norms_embedding")):
        value = config.get(key)
        if not isinstance(value, bool | None):
            raise BestiaryError(f"'{key}' is {shown(value)}; give true or false")
        found[argument] = bool(value)
    if found["drops_masks"]:
        found["mask"] = _token(config, "mask_token_id", None)
    return found | {"length": length}


def _token(config: Mapping[str, Any], key: str, absent: int | None) -> int:
    value = config.get(key)
    value = absent if value is None else value
    if type(value) is not int or value < 0:
        raise BestiaryError(f"'{key}' is {shown(value)}; give the number of a token")
    return value


def _number(config: Mapping[str, Any], key: str, absent: float) -> float:
    value = config.get(key, absent)
    if type(value) not in (int, float) or not 0 < value < 1e30:
        raise BestiaryError(f"'{key}' is {shown(value)}; give a positive number")
    return value


def _write(arguments: Arguments) -> dict[str, Any]:
    learned = arguments["architecture"] == "esm1b"
    rows = arguments["length"] + (arguments["pad"] + 1 if learned else 2)
    found = {"max_position_embeddings": rows, _WHERE: "absolute" if learned else "rotary"}
    found |= {"eos_token_id": arguments["end"], "token_dropout": arguments["drops_masks"]}
    found |= {"emb_layer_norm_before": arguments["norms_embedding"]}
    found |= {"pad_token_id": arguments["pad"]} if learned else {"rope_theta": arguments["base"]}
    return found | ({"mask_token_id": arguments["mask"]} if arguments["drops_masks"] else {})


DERIVED = Derive(
    (_WHERE, "max_position_embeddings", "rope_theta", "token_dropout", "emb_layer_norm_before", "mask_token_id",
     "pad_token_id", "eos_token_id"), _read, _write,
)  # fmt: skip

CONFIG = {
    **{key: row for key, row in COMMON.items() if key not in DERIVED.keys},
    "pad_token_id": WAIVE,
    "vocab_size": Size("vocab"),
    "hidden_size": Size("dim", 768),
    "num_hidden_layers": Size("depth", 12),
    "num_attention_heads": Size("heads", 12),
    "intermediate_size": Size("hidden", 3072),
    "layer_norm_eps": Number("eps", 1e-12),
    "hidden_dropout_prob": Number("dropout", 0.1),
    "attention_probs_dropout_prob": Number("attention_dropout", 0.1),
    "hidden_act": WAIVE,  # what the reference reads nowhere: GELU whatever it says
    "classifier_dropout": WAIVE,
    "is_folding_model": Pin((False,), "ESMFold is another model"),
    "esmfold_config": Pin((None,), "ESMFold is another model"),
    "vocab_list": WAIVE,
}


def _arguments(spec: Transformer) -> Arguments:
    attention, mlp = own_layers(spec.stack)[0]
    embed: Any = spec.embed
    rotary = attention.op.at("position")
    drops = isinstance(embed, DroppedTokens)
    found: Arguments = {
        "dim": spec.dim,
        "depth": len(own_layers(spec.stack)),
        "heads": attention.at("heads"),
        "hidden": mlp.at("hidden"),
        "vocab": embed.vocab,
        "end": spec.at("heads.contacts.end"),
        "eps": mlp.at("norm.eps"),
        "dropout": attention.dropout,
        "attention_dropout": attention.op.at("dropout"),
        "norms_embedding": embed.norm is not None,
        "drops_masks": drops,
    }
    found |= {"mask": embed.mask_token} if drops else {}
    if isinstance(rotary, HeldRotary):
        return found | {"base": rotary.base, "length": rotary.length}
    return found | {"length": embed.position.length, "pad": embed.position.pad}


DIALECT = Dialect(
    name="esm",
    architecture=lambda config: "esm1b" if _learned(config) else "esm2",
    architectures=("esm2", "esm1b"),
    keys=always(KEYS),
    config=CONFIG,
    tasks={
        "EsmModel": "base",
        "EsmForMaskedLM": "masked-lm",
        "EsmForSequenceClassification": "sequence-classification",
        "EsmForTokenClassification": "token-classification",
    },
    derived=(DERIVED,),
    repeated={
        "[esm.]embeddings.position_ids": "",
        "[esm.]embeddings.position_embeddings.weight": "",  # files with rotary positions may hold it unused
        "[esm.]encoder.layer.{i}.attention.self.rotary_embeddings.inv_freq": "stack.frequencies",
        "lm_head.decoder.weight": "embed.tokens.weight",
        "lm_head.decoder.bias": "heads.lm.bias",
    },
    renamed={
        "LayerNorm.gamma": "LayerNorm.weight",  # as transformers 5 writes this family, in its oldest words
        "LayerNorm.beta": "LayerNorm.bias",
        "encoder.layer.*.attention.self.rotary_embeddings.inv_freq": "rotary_embeddings.inv_freq",
        "encoder.layer.0.attention.self.rotary_embeddings.inv_freq": "rotary_embeddings.inv_freq",
    },
    arguments=_arguments,
)
