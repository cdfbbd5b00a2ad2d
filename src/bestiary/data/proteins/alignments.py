"""Alignments of a protein with its relatives, from a3m or FASTA files that nobody vouches for.

A record is a line that begins with ``>`` and the lines after it. The first is the target. Of the others, a capital or a
dash stands at each of its residues, and small letters are what they have between: they are counted, not kept (a3m).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from bestiary.errors import BestiaryError
from bestiary.jsonfile import MEBIBYTE
from bestiary.residues import GAP, UNKNOWN, chemistry
from bestiary.untrusted import mistaken_for, quoted, regular_file

MOST_ROWS, MOST_RESIDUES, MOST_BYTES = 100_000, 10_000, 512 * MEBIBYTE
"""No published run reads more rows or longer chains; more would only fill the memory."""
ALIKE = {"B": "D", "J": "X", "O": "X", "U": "C", "Z": "E"}
"""Letters of undetermined and rare residues, and what alignments are read with in their place (HHblits)."""


@dataclass(frozen=True)
class Alignment:
    """R rows of N residues. The first row is the target and has no gaps."""

    names: tuple[str, ...]
    letters: Tensor
    """``[R, N]`` int64: the twenty in their order, 20 where unknown, 21 for a gap."""
    deletions: Tensor
    """``[R, N]`` int64: how many residues a row has before each that the target does not."""

    @property
    def target(self) -> str:
        """The target as text."""
        known = f"{chemistry().letters}X-"
        return "".join(known[number] for number in self.letters[0].tolist())


def read_alignment(path: str | os.PathLike[str]) -> Alignment:
    """Read an a3m or FASTA file; raises ``BestiaryError`` with one sentence on what is wrong, and where."""
    file = regular_file(path)
    size = file.stat().st_size
    if size > MOST_BYTES:
        raise BestiaryError(f"{file} has {size:,} bytes, more than the {MOST_BYTES:,} that are read; take fewer rows")
    data = file.read_bytes()
    wrong = mistaken_for(data[:64])
    if wrong:
        raise BestiaryError(f"{file} {wrong}")
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError as error:
        raise BestiaryError(f"{file} is no text in ASCII (byte {error.start}), so no alignment; give an a3m") from None
    return parse_alignment(text, str(file))


def parse_alignment(text: str, where: str = "the alignment") -> Alignment:
    """Read the text of an alignment, or a bare sequence; ``where`` names it in what is wrong."""
    names: list[str] = []
    letters: list[list[int]] = []
    deletions: list[list[int]] = []
    for name, row in _records(text, where):
        if len(names) == MOST_ROWS:
            raise BestiaryError(f"{where} has more than {MOST_ROWS:,} rows; give the closest ones, the target first")
        numbers, between = _row(row, f"{where}, row {len(names) + 1} ({quoted(name)})")
        if letters and len(numbers) != len(letters[0]):
            raise BestiaryError(
                f"{where}, row {len(names) + 1} ({quoted(name)}) has {len(numbers):,} aligned residues, but the target"
                f" has {len(letters[0]):,}; align every row to the first"
            )
        if not letters:
            _check_target(numbers, between, where)
        names.append(name)
        letters.append(numbers)
        deletions.append(between)
    if not names:
        raise BestiaryError(f"{where} holds no sequence; write one letter for each amino acid, as in MKTAYIAKQR")
    return Alignment(tuple(names), torch.tensor(letters), torch.tensor(deletions))


def _records(text: str, where: str) -> Iterator[tuple[str, str]]:
    """Yield names and rows; what stands without a name is the target."""
    name, parts, named = "target", list[str](), False
    for line in text.splitlines():
        line = line.strip()
        if line.startswith(">"):
            if named or parts:
                yield name, "".join(parts)
            name, parts, named = line[1:].strip() or "unnamed", [], True
        elif line and not line.startswith("#"):
            parts.append(line)
    if named or parts:
        yield name, "".join(parts)


_NUMBERS = {letter: number for number, letter in enumerate(f"{chemistry().letters}X-")}
_NUMBERS |= {letter: _NUMBERS[alike] for letter, alike in ALIKE.items()}


def _row(row: str, where: str) -> tuple[list[int], list[int]]:
    """Return the numbers of a row's aligned letters, and how many small letters stand before each."""
    numbers: list[int] = []
    before: list[int] = []
    between = 0
    for place, letter in enumerate(row, 1):
        if letter.islower() and letter.isascii():
            between += 1
        elif letter in _NUMBERS:
            numbers.append(_NUMBERS[letter])
            before.append(between)
            between = 0
        elif letter not in ". \t":
            raise BestiaryError(
                f"{where} has {quoted(letter)} at place {place}, which is no amino acid; write its letter, X where it"
                " is unknown, or a dash for a gap"
            )
    return numbers, before


def _check_target(numbers: list[int], before: list[int], where: str) -> None:
    if not numbers and before == []:
        raise BestiaryError(f"{where}: the target is empty; write it in capitals, one letter for each amino acid")
    if GAP in numbers or any(before):
        raise BestiaryError(f"{where}: the target, the first row, has gaps or small letters; write it in capitals")
    if len(numbers) > MOST_RESIDUES:
        raise BestiaryError(
            f"{where}: the target has {len(numbers):,} residues, more than the {MOST_RESIDUES:,} allowed; cut it"
        )
    assert max(numbers) <= UNKNOWN
