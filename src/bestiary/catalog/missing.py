"""What other lists of models hold that this catalog does not: each absence is a finding, or has a dated disposition."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

import msgspec

from bestiary.catalog.index import Catalog, packaged
from bestiary.catalog.schema import HOME, Record, Text, plain
from bestiary.errors import BestiaryError

LISTS = HOME / "lists"
LONGEST = 100_000
"""Names in a list of the user's; no catalog of models is longer, and a wrong file is refused before it is compared."""

State: TypeAlias = Literal["held", "alias", "part", "planned", "out-of-scope", "missing"]


class Disposition(Record, frozen=True):
    """What is known of a name that has no entry: that it is another's, a part of one, planned, or out of scope."""

    state: Literal["alias", "part", "planned", "out-of-scope"] = msgspec.field(name="is")
    why: Text
    on: date


class Row(NamedTuple):
    """A name of a list, and where it stands; ``entry`` is the model here that it names."""

    name: str
    state: State
    entry: str | None = None
    why: str | None = None
    on: date | None = None


def lists() -> dict[str, Path]:
    """Return the lists that come with the catalog, by name."""
    return {path.stem: path for path in sorted(LISTS.glob("*.txt"))}


def read_list(path: Path) -> list[str]:
    """Return the names in a file, one a line; what follows ``#`` is passed over.

    Raises ``BestiaryError`` for a file that is no list of names.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise BestiaryError(f"{path} is no text in UTF-8; give a file with a name on each line") from None
    names = [name for line in text.splitlines() if (name := line.split("#")[0].strip())]
    if not names:
        raise BestiaryError(f"{path} holds no names; write one on each line")
    if len(names) > LONGEST or max(map(len, names)) > 200:
        raise BestiaryError(f"{path} is no list of models: write one name on each line, of at most 200 letters")
    return list(dict.fromkeys(names))


def compare(names: Iterable[str], catalog: Catalog | None = None, folder: Path = HOME) -> list[Row]:
    """Return where each name stands: held by an entry, disposed of, or missing.

    A name is held when it is a slug, a name or an alias of an entry, or the format of its published checkpoints; case,
    spaces and hyphens do not matter.
    """
    catalog = packaged() if catalog is None else catalog
    held = dict(_names(catalog))
    disposed = dispositions(folder)
    return [_row(name, held, disposed) for name in names]


def dispositions(folder: Path = HOME) -> dict[str, Disposition]:
    """Return what is known of names that have no entry, by name or pattern (``*_vision_model``)."""
    raw = tomllib.loads((folder / "dispositions.toml").read_text(encoding="utf-8"))
    return msgspec.convert(raw, dict[str, Disposition])


def suggestion(name: str, catalog: Catalog | None = None) -> str | None:
    """Return the entry whose name is nearly the same, as a misspelling would be."""
    catalog = packaged() if catalog is None else catalog
    known = dict(_names(catalog))
    close = get_close_matches(plain(name), known, n=1, cutoff=0.85)
    return known[close[0]] if close else None


def _names(catalog: Catalog) -> Iterator[tuple[str, str]]:
    """Yield the ways to name each entry; formats first, so that a name of one's own is stronger."""
    for slug, entry in catalog.items():
        yield from ((plain(checkpoint.dialect), slug) for checkpoint in reversed(entry.checkpoints))
    for row in catalog.rows.values():
        yield from ((plain(name), row.slug) for name in (row.slug, row.name, *row.aliases))


def _row(name: str, held: Mapping[str, str], disposed: Mapping[str, Disposition]) -> Row:
    if slug := held.get(plain(name)):
        return Row(name, "held", slug)
    known = plain(name)
    found = next((found for key, found in disposed.items() if plain(key) == known), None)
    found = found or next((found for key, found in disposed.items() if "*" in key and fnmatchcase(name, key)), None)
    return Row(name, "missing") if found is None else Row(name, found.state, None, found.why, found.on)
