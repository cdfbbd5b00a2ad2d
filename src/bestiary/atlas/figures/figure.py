"""What every figure is: a drawing, and the table of what it shows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from bestiary.aside import aside

Cell: TypeAlias = str | int | None


@dataclass(frozen=True)
class Figure:
    """A drawing with its twin for those who read rather than look: the same facts in rows."""

    title: str
    svg: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def save(self, path: str | Path) -> Path:
        """Write the drawing to an SVG file, whole or not at all; return its path."""
        path = Path(path)
        with aside(path) as beside:
            beside.write_text(self.svg, encoding="utf-8", newline="\n")
        return path

    def _repr_svg_(self) -> str:
        return self.svg
