"""The catalog as a SQLite database: tables that refer to each other, indexed, searchable; datasette opens it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import date

from bestiary.atlas.exports.tables import Cell, Column, Table

_TYPES = {"text": "TEXT", "integer": "INTEGER", "flag": "INTEGER", "date": "TEXT", "words": "TEXT"}
_KEYS = {"models": "slug", "sources": "key", "licenses": "id"}
_SEARCHED = ("slug", "name", "aliases", "summary")


def as_database(tables: Sequence[Table]) -> bytes:
    """Return tables as a database: the same bytes each time, from one version of SQLite.

    Words are JSON arrays, by which datasette makes facets. ``models_fts`` finds names and summaries, where this SQLite
    has full-text search; its brackets are the spelling by which datasette knows it.
    """
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as database:
        database.execute("PRAGMA page_size = 4096")
        database.execute("BEGIN")
        for table in tables:
            database.execute(_created(table))
            holes = ", ".join("?" * len(table.columns))
            database.executemany(
                f"INSERT INTO {table.name} VALUES ({holes})", [[_stored(cell) for cell in row] for row in table.rows]
            )
            for index in _indexes(table):
                database.execute(index)
        if _has_search(database):
            columns = ", ".join(_SEARCHED)
            database.execute(f"CREATE VIRTUAL TABLE models_fts USING fts5({columns}, content=[models])")
            database.execute("INSERT INTO models_fts(models_fts) VALUES ('rebuild')")
        database.execute("COMMIT")
        database.execute("VACUUM")
        return database.serialize()


def _created(table: Table) -> str:
    parts = [f'"{column.name}" {_TYPES[column.kind]}' for column in table.columns]
    keys = [f'"{column.name}"' for column in table.columns if column.key]
    parts += [f"PRIMARY KEY ({', '.join(keys)})"] if keys else []
    parts += [
        f'FOREIGN KEY ("{column.name}") REFERENCES {column.of}({_KEYS[column.of]})'
        for column in table.columns
        if column.of
    ]
    return f"CREATE TABLE {table.name} (\n  " + ",\n  ".join(parts) + "\n)"


def _indexes(table: Table) -> Iterator[str]:
    also = {"models": ("family", "published", "form", "parameters", "access"), "sizes": ("total",)}
    for column in table.columns:
        if (column.of and not _leads(table, column)) or column.name in also.get(table.name, ()):
            yield f'CREATE INDEX {table.name}_{column.name} ON {table.name}("{column.name}")'


def _leads(table: Table, column: Column) -> bool:
    """Return whether the primary key's own index finds a column."""
    return column.key and next(one for one in table.columns if one.key) == column


def _stored(cell: Cell) -> str | int | None:
    if isinstance(cell, tuple):
        return json.dumps(cell, ensure_ascii=False)
    return cell.isoformat() if isinstance(cell, date) else cell


def _has_search(database: sqlite3.Connection) -> bool:
    return ("ENABLE_FTS5",) in database.execute("PRAGMA compile_options").fetchall()
