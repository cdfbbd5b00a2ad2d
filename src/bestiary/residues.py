"""What proteins are made of: the amino acids, their atoms and their torsion angles, read from ``residues.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

UNKNOWN, GAP = 20, 21
"""The numbers of a residue that is not known, and of a gap in an alignment; the twenty come first."""

Point = tuple[float, float, float]


@dataclass(frozen=True)
class Residue:
    """One amino acid. ``atoms`` maps names to their rigid group and their place in its frame, in angstroms."""

    name: str
    letter: str
    atoms: Mapping[str, tuple[int, Point]]
    chi: tuple[tuple[str, ...], ...]
    """The four atoms of each torsion angle of the side chain."""
    turned: tuple[int, ...] = ()
    """The angles, counted from 1, that half a turn leaves the same."""
    swapped: tuple[tuple[str, str], ...] = ()
    """Atoms that the molecule's symmetry exchanges."""

    @property
    def group_origins(self) -> dict[int, tuple[str, str, str]]:
        """For each group of the side chain, the three atoms that say where its frame is: the last is its origin."""
        return {4 + number: (chi[0], chi[1], chi[2]) for number, chi in enumerate(self.chi)}


@dataclass(frozen=True)
class Peptide:
    """The bond between two residues: mean and deviation of its length and of the cosines of two angles.

    Lengths and deviations come in pairs: before any residue but proline, and before proline.
    """

    length: tuple[tuple[float, float], tuple[float, float]]
    cos_ca_c_n: tuple[float, float]
    cos_c_n_ca: tuple[float, float]


@dataclass(frozen=True)
class Chemistry:
    """All of it. ``residues`` are in the order in which they are numbered."""

    residues: tuple[Residue, ...]
    atoms: tuple[str, ...]
    """All 37 kinds of heavy atoms, in their order."""
    radii: Mapping[str, float]
    peptide: Peptide

    @property
    def letters(self) -> str:
        """The twenty letters in their order."""
        return "".join(residue.letter for residue in self.residues)


@cache
def chemistry() -> Chemistry:
    """Return what the file holds."""
    data = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    residues = {record["letter"]: _residue(name, record) for name, record in data["residues"].items()}
    return Chemistry(
        tuple(residues[letter] for letter in data["letters"]),
        tuple(data["atoms"]),
        data["radii"],
        Peptide(**{name: _tuples(value) for name, value in data["peptide"].items()}),
    )


def _residue(name: str, record: Mapping[str, Any]) -> Residue:
    atoms = {atom: (int(line[0]), (line[1], line[2], line[3])) for atom, line in record["atoms"].items()}
    rest = {key: _tuples(record[key]) for key in ("chi", "turned", "swapped") if key in record}
    return Residue(name, record["letter"], atoms, **rest)


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
