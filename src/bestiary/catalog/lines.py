"""Which line of a TOML file each key stands on, for messages: the standard reader keeps no positions."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, cast

from bestiary.catalog.schema import KeyPath


def key_lines(text: str) -> dict[KeyPath, int]:
    """Return the line, from 1, of every key and table of a valid TOML document."""
    found: dict[KeyPath, int] = {(): 1}
    table: KeyPath = ()
    entries: dict[KeyPath, int] = {}  # how many [[tables]] an array has so far
    for line, statement in _statements(text):
        if statement.startswith("["):
            table = max(_paths(tomllib.loads(statement)), key=len)
            if statement.startswith("[["):
                table = (*table[:-1], entries.get(table[:-1], 0))
                entries[table[:-1]] = int(table[-1]) + 1
            new = {table[:depth]: line for depth in range(1, len(table) + 1)}
        else:
            new = {table + path: line for path in _paths(tomllib.loads(statement))}
        found = new | found  # the first mention of a table is its line
    return found


def line_of(path: KeyPath, lines: Mapping[KeyPath, int]) -> int:
    """Return the line of the nearest place along a path that the file writes down."""
    while path not in lines:
        path = path[:-1]
    return lines[path]


def dotted(path: KeyPath) -> str:
    """Return a path as messages show it: ``facts.form``; the ``is`` of a fact goes without saying."""
    shown = path[:-1] if path and path[-1] == "is" else path
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in shown).removeprefix(".")


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Yield each header and each key with its whole value, which may take several lines, and the line it starts on."""
    start, pending = 0, ""
    for number, line in enumerate(text.splitlines(), 1):
        if not pending:
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            start = number
        pending += line + "\n"
        if _complete(pending):
            yield start, pending.strip()
            pending = ""


def _complete(statement: str) -> bool:
    try:
        tomllib.loads(statement)
    except tomllib.TOMLDecodeError:
        return False
    return True


def _paths(value: Any) -> Iterator[KeyPath]:
    if isinstance(value, dict):
        for key, part in cast("dict[str, Any]", value).items():
            yield (key,)
            yield from ((key, *path) for path in _paths(part))
    elif isinstance(value, list):
        for number, part in enumerate(cast("list[Any]", value)):
            yield (number,)
            yield from ((number, *path) for path in _paths(part))
