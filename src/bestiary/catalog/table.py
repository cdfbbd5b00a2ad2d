"""The whole catalog as two flat tables, a row for each model and one for each size: for search, spreadsheets, sites."""

from __future__ import annotations

from datetime import date
from functools import cache

import msgspec

from bestiary.catalog.cite import paper, sources_of
from bestiary.catalog.index import Catalog, packaged
from bestiary.catalog.licenses import may
from bestiary.catalog.schema import Entry, Record, Verdict, listed


class ModelRow(Record, frozen=True):
    """One model: what is known of it, what it may be used for, and how large it comes.

    ``corpus`` and ``tokens`` may be ``undisclosed``; counts are absent where the architecture is. ``license`` is that
    of the weights, and ``parents`` are written ``bert: architecture, successor``.
    """

    slug: str
    name: str
    aliases: tuple[str, ...]
    kind: str
    summary: str
    family: str
    published: date
    labs: tuple[str, ...]
    form: str
    modality: tuple[str, ...]
    objectives: tuple[str, ...]
    tasks: tuple[str, ...]
    application: str
    access: str
    code_license: str
    license: str
    commercial: Verdict
    modify: Verdict
    redistribute: Verdict
    research: Verdict
    parents: tuple[str, ...]
    corpus: tuple[str, ...]
    tokens: int | str
    runnable: bool
    size: str | None
    """The default size."""
    parameters: int | None
    """The exact ones of the default size."""
    stated: str | None
    """What the authors state of the default size."""
    smallest: int | None
    largest: int | None
    sizes: int
    checkpoints: int
    errata: int
    cite: str
    """The key of its paper in the bibliography."""


class SizeRow(Record, frozen=True):
    """One published size: its exact parameters, what its authors state, and the arguments that make it."""

    slug: str
    size: str
    function: str
    total: int
    active: int
    embedding: int
    non_embedding: int
    stated: str | None
    arguments: str
    """As JSON, the keys in the entry's order."""
    checkpoint: str | None
    """The first published one on the hub."""


def rows(catalog: Catalog | None = None) -> tuple[ModelRow, ...]:
    """Return a row for each model, in alphabetical order of the slugs; made once in a process."""
    return _packaged_rows() if catalog is None else tuple(_row(entry, catalog) for entry in catalog.values())


def sizes(catalog: Catalog | None = None) -> tuple[SizeRow, ...]:
    """Return a row for each published size: models in alphabetical order, sizes in the entry's, the default first."""
    catalog = packaged() if catalog is None else catalog
    return tuple(row for slug in catalog for row in _sizes(catalog[slug], catalog))


@cache
def _packaged_rows() -> tuple[ModelRow, ...]:
    return rows(packaged())


def _row(entry: Entry, catalog: Catalog) -> ModelRow:
    facts, short = entry.facts, catalog.rows[entry.slug]
    counts = [size.total for size in short.sizes]
    default = short.sizes[0] if short.sizes else None
    return ModelRow(
        slug=entry.slug,
        name=entry.name,
        aliases=entry.aliases,
        kind=entry.kind,
        summary=" ".join(entry.summary.split()),
        family=short.family,
        published=short.published,
        labs=short.labs,
        form=short.form,
        modality=short.modality,
        objectives=short.objectives,
        tasks=short.tasks,
        application=facts.application.value,
        access=short.access,
        code_license=facts.code_license.value,
        license=short.license,
        commercial=may(entry, "commercial", catalog).verdict,
        modify=may(entry, "modify", catalog).verdict,
        redistribute=may(entry, "redistribute", catalog).verdict,
        research=may(entry, "research", catalog).verdict,
        parents=tuple(f"{slug}: {', '.join(parent.edge)}" for slug, parent in entry.parents.items()),
        corpus=listed(facts.corpus.value),
        tokens=facts.tokens.value,
        runnable=entry.runnable,
        size=default.name if default else None,
        parameters=default.total if default else None,
        stated=default.stated if default else None,
        smallest=min(counts, default=None),
        largest=max(counts, default=None),
        sizes=len(counts),
        checkpoints=len(entry.checkpoints),
        errata=len(entry.errata) + len(entry.errata_own),
        cite=paper(entry, sources_of(catalog.folder)).key,
    )


def _sizes(entry: Entry, catalog: Catalog) -> list[SizeRow]:
    published = {checkpoint.size: checkpoint.hub for checkpoint in reversed(entry.checkpoints)}
    return [
        SizeRow(
            slug=entry.slug,
            size=size.name,
            function=entry.function(size.name),
            total=size.total,
            active=size.active,
            embedding=size.embedding,
            non_embedding=size.non_embedding,
            stated=size.stated,
            arguments=msgspec.json.encode(entry.sizes[size.name].arguments).decode(),
            checkpoint=published.get(size.name),
        )
        for size in catalog.rows[entry.slug].sizes
    ]
