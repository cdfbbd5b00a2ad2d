"""What verbs print: tables for people on a terminal, tab-separated lines in a pipe, JSON where it is asked for."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import click

from bestiary.errors import BestiaryError

Cell = str | int | float | date | tuple[str, ...] | None
Row = Sequence[Cell]

_FIGURE = re.compile(r"[+-]?\d[\d,.]* ?[A-Za-z]{0,2}")

_CONTROLS = (*range(32), *range(0x7F, 0xA0))
_SHOWN = {code: chr(0x2400 + code) if code < 32 else "\u2421" for code in _CONTROLS if chr(code) not in "\t\n"}
"""Codes of control to the signs that stand for them."""

svg_option = click.option("--svg", metavar="FILE", help="Write the drawing to FILE, an SVG, instead.")
"""``--svg``, given to every verb that draws."""
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
"""``--json``, given to every verb that prints data."""


def on_terminal() -> bool:
    """Return whether a person is reading. ``TTY_COMPATIBLE``, which Rich obeys too, decides it by force: 1 or 0."""
    forced = os.environ.get("TTY_COMPATIBLE")
    return forced == "1" if forced in {"0", "1"} else sys.stdout.isatty()


def drawing_path(svg: str | None) -> Path | None:
    """Return the file that a drawing goes to; raises ``BestiaryError`` where its name says another format."""
    if svg is None:
        return None
    path = Path(svg)
    if path.suffix.lower() != ".svg":
        raise BestiaryError(f"--svg is '{svg}', and drawings are SVG; name the file {path.stem or 'figure'}.svg")
    return path


def print_json(value: Any) -> None:
    """Print a value (records, dataclasses, dates among its parts) as indented JSON."""
    import msgspec

    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def print_table(columns: Sequence[str], rows: Iterable[Row], signed: Sequence[str] = ()) -> None:
    """Print a table with a header, aligned on a terminal, tab-separated in a pipe; ``signed`` columns show a plus."""
    rows = list(rows)
    signs = ["+" if column in signed else "" for column in columns]
    if not on_terminal():
        click.echo("\n".join("\t".join(map(plain, row, signs)) for row in [columns, *rows]))
        return
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for index, column in enumerate(columns):
        numeric = index > 0 and all(_is_figure(row[index]) for row in rows)
        table.add_column(
            column,
            justify="right" if numeric else "left",
            style="bold" if index == 0 else "",
            header_style="dim",
            no_wrap=numeric or index == 0,
            overflow="fold",
        )
    for row in rows:
        table.add_row(*(Text(pretty(cell, sign)) for cell, sign in zip(row, signs, strict=True)))
    console().print(table)


def print_record(fields: Iterable[tuple[str, Cell]]) -> None:
    """Print names and values, one a line: a grid on a terminal; in a pipe, tab-separated under a header."""
    if not on_terminal():
        print_table(("field", "value"), list(fields))
        return
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in fields:
        grid.add_row(Text(name), Text(pretty(value)))
    console().print(grid)


def heading(text: str) -> None:
    """Print what parts one section of an answer from the next: a bold line on a terminal, an empty one in a pipe."""
    click.echo(click.style(f"\n{text}", bold=True) if on_terminal() else "", color=on_terminal())


def remark(text: str) -> None:
    """Say on the error stream what is no data: an empty result, a caveat, what is being done."""
    click.echo(text, err=True)


def print_pieces(pieces: Iterable[str]) -> None:
    """Print a text as it is written, piece by piece, on a line of its own; say so where nothing is.

    What a model writes may hold codes that command a terminal: they are shown, not obeyed.
    """
    empty = True
    for piece in pieces:
        click.echo(piece.translate(_SHOWN), nl=False)
        empty = empty and not piece.strip()
    click.echo()
    if empty:
        remark("the model wrote nothing: it ended its text at once")


def console() -> Any:
    """Return a Rich console for the terminal."""
    from rich.console import Console

    return Console(highlight=False, markup=False, emoji=False)


def plain(cell: Cell, sign: str = "") -> str:
    """Return a cell as programs read it: numbers in digits, no tab or line break inside; nothing for what is absent."""
    if _is_number(cell):
        return f"{cell:{sign if cell else ''}}"
    if isinstance(cell, tuple):
        cell = ", ".join(cell)
    return "" if cell is None else " ".join(str(cell).split()).translate(_SHOWN)


def pretty(cell: Cell, sign: str = "") -> str:
    """Return a cell as people read it: thousands in groups, a dash for what is absent."""
    if cell is None:
        return "–"
    if _is_number(cell):
        return f"{cell:{sign if cell else ''},}"
    return (", ".join(cell) if isinstance(cell, tuple) else str(cell)).translate(_SHOWN)


def _is_figure(cell: Cell) -> bool:
    """Return whether a cell lines up with others on the right: a number, a rounded one, or nothing."""
    return cell is None or _is_number(cell) or (isinstance(cell, str) and _FIGURE.fullmatch(cell) is not None)


def _is_number(cell: Cell) -> bool:
    return isinstance(cell, int | float) and not isinstance(cell, bool)


def bar(steps: Sequence[Any], what: str) -> Iterable[Any]:
    """Return the steps of a long loop with a bar on the terminal that shows how many are taken."""
    if not on_terminal() or len(steps) < 2:
        return steps
    from rich.console import Console
    from rich.progress import track

    return track(steps, what, console=Console(stderr=True), transient=True)
