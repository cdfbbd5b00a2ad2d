"""A small catalog in a folder of its own, for tests: well-formed unless a test spoils it."""

from __future__ import annotations

import shutil
from pathlib import Path

from bestiary.catalog.index import HOME, Catalog, load

SIZE = "dim = 64, depth = 2, heads = 4, hidden = 128, vocab = 100"


def entry_text(
    name: str, published: str = "2020-01-01", parents: dict[str, list[str]] | None = None, more: str = "", **facts: str
) -> str:
    """Return the text of an entry; ``facts`` replace the values of its facts, as TOML."""
    values = {
        "family": '"BERT"',
        "published": published,
        "labs": '["google"]',
        "modality": '["text"]',
        "form": '"encoder"',
        "objectives": '["masked-lm"]',
        "tasks": '["fill-mask"]',
        "application": '"Tests"',
        "corpus": '"undisclosed"',
        "tokens": "1000",
        "access": '"open-weights"',
        "code_license": '"MIT"',
        "weights_license": '"MIT"',
    } | facts
    evidence = 'from = "paper", at = "§1", sure = "stated"'
    lines = [f'name = "{name}"', 'summary = "For tests."', "[facts]"]
    lines += [f"{key} = {{ is = {value}, {evidence} }}" for key, value in values.items()]
    for parent, edges in (parents or {}).items():
        lines += [f"[parents.{parent}]", f"edge = {edges}", *evidence.split(", ")]
    lines += ["[architecture]", 'function = "bert"', *evidence.split(", ")]
    lines += ["[sizes.base]", f"arguments = {{ {SIZE} }}", *evidence.split(", ")]
    return "\n".join(lines) + "\n" + more


def write_catalog(folder: Path, **entries: str) -> Path:
    """Write a catalog with the real vocabularies and one source; ``_`` in an entry's keyword is ``-`` in its slug."""
    shutil.copytree(HOME / "vocabulary", folder / "vocabulary", dirs_exist_ok=True)
    (folder / "entries").mkdir(exist_ok=True)
    (folder / "sources.bib").write_text("@article{paper,\n  title = {A {T}itle},\n  year = 2020,\n}\n")
    for slug, text in entries.items():
        (folder / "entries" / f"{slug.replace('_', '-')}.toml").write_text(text)
    return folder


def catalog_of(folder: Path, **entries: str) -> Catalog:
    """Return a small catalog as a running program sees it."""
    return load(write_catalog(folder, **entries))
