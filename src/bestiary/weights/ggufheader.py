"""The header of a GGUF file, read with every count held against the file's length before it is believed.

The gguf library's reader trusts the counts, and makes an array of every word of a vocabulary, which takes seconds.
"""

from __future__ import annotations

import math
import struct
from typing import Any, NamedTuple

MAGIC = b"GGUF"
VERSIONS = (2, 3)
MOST_VALUES = 4_000_000  # in all metadata; the largest vocabularies with merges and scores hold about 1.5 million
MOST_TENSORS = 1_000_000
MOST_DIMENSIONS = 4  # GGML's own limit
ALIGNMENT = 32

STRING, ARRAY = 8, 9
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}


class HeaderFault(Exception):
    """What is wrong with a header, as the end of a sentence that begins with the file's name."""


class Stored(NamedTuple):
    """One tensor as the header lists it: GGML's type number, sizes with the fastest first, place after the header."""

    type: int
    sizes: tuple[int, ...]
    offset: int


class Header(NamedTuple):
    """All that stands before the tensors' bytes, which begin at byte ``start``."""

    metadata: dict[str, Any]
    tensors: dict[str, Stored]
    start: int


class Cursor:
    """A place in a buffer that moves on with each value read and never passes the end."""

    def __init__(self, buffer: memoryview) -> None:
        self.buffer, self.place, self.budget = buffer, 0, MOST_VALUES

    def take(self, length: int) -> memoryview:
        if length > len(self.buffer) - self.place:
            raise HeaderFault(
                f"is truncated or damaged: {length:,} bytes are declared at byte {self.place:,} of "
                f"{len(self.buffer):,}; download it again"
            )
        self.place += length
        return self.buffer[self.place - length : self.place]

    def numbers(self, code: str, count: int = 1) -> tuple[Any, ...]:
        return struct.unpack(f"<{count}{code}", self.take(count * struct.calcsize(f"<{code}")))

    def number(self, code: str) -> Any:
        return self.numbers(code)[0]

    def string(self) -> str:
        place = self.place
        try:
            return str(self.take(self.number("Q")), "utf-8")
        except UnicodeDecodeError:
            raise HeaderFault(f"holds a word at byte {place:,} that is not UTF-8; download it again") from None

    def value(self, kind: int) -> Any:
        self.spend(1)
        if kind == STRING:
            return self.string()
        if kind in SCALARS:
            return self.number(SCALARS[kind])
        if kind != ARRAY:
            raise HeaderFault(f"holds metadata of the unknown kind {kind}; convert it again with a current llama.cpp")
        kind, count = self.numbers("I")[0], self.number("Q")
        self.spend(count)
        if kind in SCALARS:
            return list(self.numbers(SCALARS[kind], count))
        if kind != STRING:
            raise HeaderFault(f"holds an array of kind {kind}, which no checkpoint uses; convert it again")
        return [self.string() for _ in range(count)]

    def spend(self, count: int) -> None:
        self.budget -= count
        if self.budget < 0:
            raise HeaderFault(f"declares more than {MOST_VALUES:,} metadata values; download it again")


def read_header(buffer: memoryview) -> Header:
    """Return the header that ``buffer`` (a whole file) begins with; raise HeaderFault where it cannot be right."""
    cursor = Cursor(buffer)
    if bytes(buffer[:4]) != MAGIC:
        raise HeaderFault("is not a GGUF file, which begins with 'GGUF'; check the name or download it again")
    cursor.take(4)
    version = cursor.number("I")
    if version not in VERSIONS:
        raise HeaderFault(f"is of GGUF version {version} where 2 or 3 is read; convert it again for this machine")
    tensors, entries = cursor.numbers("Q", 2)
    if tensors > MOST_TENSORS or entries > MOST_VALUES:
        raise HeaderFault(f"declares {tensors:,} tensors and {entries:,} metadata entries; download it again")
    metadata = _unique("metadata key", ((cursor.string(), cursor.value(cursor.number("I"))) for _ in range(entries)))
    table = _unique("tensor", (_tensor(cursor) for _ in range(tensors)))
    alignment = metadata.get("general.alignment", ALIGNMENT)
    if type(alignment) is not int or alignment < 1 or alignment & (alignment - 1):
        raise HeaderFault("has a general.alignment that is no power of two; download it again")
    return Header(metadata, table, math.ceil(cursor.place / alignment) * alignment)


def _tensor(cursor: Cursor) -> tuple[str, Stored]:
    name, dimensions = cursor.string(), cursor.number("I")
    if dimensions > MOST_DIMENSIONS:
        raise HeaderFault(f"gives tensor {name[:80]!r} {dimensions:,} dimensions; download it again")
    sizes = cursor.numbers("Q", dimensions)
    return name, Stored(cursor.number("I"), sizes, cursor.number("Q"))


def _unique(what: str, pairs: Any) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for name, value in pairs:
        if name in table:
            raise HeaderFault(f"has the {what} {name[:80]!r} more than once; download it again")
        table[name] = value
    return table
