"""The compiled index: the whole catalog in one file of JSON lines, made from the entries and never edited.

Its first line carries a digest of all that it is made from and a short row for each entry; the second, the
vocabularies; each further line one entry, decoded only when asked for. The digest is compared at every start, so an
edited entry is seen at once. Hashing 150 entries takes 3 ms, where reading them anew, every size built, checked and
counted, takes three seconds; and unlike a comparison of times and sizes it survives a fresh clone, an unpacked wheel,
and an edit within the clock's resolution.

The exact counts in the rows follow from the code of the architectures too, which no digest covers (a listing would pay
for reading it): a test recounts every size.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date
from functools import cache, cached_property
from pathlib import Path
from typing import Self

import msgspec
from msgspec.structs import replace

from bestiary.aside import aside
from bestiary.catalog import schema
from bestiary.catalog.schema import HOME, TINY, UNDISCLOSED, Entry, Record, Vocabulary, listed

NAME = "index.jsonl"


class Sized(Record, frozen=True, array_like=True):
    """One size in a row: its exact parameters, as `sizing.count` names them, and what its authors state, if they do."""

    name: str
    total: int
    active: int
    embedding: int
    non_embedding: int
    stated: str | None = None
    counted: str = "total"
    """Which of the four the stated figure counts."""


class Row(Record, frozen=True):
    """What a list of models shows and is filtered by; ``license`` is that of the weights."""

    slug: str
    name: str
    aliases: tuple[str, ...]
    kind: str
    published: date
    family: str
    form: str
    labs: tuple[str, ...]
    modality: tuple[str, ...]
    objectives: tuple[str, ...]
    tasks: tuple[str, ...]
    access: str
    license: str
    sizes: tuple[Sized, ...]
    """The published ones, the default first; none where the architecture is undisclosed."""
    runnable: bool

    @classmethod
    def of(cls, entry: Entry) -> Self:
        """Return an entry's row."""
        facts = entry.facts
        return cls(
            slug=entry.slug,
            name=entry.name,
            aliases=entry.aliases,
            kind=entry.kind,
            published=facts.published.value,
            family=facts.family.value,
            form=facts.form.value,
            labs=listed(facts.labs.value),
            modality=listed(facts.modality.value),
            objectives=listed(facts.objectives.value),
            tasks=listed(facts.tasks.value),
            access=facts.access.value,
            license=facts.weights_license.value,
            sizes=tuple(_sized(entry, name) for name in entry.sizes if name != TINY and entry.runnable),
            runnable=entry.runnable,
        )


def _sized(entry: Entry, name: str) -> Sized:
    from bestiary.catalog.specs import made
    from bestiary.sizing import count

    size = entry.sizes[name]
    counts = count(made(entry.function(name), size.arguments))
    exact = Sized(name, counts.total, counts.active, counts.embedding, counts.non_embedding)
    if size.stated is None or size.stated.value == UNDISCLOSED:
        return exact
    return replace(exact, stated=size.stated.value, counted=size.stated.counts)


class Head(Record, frozen=True):
    """The first line of the index."""

    digest: str
    rows: tuple[Row, ...]


class Catalog(Mapping[str, Entry]):
    """The entries by slug, in alphabetical order, each decoded when first asked for."""

    def __init__(self, folder: Path, head: Head, lines: Sequence[bytes]) -> None:
        self.folder = folder
        self.rows = {row.slug: row for row in head.rows}
        self._vocabulary, *entries = lines
        self._lines = dict(zip(self.rows, entries, strict=True))
        self._entries: dict[str, Entry] = {}

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The words that entries use, with what they mean."""
        return msgspec.json.decode(self._vocabulary, type=Vocabulary)

    def __getitem__(self, slug: str) -> Entry:
        if slug not in self._entries:
            self._entries[slug] = msgspec.json.decode(self._lines[slug], type=Entry)
        return self._entries[slug]

    def __iter__(self) -> Iterator[str]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)


@cache
def packaged() -> Catalog:
    """Return the catalog that comes with the package; read once in a process."""
    return load(HOME)


def load(folder: Path) -> Catalog:
    """Return a folder's catalog from its index, compiling it anew when the files have changed.

    Raises ``BestiaryError`` for the first problem when the files that changed do not read.
    """
    digest = digest_of(folder)
    stored = _stored(folder)
    if stored is None or stored[0].digest != digest:
        data = compile_index(folder, digest)
        _write_aside(folder / NAME, data)
        stored = _split(data)
    return Catalog(folder, *stored)


def compile_index(folder: Path, digest: str) -> bytes:
    """Return the bytes of the index that the files of a folder give."""
    from bestiary.catalog.read import read

    reading = read(folder)
    entries = [reading.entries[slug] for slug in sorted(reading.entries)]
    head = Head(digest, tuple(Row.of(entry) for entry in entries))
    return msgspec.json.Encoder().encode_lines([head, reading.vocabulary, *entries])


def is_current(folder: Path = HOME) -> bool:
    """Return whether the index on disk is the one that its files give."""
    stored = _stored(folder)
    return stored is not None and stored[0].digest == digest_of(folder)


def digest_of(folder: Path) -> str:
    """Return a digest of every file that decides what the index holds, the code that lays it out among them."""
    paths = [Path(__file__), Path(schema.__file__), folder / "sources.bib"]
    for part in ("entries", "vocabulary"):
        paths += sorted((folder / part).glob("*.toml"))
    digest = hashlib.blake2b(digest_size=16)
    for path in paths:
        data = path.read_bytes() if path.exists() else b""
        digest.update(f"{path.name} {len(data)}\n".encode())
        digest.update(data)
    return digest.hexdigest()


def _stored(folder: Path) -> tuple[Head, list[bytes]] | None:
    """Return the index on disk, or ``None`` where it is missing, damaged or laid out by another version."""
    try:
        return _split((folder / NAME).read_bytes())
    except (OSError, ValueError):  # msgspec's errors are ValueErrors
        return None


def _split(data: bytes) -> tuple[Head, list[bytes]]:
    first, *lines = data.splitlines()
    head = msgspec.json.decode(first, type=Head)
    if len(lines) != len(head.rows) + 1:
        raise ValueError("the index is cut short")
    return head, lines


def _write_aside(path: Path, data: bytes) -> None:
    """Write a file whole; where the folder cannot be written, leave it: the index is then made anew at each start."""
    with suppress(OSError), aside(path) as beside:
        beside.write_bytes(data)
