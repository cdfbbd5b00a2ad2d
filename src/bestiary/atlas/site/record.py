"""What the page of an entry shows, as plain values."""

from __future__ import annotations

from typing import Any, NamedTuple

from bestiary import sizing
from bestiary.atlas.figures.anatomy import anatomy
from bestiary.atlas.figures.edges import TOOK
from bestiary.atlas.site.collection import Collection
from bestiary.atlas.site.command import commands
from bestiary.atlas.site.data import summary
from bestiary.atlas.site.facts import PURPOSES_SAID, facts
from bestiary.atlas.site.gpus import smallest
from bestiary.atlas.site.kin import kin, kin_figure
from bestiary.atlas.site.lists import asked
from bestiary.catalog.cite import bibtex
from bestiary.catalog.licenses import PURPOSES
from bestiary.catalog.lineage import ancestors
from bestiary.catalog.schema import UNDISCLOSED, Entry
from bestiary.sizing import PRECISIONS
from bestiary.spec import flat


class Size(NamedTuple):
    """One size of an entry: its exact counts, what its authors state, and where its arguments come from."""

    name: str
    total: int
    active: int
    embedding: int
    stated: str | None
    arguments: tuple[tuple[str, str], ...]
    source: str | None
    at: str | None
    sure: str | None


class Need(NamedTuple):
    """Bytes that serving takes at one precision, and the smallest GPU that holds them."""

    precision: str
    weights: int
    per_token: int
    cache: int
    total: int
    gpu: str | None


def record(collection: Collection, entry: Entry) -> dict[str, Any]:
    """Return the values of an entry's page."""
    catalog = collection.catalog
    sizes = collection.sizes(entry)
    errata = [row for row in collection.errata if row.slug == entry.slug]
    return {
        "entry": entry,
        "summary": summary(entry),
        "facts": list(facts(collection, entry)),
        "sizes": [_size(collection, entry, size) for size in sizes],
        "default": sizes[0] if sizes else None,
        "stand_in": catalog[entry.stand_in.like] if entry.stand_in else None,
        "kin": kin(collection, entry),
        "kin_figure": kin_figure(collection, entry, lambda slug: f"{slug}.html"),
        "kinds": TOOK,
        "ancestors": [catalog[relative.slug] for relative in ancestors(entry.slug, catalog=catalog)],
        "anatomy": anatomy(collection.spec(entry, sizes[0]), f"{entry.slug}:{sizes[0]}") if sizes else None,
        "flat": flat(collection.spec(entry, sizes[0])) if sizes else None,
        "answers": [(PURPOSES_SAID[purpose], collection.answer(entry, purpose)) for purpose in PURPOSES],
        "needs": needs(collection, entry, sizes[0]) if entry.runnable else (),
        "context": collection.context(entry, sizes[0]) if sizes else None,
        "errata": errata,
        **asked(),
        "bibtex": bibtex(entry, catalog=catalog),
        "commands": commands(collection, entry),
        "undisclosed": entry.architecture.function == UNDISCLOSED,
    }


def _size(collection: Collection, entry: Entry, name: str) -> Size:
    count, published = collection.count(entry, name), entry.sizes.get(name)
    stated = published.stated.value if published and published.stated else None
    arguments = tuple((key, str(value)) for key, value in published.arguments.items()) if published else ()
    evidence = (published.source, published.at, published.sure) if published else (None, None, None)
    return Size(name, count.total, count.active, count.embedding, stated, arguments, *evidence)


def needs(collection: Collection, entry: Entry, size: str) -> tuple[Need, ...]:
    """Return what serving a size takes at each precision, a sequence of its own length at once."""
    spec, context = collection.spec(entry, size), collection.context(entry, size)
    found: list[Need] = []
    for name, precision in PRECISIONS.items():
        need = sizing.memory(spec, name, context)
        per_token = sizing.cache_bytes(spec, 1, precision=precision.cache)
        found.append(Need(name, need.weights, per_token, need.cache, need.total, smallest(need.total)))
    return tuple(found)
