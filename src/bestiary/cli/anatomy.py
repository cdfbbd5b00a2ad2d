"""``bestiary anatomy``: one model's parts with their sizes and parameters, in the terminal or as a drawing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import TYPE_CHECKING

import click

from bestiary.cli.names import name_argument, stand_in_of
from bestiary.cli.output import (
    console,
    drawing_path,
    json_option,
    on_terminal,
    print_json,
    print_table,
    remark,
    svg_option,
)

if TYPE_CHECKING:
    from bestiary.atlas.figures.body.ledger import Row

_FIRST = "\u250c"
"""What stands at the left of the line that names layers."""
_BAR = 20
"""Letters of the bar of a part that is the whole model."""


@click.command("anatomy")
@name_argument()
@svg_option
@json_option
def verb(name: str, svg: str | None, as_json: bool) -> None:
    """Show a model's parts, with their sizes and parameters.

    They come in order, from what the model reads to what it answers; the drawing (--svg) has it the other way up.

    \b
    Example:
      bestiary anatomy bert:base
      bestiary anatomy alphafold --svg alphafold.svg
    """
    from bestiary.atlas.figures.anatomy import anatomy, parts
    from bestiary.catalog.find import parse_name
    from bestiary.catalog.resolve import size_spec

    path = drawing_path(svg)
    entry, size = parse_name(name)
    spec, title = size_spec(entry, size), f"{entry.slug}:{size}"
    if note := stand_in_of(entry):
        remark(note)
    if path:
        remark(f"wrote {anatomy(spec, title).save(path)}")
        return
    rows = parts(spec)
    if as_json:
        found = [row._asdict() for row in rows]
        print_json({"name": title, "parameters": sum(row.parameters for row in rows), "parts": found})
    elif on_terminal():
        _show(title, rows)
    else:
        print_table(("part", "what", "size", "layers", "runs", "parameters"), [_plain(row) for row in rows])


def _plain(row: Row) -> tuple[str | int, ...]:
    return row.path, row.what, row.size, row.layers, row.runs, row.parameters


def _show(title: str, rows: list[Row]) -> None:
    """Print the parts with layers in brackets, and beside each how much of the model is in it."""
    from rich.table import Table
    from rich.text import Text

    total = sum(row.parameters for row in rows)
    table = Table.grid(padding=(0, 2))
    for justify, style in (("left", "dim"), ("left", "bold"), ("left", ""), ("right", ""), ("left", "cyan")):
        table.add_column(justify=justify, style=style, no_wrap=justify == "right", overflow="fold")  # type: ignore[arg-type]
    for frame, part, row in _framed(rows):
        if frame == _FIRST:
            table.add_row(frame, Text(part, style="dim"), Text(_often(row), style="dim"))
            continue
        number = f"{row.parameters:,}" if row.parameters else ""
        long = round(_BAR * row.parameters / total) if total else 0
        said = Text.assemble(row.what, (f"  {row.size}" if row.size else "", "dim"))
        table.add_row(frame, Text(part), said, number, "\u2588" * long)
    screen = console()
    screen.print(Text.assemble((title, "bold"), f"  {total:,} parameters\n"))
    screen.print(table)


def _framed(rows: Iterable[Row]) -> Iterator[tuple[str, str, Row]]:
    """Yield each part with what stands at its left: the frame of its layers, above which a line names these."""
    for layers, several in groupby(rows, lambda row: _layers(row.path)):
        inside = list(several)
        if not layers:
            yield from (("", row.path, row) for row in inside)
            continue
        yield _FIRST, layers, inside[0]
        for row in inside:
            part = row.path.removeprefix(layers).removeprefix(".")
            yield "\u2514" if row is inside[-1] else "\u2502", f"  {part}", row


def _often(row: Row) -> str:
    if row.runs > 1:
        return f"the same weights {row.runs} times"
    return f"{row.layers} times" if row.layers > 1 else "once"


def _layers(path: str) -> str:
    """Return the layers that a part is in: ``encoder.stack.layers[*]``."""
    before, found, after = path.partition(".layers[")
    return f"{before}{found}{after.partition(']')[0]}]" if found else ""
