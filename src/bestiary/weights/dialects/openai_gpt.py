"""GPT's checkpoints: GPT-2's spelling before its final norm."""

from __future__ import annotations

from typing import Any

from bestiary.spec import Transformer
from bestiary.weights.config import Arguments, Derive, Size, Word
from bestiary.weights.dialects import gpt2
from bestiary.weights.dialects.dialect import Dialect, always

KEYS = (
    gpt2.KEYS.replace("wte.weight", "tokens_embed.weight")
    .replace("wpe.weight", "positions_embed.weight")
    .replace("stack.norm.{weight,bias}                  = [transformer.]ln_f.{weight,bias}\n", "")
)

# This family calls the tanh approximation plain "gelu".
_WORDS = {"gelu": "gelu_tanh", "gelu_new": "gelu_tanh", "relu": "relu", "silu": "silu", "swish": "silu"}
_GPT2_ONLY = ("activation_function", "reorder_and_upcast_attn", "classifier_dropout")

CONFIG = {
    **{key: row for key, row in gpt2.CONFIG.items() if key not in _GPT2_ONLY},
    "n_positions": Size("length", 512),
    "afn": Word("activation", _WORDS, "gelu"),
}


def _nothing(arguments: Arguments) -> Arguments:
    return {}


def _arguments(spec: Transformer) -> Arguments:
    head: Any = spec.heads.get("lm")
    return {**gpt2.decoder_arguments(spec), "tied": head.tied if head else True}


DIALECT = Dialect(
    name="openai-gpt",
    architecture=always("gpt"),
    architectures=("gpt",),
    keys=always(KEYS),
    config=CONFIG,
    tasks={
        "OpenAIGPTLMHeadModel": "causal-lm",
        "OpenAIGPTModel": "base",
        "OpenAIGPTForSequenceClassification": "sequence-classification",
    },
    derived=(Derive((), lambda config: {"hidden": 4 * config["n_embd"]}, _nothing),),
    repeated={**gpt2.DIALECT.repeated, "[transformer.]position_ids": ""},
    arguments=_arguments,
)
