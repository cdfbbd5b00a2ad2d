"""The catalog: what is published about each model, sourced fact by fact, and what follows from it.

Names are imported when first used, so that a listing pays for nothing but the index.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bestiary.catalog.cite import bibtex
    from bestiary.catalog.errata import errata
    from bestiary.catalog.find import entry, list_models, parse_name
    from bestiary.catalog.index import Catalog, packaged
    from bestiary.catalog.licenses import Answer, may
    from bestiary.catalog.lint import lint
    from bestiary.catalog.schema import Entry

__all__ = [
    "Answer",
    "Catalog",
    "Entry",
    "bibtex",
    "entry",
    "errata",
    "lint",
    "list_models",
    "may",
    "names",
    "packaged",
    "parse_name",
]

_HOMES = {
    "Answer": "licenses",
    "Catalog": "index",
    "Entry": "schema",
    "bibtex": "cite",
    "entry": "find",
    "errata": "errata",
    "lint": "lint",
    "list_models": "find",
    "may": "licenses",
    "packaged": "index",
    "parse_name": "find",
}


def names() -> list[str]:
    """Return the slugs of all entries in alphabetical order; no file is opened."""
    return sorted(path.stem for path in (Path(__file__).parent / "entries").glob("*.toml"))


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
