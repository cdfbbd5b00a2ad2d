"""ModernBERT's checkpoints: queries, keys and values in one matrix, and both sides of the gate in another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from bestiary.errors import BestiaryError
from bestiary.spec import Transform, Transformer, own_layers
from bestiary.weights.config import ACTIVATIONS, WAIVE, Arguments, Derive, Flag, Number, Size, Word, is_number, shown
from bestiary.weights.dialects.dialect import COMMON, Dialect, always

_BODY = """
embed.tokens.weight                       = [model.]embeddings.tok_embeddings.weight
embed.norm.weight                         = [model.]embeddings.norm.weight
embed.norm.bias                           = [model.]embeddings.norm.bias
stack.layers.{i}.attn.{q,k,v}.weight      = [model.]layers.{i}.attn.Wqkv.weight | split
stack.layers.{i}.attn.{q,k,v}.bias        = [model.]layers.{i}.attn.Wqkv.bias | split
stack.layers.{i}.attn.o.weight            = [model.]layers.{i}.attn.Wo.weight
stack.layers.{i}.attn.o.bias              = [model.]layers.{i}.attn.Wo.bias
stack.layers.{i}.attn_norm.weight         = [model.]layers.{i}.attn_norm.weight
stack.layers.{i}.attn_norm.bias           = [model.]layers.{i}.attn_norm.bias
stack.layers.{i}.mlp.{gate,up}.weight     = [model.]layers.{i}.mlp.Wi.weight | split
stack.layers.{i}.mlp.{gate,up}.bias       = [model.]layers.{i}.mlp.Wi.bias | split
stack.layers.{i}.mlp.down.weight          = [model.]layers.{i}.mlp.Wo.weight
stack.layers.{i}.mlp.down.bias            = [model.]layers.{i}.mlp.Wo.bias
stack.layers.{i}.mlp_norm.weight          = [model.]layers.{i}.mlp_norm.weight
stack.layers.{i}.mlp_norm.bias            = [model.]layers.{i}.mlp_norm.bias
stack.norm.weight                         = [model.]final_norm.weight
stack.norm.bias                           = [model.]final_norm.bias
heads.lm.bias                             = decoder.bias
"""


def _head(name: str, output: str) -> list[str]:
    parts = (("transform.dense", "head.dense"), ("transform.norm", "head.norm"), ("output", output))
    return [f"heads.{name}.{ours}.{kind} = {theirs}.{kind}" for ours, theirs in parts for kind in ("weight", "bias")]


_HEADS = (("lm", "decoder"), ("classifier", "classifier"), ("tags", "classifier"), ("spans", "classifier"))
KEYS = _BODY + "\n".join(line for name, output in _HEADS for line in _head(name, output))

_KINDS = {"sliding_attention": True, "full_attention": False}


def _read_layers(config: Mapping[str, Any]) -> Arguments:
    kinds, depth = config.get("layer_types"), config["num_hidden_layers"]
    if kinds is None:
        every = config.get("global_attn_every_n_layers", 3)
        if type(every) is not int or every < 1:
            raise BestiaryError(f"'global_attn_every_n_layers' is {shown(every)}; give a positive whole number")
        return {"local": tuple(bool(index % every) for index in range(depth))}
    given = cast("list[Any]", kinds if isinstance(kinds, list) else [])
    if len(given) != depth or not all(isinstance(kind, str) and kind in _KINDS for kind in given):
        raise BestiaryError(f"'layer_types' is {shown(kinds)}; give {' or '.join(_KINDS)} for each of {depth} layers")
    return {"local": tuple(_KINDS[kind] for kind in given)}


def _write_layers(arguments: Arguments) -> dict[str, Any]:
    local: tuple[bool, ...] = arguments["local"]
    words = {is_local: word for word, is_local in _KINDS.items()}
    said: dict[str, Any] = {"layer_types": [words[is_local] for is_local in local]}
    depth = len(local)
    regular = (n for n in range(1, depth + 1) if local == tuple(bool(index % n) for index in range(depth)))
    every = next(regular, None)  # what readers older than layer_types look for
    return said if every is None else said | {"global_attn_every_n_layers": every}


def _read_window(config: Mapping[str, Any]) -> Arguments:
    window = config.get("local_attention", 128)
    if type(window) is not int or window < 2:
        raise BestiaryError(f"'local_attention' is {shown(window)}; give a whole number from 2, half for either side")
    return {"window": window // 2}


def _write_window(arguments: Arguments) -> dict[str, Any]:
    return {"local_attention": 2 * arguments["window"]}


_BASES = {
    "base": ("full_attention", "global_rope_theta", 160_000.0),
    "local_base": ("sliding_attention", "local_rope_theta", 10_000.0),
}


def _read_bases(config: Mapping[str, Any]) -> Arguments:
    scaling, given = config.get("rope_scaling"), config.get("rope_parameters")
    if scaling is not None or not isinstance(given, dict | None):
        raise BestiaryError(f"the rotary positions are {shown(scaling or given)}; only plain ones can be read")
    kinds = cast("dict[str, Any]", given or {})
    found: Arguments = {}
    for argument, (kind, older, default) in _BASES.items():
        fields = kinds.get(kind) or {}
        base = fields.get("rope_theta", config.get(older, default)) if isinstance(fields, dict) else None
        plain = isinstance(fields, dict) and fields.get("rope_type", "default") == "default"
        if not plain or set(fields) - {"rope_type", "rope_theta"} or not is_number(base) or base <= 0:
            raise BestiaryError(f"the rotary positions of {kind} are {shown(fields)}; give a positive rope_theta alone")
        found[argument] = float(base)
    return found


def _write_bases(arguments: Arguments) -> dict[str, Any]:
    fields = {kind: {"rope_theta": arguments[name], "rope_type": "default"} for name, (kind, _, _) in _BASES.items()}
    return {"rope_parameters": fields} | {older: arguments[name] for name, (_, older, _) in _BASES.items()}


_POOLING = {"mean": "modernbert", "cls": "modernbert_first"}


def _architecture(config: Mapping[str, Any]) -> str:
    pooling = config.get("classifier_pooling", "cls")
    if not isinstance(pooling, str) or pooling not in _POOLING:
        raise BestiaryError(f"'classifier_pooling' is {shown(pooling)}; give one of {', '.join(_POOLING)}")
    return _POOLING[pooling]


def _write_pooling(arguments: Arguments) -> dict[str, Any]:
    return {"classifier_pooling": next(word for word, name in _POOLING.items() if name == arguments["architecture"])}


CONFIG = {
    **COMMON,
    "hidden_size": Size("dim"),
    "num_hidden_layers": Size("depth"),
    "num_attention_heads": Size("heads"),
    "intermediate_size": Size("hidden"),
    "vocab_size": Size("vocab"),
    "max_position_embeddings": Size("length", 8192),
    "hidden_activation": Word("activation", ACTIVATIONS, "gelu"),
    "classifier_activation": Word("head_activation", ACTIVATIONS, "gelu"),
    "norm_eps": Number("eps", 1e-5),
    "norm_bias": Flag("norm_bias", False),
    "attention_bias": Flag("attention_bias", False),
    "mlp_bias": Flag("mlp_bias", False),
    "classifier_bias": Flag("head_bias", False),
    "decoder_bias": Flag("output_bias", True),
    "tie_word_embeddings": Flag("tied", True),
    "embedding_dropout": Number("dropout", 0.0),
    "attention_dropout": Number("attention_dropout", 0.0),
    "mlp_dropout": Number("mlp_dropout", 0.0),
    "classifier_dropout": WAIVE,
    "initializer_cutoff_factor": WAIVE,
    "cls_token_id": WAIVE,
    "deterministic_flash_attn": WAIVE,
    "reference_compile": WAIVE,
    "repad_logits_with_grad": WAIVE,
    "sparse_prediction": WAIVE,  # which tokens a loss is taken on
    "sparse_pred_ignore_index": WAIVE,
    "position_embedding_type": WAIVE,  # published files say "absolute", and nothing reads it
    "layer_norm_eps": WAIVE,  # nor this, beside norm_eps
}


def _arguments(spec: Transformer) -> Arguments:
    layers = own_layers(spec.stack)
    local = tuple(bool(attention.at("mask")) for attention, _ in layers)
    kinds: dict[bool, Any] = {is_local: layer[0] for is_local, layer in zip(local, layers, strict=True)}
    near, far = (kinds.get(is_local) for is_local in (True, False))
    attention, mlp = layers[0]
    head: Any = spec.heads.get("lm")
    transforms = (getattr(part, "transform", None) for part in spec.heads.values())
    transform = next((part for part in transforms if part is not None), Transform(bias=False))
    return {
        "dim": spec.dim,
        "depth": len(layers),
        "heads": attention.at("heads"),
        "hidden": mlp.at("hidden"),
        "vocab": spec.at("embed.vocab"),
        "length": attention.at("position.length") or 8192,
        "local": local,
        "window": near.at("mask")[0].size - 1 if near else 64,
        "base": far.at("position.base") if far else 160_000.0,
        "local_base": near.at("position.base") if near else 10_000.0,
        "activation": mlp.at("activation"),
        "head_activation": transform.activation,
        "eps": mlp.at("norm.eps"),
        "norm_bias": mlp.at("norm.bias"),
        "attention_bias": "q" in attention.at("bias"),
        "mlp_bias": mlp.at("bias"),
        "head_bias": transform.bias,
        "output_bias": head.bias if head else True,
        "tied": head.tied if head else True,
        "dropout": spec.at("embed.dropout"),
        "attention_dropout": attention.op.at("dropout"),
        "mlp_dropout": mlp.op.at("dropout"),
    }


DIALECT = Dialect(
    name="modernbert",
    architecture=_architecture,
    architectures=tuple(_POOLING.values()),
    keys=always(KEYS),
    config=CONFIG,
    tasks={
        "ModernBertForMaskedLM": "masked-lm",
        "ModernBertModel": "base",
        "ModernBertForSequenceClassification": "sequence-classification",
        "ModernBertForTokenClassification": "token-classification",
        "ModernBertForQuestionAnswering": "question-answering",
    },
    derived=(
        Derive(("layer_types", "global_attn_every_n_layers"), _read_layers, _write_layers),
        Derive(("local_attention",), _read_window, _write_window),
        Derive(("rope_parameters", "rope_scaling", "global_rope_theta", "local_rope_theta"), _read_bases, _write_bases),
        Derive(("classifier_pooling",), lambda config: {}, _write_pooling),
    ),
    repeated={"decoder.weight": "embed.tokens.weight"},
    arguments=_arguments,
)
