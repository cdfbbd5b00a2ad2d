"""An entry as a small table for a notebook, each fact with its evidence in reach of the pointer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from html import escape
from typing import Any

from bestiary.catalog.schema import Entry, Evidence, Fact

_NAME = "text-align:left;white-space:nowrap"
_CAPTION = "caption-side:top;text-align:left;color:inherit;max-width:44em;padding:0.5em"


def entry_html(entry: Entry) -> str:
    """Return an entry as an HTML table of its facts, parents and sizes."""
    aliases = f" <small>{escape(', '.join(entry.aliases))}</small>" if entry.aliases else ""
    rows = "".join(f"<tr><th style='{_NAME}'>{escape(name)}</th>{cell}</tr>" for name, cell in _rows(entry))
    summary = escape(" ".join(entry.summary.split()))
    caption = f"<b>{escape(entry.name)}</b>{aliases}<br>{summary}"
    return f"<table><caption style='{_CAPTION}'>{caption}</caption>{rows}</table>"


def _rows(entry: Entry) -> Iterator[tuple[str, str]]:
    for name in entry.facts.__struct_fields__:
        fact: Fact[Any] | None = getattr(entry.facts, name)
        if fact is not None:
            yield name.replace("_", " "), _cell(_text(fact.value), fact)
    for slug, parent in entry.parents.items():
        yield "parent", _cell(f"{slug} ({', '.join(parent.edge)})", parent)
    for name, size in entry.sizes.items():
        text = ", ".join(f"{argument} {_number(value)}" for argument, value in size.arguments.items())
        yield f"size {name}", f"<td style='text-align:left'>{escape(text)}</td>"


def _text(value: str | int | date | tuple[str, ...]) -> str:
    if isinstance(value, tuple):
        return ", ".join(value)
    return f"{value:,}" if isinstance(value, int) else str(value)


def _number(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _cell(text: str, evidence: Evidence) -> str:
    source = escape(f"{evidence.sure}: {evidence.source}, {evidence.at}", quote=True)
    return f"<td style='text-align:left' title='{source}'>{escape(text)}</td>"
