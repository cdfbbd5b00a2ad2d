"""What the reference implementation counts: recorded once from a pinned version, and held to it by a test.

The package never imports a reference implementation, so its counts come with the catalog as data. ``make record``
writes ``reference.toml`` anew.
"""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

import msgspec

from bestiary.catalog.schema import HOME, Record, Text

NAME = "reference.toml"


class Reference(Record, frozen=True):
    """The parameters of one class of the reference, built from the same sizes: of transformers unless it says."""

    parameters: int
    made: Text = msgspec.field(name="class")
    adjusted: Text | None = None
    """Where the two differ by something known, what was allowed for."""


class References(Record, frozen=True):
    """The libraries that counted, by name and version, and their counts by ``entry:size``."""

    library: Text
    counts: dict[str, Reference]


@cache
def references(folder: Path = HOME) -> References:
    """Return the recorded counts. Sizes that no published format can say have none."""
    return msgspec.convert(tomllib.loads((folder / NAME).read_text(encoding="utf-8")), References)
