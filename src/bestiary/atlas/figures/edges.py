"""The kinds of edges of the lineage: what each says, and the line that tells it from the others without color."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

STRONGEST = ("distilled", "weights", "architecture", "successor", "data")
"""Of several kinds of one edge the first is drawn: what says most of where the numbers in a model come from."""
STROKES: Mapping[str, Mapping[str, str | float]] = {
    "distilled": {"stroke_width": 2.4, "stroke_dasharray": "10 3 2 3"},
    "weights": {"stroke_width": 3},
    "architecture": {"stroke_width": 1.2},
    "successor": {"stroke_width": 1.5, "stroke_dasharray": "6 4"},
    "data": {"stroke_width": 2, "stroke_dasharray": "0.1 4.5", "stroke_linecap": "round"},
}
TOOK: Mapping[str, str] = {
    "distilled": "learned to answer like it",
    "weights": "began from its weights",
    "architecture": "built like it",
    "successor": "came after it",
    "data": "learned from its data or answers",
}
"""What a child took from its parent."""


def strongest(kinds: Iterable[str]) -> str:
    """Return the kind of an edge that is drawn."""
    return min(kinds, key=STRONGEST.index)
