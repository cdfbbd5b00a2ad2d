"""What the pages of many entries show, as plain values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import groupby
from typing import Any, NamedTuple

from bestiary import sizing
from bestiary.atlas.figures.figure import Figure
from bestiary.atlas.site.collection import Collection
from bestiary.atlas.site.data import COLUMNS, row
from bestiary.atlas.site.downloads import DOWNLOADS
from bestiary.atlas.site.facts import ACCESS, FORMS, PURPOSES_SAID, license_text
from bestiary.atlas.site.gpus import gpus
from bestiary.catalog.licenses import PURPOSES
from bestiary.catalog.lineage import children, descendants
from bestiary.catalog.schema import Entry, sourced
from bestiary.sizing import PRECISIONS, TASKS

TASK_TITLES = {
    "serve": "serve it", "train": "train all of it", "lora": "tune it with LoRA", "qlora": "tune it with QLoRA",
    "dpo": "align it with DPO", "ppo": "align it with PPO",
}  # fmt: skip
GPU_SHOWN = "RTX 4090"
"""What the page of what fits shows at first."""
PAIRS = 15
VERDICTS = {"yes": "Yes", "conditional": "On conditions", "no": "No", "unknown": "Unknown"}


class Choice(NamedTuple):
    """One value that a list is narrowed to, and how many entries have it."""

    value: str
    text: str
    tally: int


class Facet(NamedTuple):
    """One question that a list is narrowed by."""

    key: str
    title: str
    choices: tuple[Choice, ...]


def home(collection: Collection) -> dict[str, Any]:
    """Return the values of the first page: every model, and what the list is narrowed by."""
    rows = [row(collection, entry) for entry in collection]
    return {"rows": rows, "facets": facets(collection, rows), "sizes": sum(len(entry.sizes) for entry in collection)}


def facets(collection: Collection, rows: list[dict[str, Any]]) -> list[Facet]:
    """Return the questions in the order in which readers ask them, the commonest answers first."""
    return [
        _facet("commercial", "Commercial use", rows, "commercial", VERDICTS),
        _facet("form", "Form", rows, "form", FORMS),
        _facet("family", "Family", rows, "family", {}),
        _facet("modality", "Reads and writes", rows, "modality", _names(collection, "modalities")),
        _facet("task", "Used for", rows, "tasks", _names(collection, "tasks")),
        _facet("objective", "Trained to", rows, "objectives", _names(collection, "objectives")),
        _facet("lab", "Made by", rows, "labs", _names(collection, "labs")),
        _facet("license", "License of the weights", rows, "license", _licenses(collection)),
        _facet("access", "Access", rows, "access", ACCESS),
        _facet("runnable", "Architecture", rows, "runnable", {"yes": "Published", "no": "Undisclosed, or none"}),
    ]


def _facet(key: str, title: str, rows: list[dict[str, Any]], column: str, names: dict[str, str]) -> Facet:
    tallies = Counter(value for row in rows for value in _values(row[column]))
    ranked = sorted(tallies, key=lambda value: (-tallies[value], value))
    return Facet(key, title, tuple(Choice(value, names.get(value, value), tallies[value]) for value in ranked))


def _values(value: Any) -> tuple[str, ...]:
    if isinstance(value, bool):
        return ("yes" if value else "no",)
    return (value,) if isinstance(value, str) else tuple(value)


def _names(collection: Collection, subject: str) -> dict[str, str]:
    return {key: word.name for key, word in getattr(collection.catalog.vocabulary, subject).items()}


def _licenses(collection: Collection) -> dict[str, str]:
    return _names(collection, "licenses") | {"none": license_text(collection, "none")}


def table(collection: Collection) -> dict[str, Any]:
    """Return the values of the table of all models."""
    return {"rows": [row(collection, entry) for entry in collection], "columns": COLUMNS}


def licenses(collection: Collection) -> dict[str, Any]:
    """Return the values of the page of licenses: what each grants, what is under it, and the answer for each model."""
    held: dict[str, dict[str, list[Entry]]] = {}
    for entry in collection:
        facts = entry.facts
        for what in ("weights", "code", "data", "output"):
            fact = getattr(facts, f"{what}_license")
            if fact is not None:
                held.setdefault(fact.value, {}).setdefault(what, []).append(entry)
    known = collection.catalog.vocabulary.licenses
    return {
        "licenses": [(key, known[key], held.get(key, {})) for key in sorted(known, key=str.casefold)],
        "unnamed": {key: held.get(key, {}) for key in ("none", "undisclosed")},
        "purposes": [(purpose, PURPOSES_SAID[purpose]) for purpose in PURPOSES],
        "answers": [(entry, {p: collection.answer(entry, p) for p in PURPOSES}) for entry in collection],
        "verdicts": VERDICTS,
    }


def errata(collection: Collection) -> dict[str, Any]:
    """Return the values of the page of corrections, by entry."""
    rows = collection.errata
    groups = [(collection.catalog[slug], list(group)) for slug, group in groupby(rows, key=lambda row: row.slug)]
    return {"groups": groups, "total": len(rows), "ours": sum(row.wrong_in != "own paper" for row in rows)}


def sources(collection: Collection) -> dict[str, Any]:
    """Return the values of the page of sources."""
    ordered = sorted(collection.references.values(), key=lambda one: (one.title.casefold(), one.key))
    return {"references": ordered, "cited": collection.cited}


def about(collection: Collection) -> dict[str, Any]:
    """Return the values of the page about the data: how much there is and how sure it is."""
    statements = [statement for entry in collection for _, statement in sourced(entry)]
    sure = Counter(statement.sure for statement in statements if getattr(statement, "sure", None))
    papers = sum(one.is_paper for one in collection.references.values())
    return {
        "entries": len(collection.catalog),
        "runnable": sum(entry.runnable for entry in collection),
        "sizes": sum(len(entry.sizes) for entry in collection if entry.runnable),
        "checkpoints": sum(len(entry.checkpoints) for entry in collection),
        "statements": len(statements),
        "sure": [(word, sure.get(word, 0)) for word in ("stated", "derived", "estimated", "disputed", "memory")],
        "sources": len(collection.references),
        "papers": papers,
        "errata": len(collection.errata),
        "downloads": DOWNLOADS.items(),
    }


class Need(NamedTuple):
    """What serving one model takes, in bytes, and whether the GPU that is shown at first holds it."""

    entry: Entry
    size: str
    parameters: int
    weights: int
    other: int
    fits: bool


def fits(collection: Collection) -> dict[str, Any]:
    """Return the values of the page that says what fits: what serving each model's default size takes."""
    known = gpus()
    room = next(gpu.memory for gpu in known if gpu.name == GPU_SHOWN)
    found: list[Need] = []
    for entry in collection:
        for size in collection.sizes(entry)[:1] if entry.runnable else ():
            need = sizing.memory(collection.spec(entry, size), context=collection.context(entry, size))
            total = collection.count(entry, size).total
            found.append(Need(entry, size, total, need.weights, need.cache, need.total <= room))
    found.sort(key=lambda need: (not need.fits, -need.parameters, need.entry.slug))
    return {"needs": found, "gpus": known, "gpu_shown": GPU_SHOWN, **asked()}


def asked() -> dict[str, Any]:
    """Return what can be asked about memory: tasks and precisions."""
    return {"tasks": [(task, TASK_TITLES[task]) for task in TASKS], "precisions": tuple(PRECISIONS)}


def figure(collection: Collection, draw: Callable[..., Figure]) -> dict[str, Any]:
    """Return the values of a page that shows a drawing of all entries, each a link to its page."""
    drawn = draw(catalog=collection.catalog, link=lambda slug: f"models/{slug}.html")
    tallies = Counter(row.family for row in collection.catalog.rows.values())
    ranked = sorted(tallies, key=lambda family: (-tallies[family], family))
    return {"figure": drawn, "families": [Choice(family, family, tallies[family]) for family in ranked]}


def compare(collection: Collection) -> dict[str, Any]:
    """Return the values of the page that compares: for the models with most descendants, the first that kept them."""
    catalog = collection.catalog
    ranked = sorted(catalog, key=lambda slug: (-len(descendants(slug, catalog=catalog)), slug))
    pairs: list[tuple[Entry, Entry, str, str]] = []
    for older in (catalog[slug] for slug in ranked if catalog[slug].runnable):
        kept = (catalog[step.child] for step in children(older.slug, ("architecture", "successor"), catalog))
        younger = next((child for child in kept if child.runnable), None)
        if younger:
            names = [f"{one.slug}:{collection.sizes(one)[0]}" for one in (younger, older)]
            pairs.append((younger, older, names[0], names[1]))
    return {"pairs": pairs[:PAIRS]}


def what_if() -> dict[str, Any]:
    """Return the values of the page that varies a model, whose formulas are those of serving alone."""
    return asked() | {"tasks": [("serve", TASK_TITLES["serve"])]}
