"""Exports as text: CSV, a file for each table, and JSON, all tables in one."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

import msgspec

from bestiary.atlas.exports.tables import Cell, Table

_STARTS = ("=", "+", "-", "@", "\t")


def comma_separated(table: Table) -> str:
    """Return a table as CSV with a header: words joined by semicolons, nothing for what is absent.

    A spreadsheet takes a text that begins with = + - or @ for a formula and would run it, so such a cell gets an
    apostrophe before it. The other formats hold every text as it is.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([column.name for column in table.columns])
    writer.writerows([_plain(cell) for cell in row] for row in table.rows)
    return out.getvalue()


def as_json(tables: Sequence[Table]) -> str:
    """Return tables as one JSON object: for each its rows as objects, under its name."""
    whole = {
        table.name: [dict(zip((column.name for column in table.columns), row, strict=True)) for row in table.rows]
        for table in tables
    }
    return msgspec.json.format(msgspec.json.encode(whole), indent=1).decode() + "\n"


def _plain(cell: Cell) -> str | int:
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, int):
        return cell
    text = "; ".join(cell) if isinstance(cell, tuple) else "" if cell is None else str(cell)
    text = text.replace("\r", " ")  # which no rule of CSV makes safe in a cell
    return f"'{text}" if text.startswith(_STARTS) else text
