"""The catalog as Parquet files, one for each table; needs pyarrow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bestiary.atlas.exports.tables import Table
from bestiary.errors import BestiaryError


def write_columns(table: Table, path: Path) -> None:
    """Write a table as Parquet: whole numbers, dates and lists of words as such; absent cells are null."""
    arrow, parquet = _pyarrow()
    kinds = {
        "text": arrow.string(), "integer": arrow.int64(), "flag": arrow.bool_(), "date": arrow.date32(),
        "words": arrow.list_(arrow.string()),
    }  # fmt: skip
    schema = arrow.schema([(column.name, kinds[column.kind]) for column in table.columns])
    columns = {
        column.name: [_as_kind(row[place], column.kind) for row in table.rows]
        for place, column in enumerate(table.columns)
    }
    parquet.write_table(arrow.table(columns, schema=schema), path)


def _as_kind(cell: Any, kind: str) -> Any:
    if cell is None:
        return None
    return str(cell) if kind == "text" else list(cell) if kind == "words" else cell


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ModuleNotFoundError:
        raise BestiaryError(
            "Parquet needs pyarrow, which is not installed; run pip install 'bestiary[parquet]'"
        ) from None
    return pyarrow, pyarrow.parquet
