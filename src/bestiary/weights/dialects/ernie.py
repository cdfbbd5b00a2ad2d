"""ERNIE's checkpoints (Baidu's): BERT's under another prefix, with a table of tasks where the config says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bestiary.errors import BestiaryError
from bestiary.spec import Transformer
from bestiary.weights.config import Arguments, Derive, optional_size, shown
from bestiary.weights.dialects import bert
from bestiary.weights.dialects.dialect import always

KEYS = bert.KEYS.replace("[bert.]", "[ernie.]") + "embed.tasks.weight = [ernie.]embeddings.task_type_embeddings.weight"


def _read(config: Mapping[str, Any]) -> Arguments:
    used, tasks = config.get("use_task_id", False), optional_size(config, "task_type_vocab_size") or 3
    if not isinstance(used, bool):
        raise BestiaryError(f"'use_task_id' is {shown(used)}; give true or false")
    return {"tasks": tasks if used else None}


def _write(arguments: Arguments) -> dict[str, Any]:
    tasks = arguments["tasks"]
    return {"use_task_id": tasks is not None, "task_type_vocab_size": tasks or 3}


def _arguments(spec: Transformer) -> Arguments:
    return bert.arguments(spec) | {"tasks": getattr(spec.embed, "tasks", None)}


DIALECT = replace(
    bert.DIALECT,
    name="ernie",
    architecture=always("ernie"),
    architectures=("ernie",),
    keys=always(KEYS),
    tasks=bert.renamed_classes(bert.DIALECT.tasks, "Bert", "Ernie"),
    derived=(Derive(("use_task_id", "task_type_vocab_size"), _read, _write),),
    repeated={name.replace("[bert.]", "[ernie.]"): ours for name, ours in bert.DIALECT.repeated.items()},
    arguments=_arguments,
)
