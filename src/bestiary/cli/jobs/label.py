"""The names of a classifier's labels."""

from __future__ import annotations

from typing import Any


def label(model: Any, index: int) -> str:
    """Return the name that a checkpoint gives a label, or its number."""
    carried = model.checkpoint.meaning.carried if model.checkpoint else {}
    names: Any = carried.get("id2label") or carried.get("label_names") or {}  # the second as timm has it: a list, too
    named: Any = {str(number): name for number, name in enumerate(names)} if isinstance(names, list) else names
    name = named.get(str(index), index) if isinstance(named, dict) else index
    told = carried.get("label_descriptions")
    return str(told.get(str(name), name) if isinstance(told, dict) else name)
