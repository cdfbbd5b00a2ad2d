"""What the site's script reads: rows of all models, and for each entry its sizes, parts, choices and plans."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from bestiary.atlas.site.collection import Collection
from bestiary.atlas.site.facts import facts
from bestiary.atlas.site.gpus import gpus
from bestiary.atlas.site.leaves import leaves
from bestiary.atlas.site.scripts import added, assigned
from bestiary.atlas.site.varied import Varied
from bestiary.catalog.index import Sized
from bestiary.catalog.schema import TINY, Entry
from bestiary.catalog.stated import figure
from bestiary.sizing import PRECISIONS
from bestiary.sizing.lines import numbers

WORDS = ("labs", "licenses", "modalities", "objectives", "tasks")
COLUMNS = (
    ("name", "Model", "text", True), ("family", "Family", "text", True), ("published", "Published", "date", True),
    ("form", "Form", "text", True), ("labs", "Made by", "words", True), ("parameters", "Parameters", "number", True),
    ("stated", "Stated", "text", False), ("active", "Active", "number", False), ("tokens", "Tokens", "number", False),
    ("license", "License", "text", True), ("commercial", "Commercial use", "text", True),
    ("modality", "Modality", "words", False), ("objectives", "Trained to", "words", False),
    ("tasks", "Used for", "words", False), ("access", "Access", "text", False), ("corpus", "Corpus", "words", False),
    ("parents", "Parents", "words", False),
)  # fmt: skip
"""Columns of the table: key, title, kind, and whether it is shown at first."""


def models_script(collection: Collection) -> str:
    """Return the script of what every page knows: a row for each model, and the words that rows use."""
    vocabulary = collection.catalog.vocabulary
    words = {subject: {key: word.name for key, word in getattr(vocabulary, subject).items()} for subject in WORDS}
    rows = [row(collection, entry) for entry in collection]
    columns = [(key, title, kind) for key, title, kind, _ in COLUMNS]
    shown = [key for key, _, _, is_shown in COLUMNS if is_shown]
    tables = {"models": rows, "words": words, "columns": columns, "shown": shown}
    return "".join(assigned(key, value) for key, value in tables.items())


def gpus_script(collection: Collection) -> str:
    """Return the script of the GPUs that are known and of the precisions."""
    return assigned("gpus", [gpu.to_json() for gpu in gpus()]) + assigned(
        "precisions", {name: numbers(one) for name, one in PRECISIONS.items()}
    )


def plans_script(collection: Collection, task: str) -> str:
    """Return the script of what a task takes at every published size where that is known whole.

    It is how much and not why: the sentences that explain it come with each entry. What all sizes share stands once.
    """
    sizes = [(entry, size) for entry in collection for size in (entry.sizes if entry.runnable else ())]
    plans = {f"{entry.slug}:{size}": collection.plans(entry, size)[task] for entry, size in sizes}
    parameters = {f"{entry.slug}:{size}": collection.count(entry, size).total for entry, size in sizes}
    known = {name: plan.to_json() for name, plan in plans.items() if plan.complete}
    shared = next(iter(known.values()), {"precisions": {}, "leaves_out": [""]})
    made = {
        "precisions": shared["precisions"],
        "leaves_out": shared["leaves_out"][-1],
        "unknown": len(plans) - len(known),
        "sizes": {
            name: {
                "parameters": parameters[name],
                "lines": [[line["part"], line["formula"]] for line in plan["lines"]],
                "variables": [_bare(variable) for variable in plan["variables"]],
            }
            for name, plan in known.items()
        },
    }
    return added("plans", task, made)


def _bare(variable: dict[str, Any]) -> dict[str, Any]:
    """Return a variable without the sentence that explains it."""
    return {key: value for key, value in variable.items() if key != "why"}


def entry_script(collection: Collection, entry: Entry) -> str:
    """Return the script of one entry: what comparing, sizing and varying it need."""
    return added("entries", entry.slug, entry_data(collection, entry))


def row(collection: Collection, entry: Entry) -> dict[str, Any]:
    """Return what a model is searched, filtered and sorted by: its row in the table, sizes and parents by name."""
    sizes = collection.catalog.rows[entry.slug].sizes
    return {
        **msgspec.to_builtins(collection.rows[entry.slug]),
        "sizes": [size.name for size in sizes],
        "counts": [(size.total, _stated(size)) for size in sizes],
        "active": sizes[0].active if sizes else None,
        "parents": list(entry.parents),
    }


def _stated(size: Sized) -> int | None:
    """Return the total that a size's authors state as a number, where they state that one."""
    found = figure(size.stated) if size.stated and size.counted == "total" else None
    return round(found) if found is not None else None


def summary(entry: Entry) -> str:
    """Return an entry's text in one line."""
    return " ".join(entry.summary.split())


def entry_data(collection: Collection, entry: Entry) -> dict[str, Any]:
    """Return what the script knows of an entry beyond its row."""
    varied = Varied()
    return {
        "slug": entry.slug,
        "name": entry.name,
        "default": next(iter(collection.sizes(entry)), None),
        "facts": list(_facts(collection, entry)),
        "sizes": {size: size_data(collection, entry, size, varied) for size in collection.sizes(entry)},
    }


def size_data(collection: Collection, entry: Entry, size: str, varied: Varied) -> dict[str, Any]:
    """Return one size: where it comes from, its exact counts, its parts and choices, and what it takes."""
    count, published = collection.count(entry, size), entry.sizes.get(size)
    variation = varied.of(entry.function(size), published.arguments, count) if published else None
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
        "plans": {task: plan.to_json() for task, plan in collection.plans(entry, size).items()},
        "variation": variation.to_json() if variation else None,
    }


def _facts(collection: Collection, entry: Entry) -> Iterator[tuple[str, str, str, dict[str, str]]]:
    for fact in facts(collection, entry):
        source = collection.references[fact.source]
        evidence = {"from": fact.source, "at": fact.at, "sure": fact.sure, "title": source.title, "url": source.url}
        yield fact.key, fact.title, fact.text, evidence
