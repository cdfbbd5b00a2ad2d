"""Who came from whom: parents, children, the ways to ancestors and descendants, and trees to print."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection
from typing import NamedTuple, get_args

from bestiary.catalog.index import Catalog, packaged
from bestiary.catalog.schema import Edge, Entry
from bestiary.errors import BestiaryError, nearest

EDGES: tuple[Edge, ...] = get_args(Edge)


class Step(NamedTuple):
    """One edge of the lineage, from a model to one it came from, and what it took."""

    child: str
    parent: str
    edges: tuple[Edge, ...]


class Relative(NamedTuple):
    """An ancestor or a descendant, and the shortest way between it and the model that was asked for."""

    slug: str
    path: tuple[Step, ...]


class Branch(NamedTuple):
    """A model in a tree of descendants, with what it took from the one above it.

    A model with several parents has its own branches in the first place where it occurs; in the others ``repeated`` is
    true and ``branches`` empty.
    """

    slug: str
    edges: tuple[Edge, ...]
    branches: tuple[Branch, ...]
    repeated: bool = False


def parents(slug: str, edges: Collection[Edge] = EDGES, catalog: Catalog | None = None) -> tuple[Step, ...]:
    """Return the edges from a model to its parents, those that hold one of ``edges``, in the entry's order."""
    found = _entry(slug, catalog).parents
    steps = (Step(slug, parent, tuple(e for e in link.edge if e in edges)) for parent, link in found.items())
    return tuple(step for step in steps if step.edges)


def children(slug: str, edges: Collection[Edge] = EDGES, catalog: Catalog | None = None) -> tuple[Step, ...]:
    """Return the edges from a model's children to it, the oldest child first."""
    _entry(slug, catalog)
    catalog = packaged() if catalog is None else catalog
    born = sorted((e for e in catalog.values() if slug in e.parents), key=lambda e: (e.facts.published.value, e.slug))
    return tuple(step for child in born for step in parents(child.slug, edges, catalog) if step.parent == slug)


def ancestors(slug: str, edges: Collection[Edge] = EDGES, catalog: Catalog | None = None) -> tuple[Relative, ...]:
    """Return every ancestor of a model, the nearest first, each with the shortest way up to it."""
    return _reach(slug, lambda at: parents(at, edges, catalog), lambda step: step.parent)


def descendants(slug: str, edges: Collection[Edge] = EDGES, catalog: Catalog | None = None) -> tuple[Relative, ...]:
    """Return every descendant of a model, the nearest first, each with the shortest way down to it."""
    return _reach(slug, lambda at: children(at, edges, catalog), lambda step: step.child)


def roots(catalog: Catalog | None = None) -> tuple[str, ...]:
    """Return the models that came from no other, the oldest first."""
    catalog = packaged() if catalog is None else catalog
    first = (entry for entry in catalog.values() if not entry.parents)
    return tuple(entry.slug for entry in sorted(first, key=lambda entry: (entry.facts.published.value, entry.slug)))


def tree(slug: str, edges: Collection[Edge] = EDGES, catalog: Catalog | None = None) -> Branch:
    """Return a model with its descendants, nested, the oldest first."""
    grown: set[str] = set()

    def grow(at: str, taken: tuple[Edge, ...]) -> Branch:
        if at in grown:
            return Branch(at, taken, (), repeated=bool(children(at, edges, catalog)))
        grown.add(at)
        return Branch(at, taken, tuple(grow(step.child, step.edges) for step in children(at, edges, catalog)))

    return grow(slug, ())


def _reach(slug: str, steps: Callable[[str], tuple[Step, ...]], end: Callable[[Step], str]) -> tuple[Relative, ...]:
    found = {slug: Relative(slug, ())}
    waiting = deque([slug])
    while waiting:
        at = waiting.popleft()
        for step in steps(at):
            if end(step) not in found:
                found[end(step)] = Relative(end(step), (*found[at].path, step))
                waiting.append(end(step))
    return tuple(found.values())[1:]


def _entry(slug: str, catalog: Catalog | None) -> Entry:
    catalog = packaged() if catalog is None else catalog
    if slug not in catalog:
        raise BestiaryError(f"the catalog has no model '{slug}'{nearest(slug, catalog)}")
    return catalog[slug]
