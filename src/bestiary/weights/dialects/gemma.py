"""Gemma's checkpoints: LLaMA's shape with scaled token vectors, gains around one and wide heads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bestiary.errors import BestiaryError
from bestiary.weights.config import ACTIVATIONS, Arguments, Derive, Flag, Pin, Row, shown
from bestiary.weights.dialects.dialect import Dialect, always
from bestiary.weights.dialects.llama import KEYS, REPEATED, SHAPE, decoder_arguments, grouped, tasks
from bestiary.weights.dialects.rope import rope

WORDS = {"gelu_pytorch_tanh": "gelu_tanh", **ACTIVATIONS, "gelu": "gelu_tanh"}
"""The first configs say gelu and mean its tanh approximation; every reader obeys, so the exact one cannot be said."""

CONFIG: dict[str, Row] = {
    **{key: row for key, row in SHAPE.items() if key != "hidden_act"},
    "tie_word_embeddings": Flag("tied", True),
    "attention_bias": Flag("attention_bias", False),
    "use_bidirectional_attention": Pin((None, False), "attention to the future is another architecture"),
}


def _read(config: Mapping[str, Any]) -> Arguments:
    """A later key repeats the nonlinearity; where the two differ, readers of different age obey different ones."""
    word, later = config.get("hidden_act", "gelu_pytorch_tanh"), config.get("hidden_activation")
    for name, value in (("hidden_act", word), ("hidden_activation", later or word)):
        if not isinstance(value, str) or value not in WORDS:
            raise BestiaryError(f"'{name}' is {shown(value)}; give one of {', '.join(WORDS)}")
    if later and WORDS[later] != WORDS[word]:
        raise BestiaryError(f"'hidden_act' is {shown(word)} and 'hidden_activation' {shown(later)}; drop one of them")
    return {"activation": WORDS[word]}


def _write(arguments: Arguments) -> dict[str, Any]:
    return {"hidden_act": next(word for word, meaning in WORDS.items() if meaning == arguments["activation"])}


def _arguments(spec: Any) -> Arguments:
    arguments = decoder_arguments(spec, "attention_bias", tied=True)
    if arguments["activation"] not in WORDS.values():
        raise ValueError("no config of this family means the exact GELU")
    return arguments


DIALECT = Dialect(
    name="gemma",
    architecture=always("gemma"),
    architectures=("gemma",),
    keys=always(KEYS.replace("norm.weight ", "norm.gain ", 3)),
    config=CONFIG,
    tasks=tasks("Gemma", "token-classification"),
    derived=(
        grouped(kv_heads=16, head_dim=256),
        rope(length=8192),
        Derive(("hidden_act", "hidden_activation"), _read, _write),
    ),
    repeated=REPEATED,
    arguments=_arguments,
)
