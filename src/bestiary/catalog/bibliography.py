"""A small strict reader of ``sources.bib``: records of balanced fields, each with its line and its own text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bestiary.errors import BestiaryError

PAPERS = frozenset({"article", "inproceedings", "techreport", "phdthesis", "book"})

_HEAD = re.compile(r"@(\w+)\{([^\s,{}]+),")
_FIELD = re.compile(r"\s*(\w+)\s*=\s*")
_NUMBER = re.compile(r"\d+")
_BETWEEN = re.compile(r"(?:\s|%[^\n]*\n)*")
_AFTER_FIELD = re.compile(r"\s*(?:,\s*)?")


class Source(NamedTuple):
    """One record of the bibliography; ``text`` is the record as it is written."""

    key: str
    kind: str
    fields: dict[str, str]
    line: int
    text: str

    @property
    def is_paper(self) -> bool:
        """Whether this is a scientific text, not a repository, a file or a page."""
        return self.kind in PAPERS or "eprint" in self.fields


def read_bibliography(path: Path) -> dict[str, Source]:
    """Return the records of a BibTeX file by key, in its order.

    Raises ``BestiaryError`` naming file and line for a record that does not parse, lacks a title or has a taken key.
    """
    sources: dict[str, Source] = {}
    for source in _records(path.read_text(encoding="utf-8"), path.name):
        if source.key in sources:
            raise BestiaryError(
                f"{path.name}:{source.line}: '{source.key}' is already on line {sources[source.key].line}; delete one"
            )
        if not source.fields.get("title"):
            raise BestiaryError(f"{path.name}:{source.line}: '{source.key}' has no title; add it")
        sources[source.key] = source
    return sources


def _records(text: str, file: str) -> Iterator[Source]:
    at = _skip(_BETWEEN, text, 0)
    while at < len(text):
        line = text.count("\n", 0, at) + 1
        head = _HEAD.match(text, at)
        if not head:
            raise BestiaryError(f"{file}:{line}: no record starts here; write @misc{{key, ...}}")
        fields, end = _fields(text, head.end(), file, head[2])
        yield Source(head[2], head[1].lower(), fields, line, text[at:end])
        at = _skip(_BETWEEN, text, end)


def _fields(text: str, at: int, file: str, key: str) -> tuple[dict[str, str], int]:
    """Return the fields that start at a place, and the place after the brace that ends their record."""
    fields: dict[str, str] = {}
    at = _skip(_AFTER_FIELD, text, at)
    while not text.startswith("}", at):
        name = _FIELD.match(text, at)
        end = _value_end(text, name.end()) if name else None
        if not name or end is None:
            line = text.count("\n", 0, at) + 1
            raise BestiaryError(
                f"{file}:{line}: '{key}' has no field here; write name = {{value}}, with balanced braces"
            )
        value = text[name.end() : end]
        fields[name[1].lower()] = value if value.isdigit() else value[1:-1]
        at = _skip(_AFTER_FIELD, text, end)
    return fields, at + 1


def _value_end(text: str, at: int) -> int | None:
    """Return the place after a value in braces or quotes or a number, or ``None`` where there is none."""
    if number := _NUMBER.match(text, at):
        return number.end()
    if text.startswith('"', at):
        return text.find('"', at + 1) + 1 or None
    depth = 0
    for place in range(at, len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if depth <= 0:
            return place + 1 if place > at else None
    return None


def _skip(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at
