"""What an entry holds: frozen records, each fact with its source, the place in it, and how sure it is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, TypeAlias, TypeVar, cast

from msgspec import Meta, Struct
from msgspec import field as named

Value = TypeVar("Value")

KeyPath: TypeAlias = tuple[str | int, ...]
"""The way to a value in a file: keys of tables, numbers in arrays."""

Text: TypeAlias = Annotated[str, Meta(pattern=r"\S")]
Undisclosed: TypeAlias = Literal["undisclosed"]
Words: TypeAlias = Annotated[tuple[Text, ...], Meta(min_length=1)] | Undisclosed
Argument: TypeAlias = bool | int | float | str | tuple[int, ...] | dict[str, Any]
"""A size, a choice, or the arguments of a model that is a part of this one."""

Sure: TypeAlias = Literal["stated", "derived", "estimated", "disputed", "memory"]
Form: TypeAlias = Literal["encoder", "decoder", "encoder-decoder", "dual-encoder", "diffusion", "other", "undisclosed"]
Access: TypeAlias = Literal["open-weights", "gated-weights", "research-weights", "api-only", "unreleased"]
"""How the weights are had, by their terms first and the way to them second, for an entry's default size.

``research-weights``: published under terms that keep commercial use out, or as a difference or an adapter to weights
under such terms, however they are had. ``gated-weights``: given on request or after a form, commercial use not kept
out. ``open-weights``: anyone may download them, commercial use not kept out, or no terms named. ``api-only``: reached
as a service, the weights never published. ``unreleased``: neither.
"""
Edge: TypeAlias = Literal["architecture", "weights", "data", "distilled", "successor"]
Counted: TypeAlias = Literal["total", "active", "embedding", "non_embedding"]
Verdict: TypeAlias = Literal["yes", "conditional", "no", "unknown"]
Grant: TypeAlias = Literal["yes", "conditional", "no"]
Kind: TypeAlias = Literal["model", "framework"]
Purpose: TypeAlias = Literal["commercial", "modify", "redistribute", "research"]

HOME = Path(__file__).parent
"""The packaged catalog's folder: entries/, vocabulary/, sources.bib and the index."""
UNDISCLOSED = "undisclosed"
"""Stands for whatever nobody published."""
TINY = "tiny"
"""The size that every entry has beside the published ones; it is ours, so it needs no source."""


class Record(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An immutable value read from a file; a key that it does not name is an error."""


class Evidence(Record, frozen=True):
    """Where a statement comes from: a key of ``sources.bib``, the place in that source, and how sure it is."""

    source: Text = named(name="from")
    at: Text
    sure: Sure


class Fact(Evidence, Generic[Value], frozen=True):
    """One fact and its evidence."""

    value: Value = named(name="is")


class Stated(Fact[Text], frozen=True):
    """A published number of parameters with its own rounding (``125M``), and which parameters it counts."""

    counts: Counted = "total"


class Facts(Record, frozen=True):
    """What is known about a model besides its architecture. Words are keys of the vocabularies of the same subject."""

    family: Fact[Text]
    published: Fact[date]
    labs: Fact[Words]
    modality: Fact[Words]
    form: Fact[Form]
    objectives: Fact[Words]
    tasks: Fact[Words]
    application: Fact[Text]
    corpus: Fact[Words]
    tokens: Fact[Annotated[int, Meta(gt=0)] | Literal["undisclosed", "not-applicable"]]
    access: Fact[Access]
    code_license: Fact[Text]
    weights_license: Fact[Text]
    data_license: Fact[Text] | None = None
    """Terms of a training set that was published with the model."""
    output_license: Fact[Text] | None = None
    """Terms on what the model writes, where its provider sets any."""


class Parent(Evidence, frozen=True):
    """An edge of the lineage: what a model took from an older one."""

    edge: Annotated[tuple[Edge, ...], Meta(min_length=1)]


class Architecture(Evidence, frozen=True):
    """The function in ``bestiary.architectures`` that makes the model's spec, or ``undisclosed``."""

    function: Text
    notes: dict[str, Text] = {}


class StandIn(Record, frozen=True):
    """What an entry of undisclosed architecture runs as, at ``tiny`` alone: another entry's, and why that one."""

    like: Text
    why: Text


class Size(Record, frozen=True):
    """One published size: the arguments of the architecture function and the count that its authors state."""

    arguments: Annotated[dict[str, Argument], Meta(min_length=1)]
    source: Text | None = named(name="from", default=None)
    at: Text | None = None
    sure: Sure | None = None
    function: Text | None = None
    """Another architecture function than the entry's own, where one size departs from it."""
    stated: Stated | None = None


class Checkpoint(Evidence, frozen=True):
    """Published weights: the id on the hub, the size they fill, and the dialect their tensors are named in."""

    hub: Annotated[str, Meta(pattern=r"^([\w.-]+/)?[\w.-]+$")]
    size: Text
    dialect: Text


class Erratum(Record, frozen=True):
    """A field of the 2023 catalog that a primary source contradicts."""

    field: Text
    paper: Text
    ours: Text
    why: Text
    source: Text = named(name="from")
    at: Text


class OwnErratum(Record, frozen=True):
    """A count in a model's own paper that differs, beyond its rounding, from what its architecture computes to."""

    size: Text
    stated: Text
    computed: Annotated[int, Meta(gt=0)]
    why: Text
    source: Text = named(name="from")
    at: Text


class Entry(Record, frozen=True, kw_only=True):
    """One published model: what is known of it, what it came from, and how to build it."""

    slug: str
    name: Text
    aliases: tuple[Text, ...] = ()
    summary: Text
    kind: Kind = "model"
    """A ``framework`` trains or serves models and is none itself; it is here because catalogs list it among them."""
    cite: Text | None = None
    """The key in ``sources.bib`` of the model's own paper, where its facts rest on other sources than that."""
    facts: Facts
    parents: dict[str, Parent] = {}
    architecture: Architecture
    stand_in: StandIn | None = None
    sizes: dict[str, Size] = {}
    checkpoints: tuple[Checkpoint, ...] = ()
    errata: tuple[Erratum, ...] = ()
    errata_own: tuple[OwnErratum, ...] = ()

    @property
    def runnable(self) -> bool:
        """Whether a spec can be made: the architecture and at least one size are known."""
        return self.architecture.function != UNDISCLOSED and bool(self.sizes)

    def function(self, size: str) -> str:
        """Return the name of the architecture function of one of the sizes."""
        own = self.sizes[size].function if size in self.sizes else None
        return own or self.architecture.function

    def _repr_html_(self) -> str:
        from bestiary.catalog.show import entry_html

        return entry_html(self)


class Word(Record, frozen=True):
    """A word of a vocabulary: what it stands for, and other names of the same thing."""

    name: Text
    aliases: tuple[Text, ...] = ()


class License(Record, frozen=True):
    """What a license answers, the conditions to keep, and the ways in which its terms reach another model."""

    name: Text
    url: Annotated[str, Meta(pattern=r"^https://")]
    commercial: Grant
    modify: Grant
    redistribute: Grant
    research: Grant
    conditions: Annotated[tuple[Text, ...], Meta(min_length=1)]
    follows: tuple[Literal["weights", "data", "distilled"], ...]

    def grants(self, purpose: Purpose) -> Grant:
        """Return the license's answer for a purpose."""
        return getattr(self, purpose)


class Vocabulary(Record, frozen=True):
    """The words that entries may use, by subject."""

    labs: dict[str, Word]
    licenses: dict[str, License]
    modalities: dict[str, Word]
    objectives: dict[str, Word]
    tasks: dict[str, Word]


def listed(words: tuple[str, ...] | str) -> tuple[str, ...]:
    """Return a fact's words as a tuple; ``undisclosed`` is then its only word."""
    return (words,) if isinstance(words, str) else words


def plain(name: str) -> str:
    """Return a name as it is compared: without case, spaces, hyphens and underscores."""
    return re.sub(r"[\s_-]+", "", name.casefold())


def sourced(value: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    """Yield each statement in a record that names its ``source``, with its path."""
    parts: Iterable[tuple[str | int, Any]] = ()
    if isinstance(value, Struct):
        if getattr(value, "source", None):
            yield path, value
        names = zip(value.__struct_fields__, value.__struct_encode_fields__, strict=True)
        parts = [(key, getattr(value, name)) for name, key in names]
    elif isinstance(value, dict):
        parts = cast("dict[str, Any]", value).items()
    elif isinstance(value, tuple):
        parts = enumerate(cast("tuple[Any, ...]", value))
    for key, part in parts:
        yield from sourced(part, (*path, key))
