"""What a well-formed entry must keep to: known words and sources, sizes that build, a possible lineage."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

from bestiary.catalog.fit import Problem
from bestiary.catalog.lines import dotted
from bestiary.catalog.schema import TINY, UNDISCLOSED, Entry, Fact, Vocabulary, listed, plain, sourced
from bestiary.catalog.specs import made
from bestiary.errors import BestiaryError, nearest

NO_LICENSE = frozenset({UNDISCLOSED, "none"})
"""What stands in a license's place where there is none to name."""

_SLUG = re.compile(r"[a-z0-9]+(?:[.-][a-z0-9]+)*")
_SPDX = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]*")
_COUNT = re.compile(r"~?\d+(?:,\d{3})*(?:\.\d+)? ?[KMBT]?")
_SUBJECTS = {"labs": "labs", "modality": "modalities", "objectives": "objectives", "tasks": "tasks"}
_LICENSES = ("code_license", "weights_license", "data_license", "output_license")


@dataclass(frozen=True)
class Known:
    """What an entry may refer to: the vocabularies, the keys of the sources, and the slugs of all entries."""

    vocabulary: Vocabulary
    sources: Collection[str]
    slugs: Collection[str]


def of_slug(slug: str, raw: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what is wrong with the name of an entry's file."""
    if not _SLUG.fullmatch(slug):
        yield Problem((), f"'{slug}' is no slug; name the file in lower case with hyphens")
    if "slug" in raw:
        yield Problem(("slug",), "the file's name is the slug; delete this key")


def within(entry: Entry, known: Known) -> Iterator[Problem]:
    """Yield the problems of one entry, each with its path."""
    yield from _words(entry, known.vocabulary)
    yield from _licenses(entry, known.vocabulary)
    yield from _sources(entry, known.sources)
    yield from _cited(entry, known.sources)
    yield from _parents(entry, known.slugs)
    yield from _sizes(entry)
    yield from _uses_of_sizes(entry)
    yield from _stand_in(entry, known)


def _stand_in(entry: Entry, known: Known) -> Iterator[Problem]:
    if entry.stand_in is None:
        return
    if entry.runnable:
        yield Problem(("stand_in",), "the architecture is known; delete the stand-in")
    if entry.stand_in.like not in known.slugs:
        remedy = nearest(entry.stand_in.like, known.slugs) or "; name one by its slug"
        yield Problem(("stand_in", "like"), f"stand_in.like is '{entry.stand_in.like}', no entry{remedy}")


def across(entries: Mapping[str, Entry]) -> Iterator[tuple[str, list[Problem]]]:
    """Yield the problems between entries under the slug of the entry whose file is to be mended."""
    for slug, entry in entries.items():
        if problems := list(_younger_than_parents(entry, entries)):
            yield slug, problems
    yield from _shared_names(entries)
    try:
        TopologicalSorter({slug: list(entry.parents) for slug, entry in entries.items()}).prepare()
    except CycleError as error:
        cycle: list[str] = error.args[1][::-1]
        problem = Problem(
            ("parents", cycle[1]), f"parents go in a circle, {' -> '.join(cycle)}; delete one of the edges"
        )
        yield cycle[0], [problem]


def _words(entry: Entry, vocabulary: Vocabulary) -> Iterator[Problem]:
    for name, subject in _SUBJECTS.items():
        known = getattr(vocabulary, subject)
        for word in listed(getattr(entry.facts, name).value):
            if word not in known and word != UNDISCLOSED:
                remedy = nearest(word, known) or "; add it there or use one that is"
                yield Problem(("facts", name), f"facts.{name} names '{word}', not in vocabulary/{subject}.toml{remedy}")


def _licenses(entry: Entry, vocabulary: Vocabulary) -> Iterator[Problem]:
    for name in _LICENSES:
        fact: Fact[str] | None = getattr(entry.facts, name)
        if fact is None or fact.value in vocabulary.licenses or fact.value in NO_LICENSE:
            continue
        if not _SPDX.fullmatch(fact.value):
            remedy = "does not parse as a license; write one SPDX identifier or LicenseRef-..."
        else:
            remedy = "is not in vocabulary/licenses.toml" + (
                nearest(fact.value, vocabulary.licenses) or "; add what it allows there"
            )
        yield Problem(("facts", name), f"facts.{name} '{fact.value}' {remedy}")


def _sources(entry: Entry, sources: Collection[str]) -> Iterator[Problem]:
    for path, record in sourced(entry):
        if record.source not in sources:
            remedy = nearest(record.source, sources) or "; add its record"
            yield Problem((*path, "from"), f"{dotted(path)} cites '{record.source}', not in sources.bib{remedy}")


def _cited(entry: Entry, sources: Collection[str]) -> Iterator[Problem]:
    if entry.cite and entry.cite not in sources:
        remedy = nearest(entry.cite, sources) or "; add its record"
        yield Problem(("cite",), f"cite is '{entry.cite}', not in sources.bib{remedy}")


def _parents(entry: Entry, slugs: Collection[str]) -> Iterator[Problem]:
    for parent in entry.parents:
        if parent not in slugs:
            remedy = nearest(parent, slugs) or "; add the entry or delete the edge"
            yield Problem(("parents", parent), f"parents.{parent} names no entry{remedy}")


def _sizes(entry: Entry) -> Iterator[Problem]:
    if entry.architecture.function != UNDISCLOSED and not entry.sizes:
        yield Problem(
            ("architecture",), "the architecture is known but no size is; add [sizes.<name>] with its arguments"
        )
    for name, size in entry.sizes.items():
        path = ("sizes", name)
        missing = [key for key, part in (("from", size.source), ("at", size.at), ("sure", size.sure)) if part is None]
        if missing and name != TINY:
            yield Problem(path, f"{dotted(path)} lacks {' and '.join(missing)}; say where its numbers stand")
        if size.stated and size.stated.value != UNDISCLOSED and not _COUNT.fullmatch(size.stated.value):
            remedy = "write it as published, like '125M', or 'undisclosed'"
            yield Problem((*path, "stated"), f"{dotted(path)}.stated is '{size.stated.value}', no count; {remedy}")
        if entry.function(name) != UNDISCLOSED:
            try:
                made(entry.function(name), size.arguments)
            except BestiaryError as error:
                yield Problem((*path, "arguments"), f"{dotted(path)} does not build: {error}")


def _uses_of_sizes(entry: Entry) -> Iterator[Problem]:
    for field, parts in (("checkpoints", entry.checkpoints), ("errata_own", entry.errata_own)):
        for number, part in enumerate(parts):
            if part.size not in entry.sizes:
                remedy = nearest(part.size, entry.sizes) or f"; use one of {', '.join(entry.sizes)}"
                yield Problem((field, number, "size"), f"{field}[{number}].size is '{part.size}', no size here{remedy}")


def _younger_than_parents(entry: Entry, entries: Mapping[str, Entry]) -> Iterator[Problem]:
    born = entry.facts.published.value
    for parent in entry.parents.keys() & entries.keys():
        earlier = entries[parent].facts.published.value
        if born < earlier:
            message = f"published {born}, before its parent {parent} ({earlier}); mend a date or the edge"
            yield Problem(("facts", "published"), f"{entry.slug} was {message}")


def _shared_names(entries: Mapping[str, Entry]) -> Iterator[tuple[str, list[Problem]]]:
    owner: dict[str, str] = {}
    for slug, entry in entries.items():
        for name, key in ((slug, "name"), (entry.name, "name"), *((alias, "aliases") for alias in entry.aliases)):
            other = owner.setdefault(plain(name), slug)
            if other != slug:
                yield slug, [Problem((key,), f"'{name}' is already a name of {other}; give it to one of the two")]
