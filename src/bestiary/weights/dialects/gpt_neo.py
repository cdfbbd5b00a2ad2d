"""GPT-Neo's checkpoints: GPT-2's names, matrices the usual way round, and a list of what each layer sees."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bestiary.errors import BestiaryError
from bestiary.spec import Causal, Transformer, Window
from bestiary.spec.limits import MAX_DEPTH
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
from bestiary.weights.dialects import gpt2
from bestiary.weights.dialects.dialect import COMMON, Dialect, always

KEYS = """
embed.tokens.weight                       = [transformer.]wte.weight
embed.position.weight                     = [transformer.]wpe.weight
stack.layers.{i}.attn.{q,k,v}.weight      = [transformer.]h.{i}.attn.attention.{q_proj,k_proj,v_proj}.weight
stack.layers.{i}.attn.o.{weight,bias}     = [transformer.]h.{i}.attn.attention.out_proj.{weight,bias}
stack.layers.{i}.attn_norm.{weight,bias}  = [transformer.]h.{i}.ln_1.{weight,bias}
stack.layers.{i}.mlp.{up,down}.{weight,bias} = [transformer.]h.{i}.mlp.{c_fc,c_proj}.{weight,bias}
stack.layers.{i}.mlp_norm.{weight,bias}   = [transformer.]h.{i}.ln_2.{weight,bias}
stack.norm.{weight,bias}                  = [transformer.]ln_f.{weight,bias}
heads.lm.output.weight                    = lm_head.weight
heads.classifier.output.weight            = score.weight
heads.tags.output.{weight,bias}           = classifier.{weight,bias}
heads.spans.output.{weight,bias}          = qa_outputs.{weight,bias}
"""

CONFIG = {
    **COMMON,
    **gpt2.SUMMARY,
    "hidden_size": Size("dim"),
    "num_layers": Size("depth"),
    "num_heads": Size("heads"),
    "vocab_size": Size("vocab"),
    "max_position_embeddings": Size("length", 2048),
    "window_size": Size("window", 256),
    "activation_function": Word("activation", ACTIVATIONS, "gelu_new"),
    "layer_norm_epsilon": Number("eps", 1e-5),
    "resid_dropout": Number("dropout", 0.0),
    "attention_dropout": Number("attention_dropout", 0.0),
    "embed_dropout": Number("embedding_dropout", 0.0),
    "tie_word_embeddings": Flag("tied", True),
    "classifier_dropout": WAIVE,
}

_LOCAL = {"global": False, "local": True}


def _expanded(given: Any) -> list[str]:
    """Write out ``[[["global", "local"], 12]]``, which is twelve times two layers."""
    layers: list[str] = []
    for item in given if isinstance(given, list) and given else [None]:
        words, times = item if isinstance(item, list) and len(item) == 2 else (None, None)
        if not isinstance(words, list) or type(times) is not int or not 0 < times <= MAX_DEPTH:
            raise BestiaryError(f"'attention_types' is {shown(given)}; give pairs like [['global', 'local'], 12]")
        layers += words * times
        if len(layers) > MAX_DEPTH or not all(isinstance(word, str) and word in _LOCAL for word in words):
            raise BestiaryError(f"'attention_types' is {shown(given)}; its layers are global or local")
    return layers


def _read(config: Mapping[str, Any]) -> Arguments:
    given = config.get("attention_types")
    layers = _expanded([[["global", "local"], 12]] if given is None else given)
    listed = config.get("attention_layers")
    if listed is not None and listed != layers:
        raise BestiaryError("'attention_layers' is not what 'attention_types' writes out; remove it")
    if len(layers) != config["num_layers"]:
        raise BestiaryError(
            f"'attention_types' is for {len(layers)} layers, but 'num_layers' is {config['num_layers']}"
        )
    return {"local": tuple(_LOCAL[word] for word in layers)}


def _write(arguments: Arguments) -> dict[str, Any]:
    layers = ["local" if near else "global" for near in arguments["local"]]
    count = len(layers)
    period = next(p for p in range(1, count + 1) if count % p == 0 and layers == layers[:p] * (count // p))
    return {"attention_types": [[layers[:period], count // period]], "attention_layers": layers}


def _read_inner(config: Mapping[str, Any]) -> Arguments:
    return {"hidden": optional_size(config, "intermediate_size") or 4 * config["hidden_size"]}


def _write_inner(arguments: Arguments) -> dict[str, Any]:
    return {"intermediate_size": arguments["hidden"]}


def _arguments(spec: Transformer) -> Arguments:
    masks = spec.at("stack.layers[*].attn.mask")
    windows = [part.size for mask in masks for part in mask if isinstance(part, Window)]
    head: Any = spec.heads.get("lm")
    return gpt2.decoder_arguments(spec) | {
        "local": tuple(mask != (Causal(),) for mask in masks),
        "window": windows[0] if windows else 256,
        "tied": head.tied if head else True,
    }


DIALECT = Dialect(
    name="gpt_neo",
    architecture=always("gpt_neo"),
    architectures=("gpt_neo",),
    keys=always(KEYS),
    config=CONFIG,
    tasks={
        "GPTNeoForCausalLM": "causal-lm",
        "GPTNeoModel": "base",
        "GPTNeoForSequenceClassification": "sequence-classification",
        "GPTNeoForTokenClassification": "token-classification",
        "GPTNeoForQuestionAnswering": "question-answering",
    },
    derived=(
        Derive(("attention_types", "attention_layers"), _read, _write),
        Derive(("intermediate_size",), _read_inner, _write_inner),
    ),
    repeated={
        "[transformer.]h.{i}.attn.attention.bias": "",  # the causal mask, as a buffer
        "[transformer.]h.{i}.attn.attention.masked_bias": "",
        "lm_head.weight": "embed.tokens.weight",
    },
    arguments=_arguments,
)
