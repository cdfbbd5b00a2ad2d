"""The names of a classifier's labels."""

from __future__ import annotations

from typing import Any


def label(model: Any, index: int) -> str:
    """Return the name that a checkpoint gives a label, or its number."""
    names = model.checkpoint.meaning.carried.get("id2label") if model.checkpoint else None
    return str((names or {}).get(str(index), index))
