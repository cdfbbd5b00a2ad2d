"""Small tables: rows of strings as aligned text or as HTML, the last column right-aligned."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape


def text(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as aligned lines, columns two spaces apart."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        [*(cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=False)), row[-1].rjust(widths[-1])]
        for row in rows
    ]
    return "\n".join("  ".join(line).rstrip() for line in lines)


def html(rows: Sequence[Sequence[str]], header: Sequence[str]) -> str:
    """Return rows as an HTML table under a header; every cell is escaped."""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(map(_row, rows))}</tbody></table>"


def _row(cells: Sequence[str]) -> str:
    left = "".join(f'<td style="text-align:left">{escape(cell)}</td>' for cell in cells[:-1])
    return f'<tr>{left}<td style="text-align:right">{escape(cells[-1])}</td></tr>'
