"""Small tables: rows of strings as aligned text or as HTML, the last column right-aligned."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

_FIGURES = "font-variant-numeric:tabular-nums"


def text(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as aligned lines, columns two spaces apart."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        [*(cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=False)), row[-1].rjust(widths[-1])]
        for row in rows
    ]
    return "\n".join("  ".join(line).rstrip() for line in lines)


def html(rows: Sequence[Sequence[str]], header: Sequence[str], sums: int = 0) -> str:
    """Return rows as an HTML table under a header, the last ``sums`` of them in bold; every cell is escaped."""
    last = len(header) - 1
    head = "".join(
        f'<th style="text-align:{"right" if index == last else "left"}">{escape(cell)}</th>'
        for index, cell in enumerate(header)
    )
    body = "".join(_row(row, index >= len(rows) - sums) for index, row in enumerate(rows))
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _row(cells: Sequence[str], is_sum: bool) -> str:
    weight = "font-weight:bold" if is_sum else ""
    left = "".join(f'<td style="text-align:left;{weight}">{escape(cell)}</td>' for cell in cells[:-1])
    return f'<tr>{left}<td style="text-align:right;{_FIGURES};{weight}">{escape(cells[-1])}</td></tr>'
