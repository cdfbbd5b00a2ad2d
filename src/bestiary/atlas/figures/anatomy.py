"""The anatomy of a model: its spec drawn, layers folded, with the parameters of each part."""

from __future__ import annotations

from bestiary.atlas.figures.body.ledger import Ledger, Row
from bestiary.atlas.figures.body.models import whole
from bestiary.atlas.figures.body.pieces import label
from bestiary.atlas.figures.figure import Cell, Figure
from bestiary.atlas.figures.svg import document
from bestiary.atlas.figures.text import width
from bestiary.sizing import count
from bestiary.spec import Model

COLUMNS = ("part", "what it is", "size", "parameters")
_MARGIN = 24.0
_TITLE = 52.0


def anatomy(spec: Model, title: str) -> Figure:
    """Draw a model: what it reads at the bottom, its layers above, what it answers at the top.

    The rows of the figure are its boxes; their parameters sum exactly to the model's.
    """
    ledger = Ledger(count(spec))
    piece, notes = whole(spec, ledger)
    said = " · ".join((f"{ledger.total:,} parameters", *notes))
    wide = max(piece.width, width(title, 16, bold=True), width(said, 11)) + 2 * _MARGIN
    high = piece.height + _TITLE + _MARGIN + 8
    drawn = [
        label(_MARGIN, 28, title, 16, font_weight="bold"),
        label(_MARGIN, 45, said, 11),
        *piece.draw(_MARGIN, _TITLE + 8),
    ]
    description = f"The architecture of {title}, from what it reads at the bottom to what it answers at the top."
    svg = document(wide, high, f"Anatomy of {title}", description, drawn)
    return Figure(f"Anatomy of {title}", svg, COLUMNS, (*map(_cells, ledger.rows), ("sum", None, None, ledger.total)))


def parts(spec: Model) -> list[Row]:
    """Return what the boxes of an anatomy show, without drawing it: from what is read to what is answered."""
    ledger = Ledger(count(spec))
    whole(spec, ledger)
    return ledger.rows


def _cells(row: Row) -> tuple[Cell, ...]:
    often = [f"in {row.layers} layers"] if row.layers > 1 else []
    often += [f"run {row.runs} times"] if row.runs > 1 else []
    return row.path, ", ".join((row.what, *often)), row.size, row.parameters
