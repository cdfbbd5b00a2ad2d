"""What the site's script reads: rows of all models, and for each entry its sizes, parts, choices and plans."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bestiary.atlas.site.collection import Collection
from bestiary.atlas.site.facts import facts
from bestiary.atlas.site.leaves import leaves
from bestiary.atlas.site.scripts import added, assigned
from bestiary.catalog.index import Row
from bestiary.catalog.schema import TINY, Entry, listed
from bestiary.sizing import GPU_MEMORY, PRECISIONS

WORDS = ("labs", "licenses", "modalities", "objectives", "tasks")


def models_script(collection: Collection) -> str:
    """Return the script of what every page knows: a row for each model, and the words that rows use."""
    vocabulary = collection.catalog.vocabulary
    words = {subject: {key: word.name for key, word in getattr(vocabulary, subject).items()} for subject in WORDS}
    return assigned("models", [row(collection, entry) for entry in collection]) + assigned("words", words)


def gpus_script(collection: Collection) -> str:
    """Return the script of the GPUs that are known and of the precisions."""
    gpus = [{"name": name, "bytes": size} for name, size in GPU_MEMORY.items()]
    precisions = {name: precision._asdict() for name, precision in PRECISIONS.items()}
    return assigned("gpus", gpus) + assigned("precisions", precisions)


def entry_script(collection: Collection, entry: Entry) -> str:
    """Return the script of one entry: what comparing, sizing and varying it need."""
    return added("entries", entry.slug, entry_data(collection, entry))


def row(collection: Collection, entry: Entry) -> dict[str, Any]:
    """Return what a model is searched, filtered and sorted by."""
    short: Row = collection.catalog.rows[entry.slug]
    default = next(iter(entry.sizes), None)
    count = collection.count(entry, default) if default and entry.runnable else None
    stated = entry.sizes[default].stated if default else None
    return {
        "slug": entry.slug,
        "name": entry.name,
        "aliases": entry.aliases,
        "summary": summary(entry),
        "kind": entry.kind,
        "family": short.family,
        "published": short.published.isoformat(),
        "form": short.form,
        "labs": short.labs,
        "modality": short.modality,
        "objectives": short.objectives,
        "tasks": short.tasks,
        "corpus": listed(entry.facts.corpus.value),
        "tokens": entry.facts.tokens.value,
        "access": short.access,
        "license": short.license,
        "code_license": entry.facts.code_license.value,
        **collection.verdicts(entry),
        "runnable": entry.runnable,
        "sizes": short.sizes if entry.runnable else (),
        "parameters": count.total if count else None,
        "active": count.active if count else None,
        "stated": stated.value if stated else None,
        "parents": tuple(entry.parents),
    }


def summary(entry: Entry) -> str:
    """Return an entry's text in one line."""
    return " ".join(entry.summary.split())


def entry_data(collection: Collection, entry: Entry) -> dict[str, Any]:
    """Return what the script knows of an entry beyond its row."""
    return {
        "slug": entry.slug,
        "name": entry.name,
        "default": next(iter(collection.sizes(entry)), None),
        "facts": list(_facts(collection, entry)),
        "sizes": {size: size_data(collection, entry, size) for size in collection.sizes(entry)},
    }


def size_data(collection: Collection, entry: Entry, size: str) -> dict[str, Any]:
    """Return one size: where it comes from, its exact counts, its parts and choices, and what it takes."""
    count, published = collection.count(entry, size), entry.sizes.get(size)
    return {
        "tiny": size == TINY,
        "function": entry.function(size),
        "arguments": published.arguments if published else {},
        "stated": published.stated.value if published and published.stated else None,
        "context": collection.context(entry, size),
        "count": {
            "total": count.total,
            "active": count.active,
            "embedding": count.embedding,
            "non_embedding": count.non_embedding,
            "heads": count.heads,
        },
        "parts": list(count.parts.items()),
        "spec": leaves(collection.spec(entry, size)),
    }


def _facts(collection: Collection, entry: Entry) -> Iterator[tuple[str, str, str, dict[str, str]]]:
    for fact in facts(collection, entry):
        source = collection.references[fact.source]
        evidence = {"from": fact.source, "at": fact.at, "sure": fact.sure, "title": source.title, "url": source.url}
        yield fact.key, fact.title, fact.text, evidence
