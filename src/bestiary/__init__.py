"""Bestiary: every transformer of the catalog as one sourced record and one working architecture.

Importing this loads nothing heavy: each name below is fetched from its room at first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bestiary.api import build, count, diff, entry, list_models, load, save

__version__ = "0.1.0"

# `spec` is a room of its own, found by __getattr__ like the rest.
__all__ = ["__version__", "build", "count", "diff", "entry", "list_models", "load", "save", "spec"]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name == "spec":
        return import_module("bestiary.spec")
    if name in __all__:
        return getattr(import_module("bestiary.api"), name)
    raise AttributeError(f"module 'bestiary' has no attribute '{name}'")


def __dir__() -> list[str]:
    return __all__
