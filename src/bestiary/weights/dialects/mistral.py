"""Mistral's checkpoints: LLaMA's shape, and a window on the past where the config gives one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bestiary.weights.config import Derive, optional_size
from bestiary.weights.dialects.dialect import Dialect, always
from bestiary.weights.dialects.llama import BOTH, KEYS, REPEATED, SHAPE, decoder_arguments, grouped, tasks
from bestiary.weights.dialects.rope import rope


def window(default: int | None) -> Derive:
    """Return the row of a window that all layers share; absence means the family's default, null means none."""

    def read(config: Mapping[str, Any]) -> dict[str, Any]:
        return {"window": optional_size({"sliding_window": default, **config}, "sliding_window")}

    return Derive(("sliding_window",), read, lambda arguments: {"sliding_window": arguments["window"]})


DIALECT = Dialect(
    name="mistral",
    architecture=always("mistral"),
    architectures=("mistral",),
    keys=always(KEYS),
    config=SHAPE,
    tasks=tasks("Mistral", *BOTH),
    derived=(grouped(kv_heads=8), rope(length=131072), window(4096)),
    repeated=REPEATED,
    arguments=lambda spec: decoder_arguments(spec, "window"),
)
