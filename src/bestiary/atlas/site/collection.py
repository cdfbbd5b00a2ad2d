"""What every page is made of, each looked up once: the catalog, its sources, its specs and their counts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any

from bestiary import sizing
from bestiary.atlas.figures.colors import family_colors
from bestiary.atlas.site.sources import Reference, reference
from bestiary.catalog.bibliography import read_bibliography
from bestiary.catalog.errata import Row as Erratum
from bestiary.catalog.errata import errata
from bestiary.catalog.index import Catalog, packaged
from bestiary.catalog.licenses import PURPOSES, Answer, may
from bestiary.catalog.resolve import size_spec
from bestiary.catalog.schema import TINY, Entry, sourced
from bestiary.catalog.table import ModelRow, rows
from bestiary.errors import BestiaryError
from bestiary.sizing.plan import TASKS, USUAL_CONTEXT, Plan, plan
from bestiary.sizing.reach import context_length
from bestiary.spec import Model


class Collection:
    """A catalog as the site sees it; what is asked for twice is made once."""

    def __init__(self, catalog: Catalog | None = None) -> None:
        self.catalog = packaged() if catalog is None else catalog
        self._specs: dict[tuple[str, str], Model] = {}
        self._counts: dict[tuple[str, str], sizing.Count] = {}
        self._plans: dict[tuple[str, str], dict[str, Plan]] = {}
        self._answers: dict[tuple[str, str], Answer] = {}

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.catalog.values())

    @cached_property
    def references(self) -> dict[str, Reference]:
        """The bibliography as readers want it, by key."""
        known = read_bibliography(self.catalog.folder / "sources.bib")
        return {key: reference(source) for key, source in known.items()}

    @cached_property
    def cited(self) -> dict[str, tuple[str, ...]]:
        """The entries that rest on each source, by its key."""
        found: dict[str, list[str]] = {}
        for entry in self:
            for key in _sources(entry):
                found.setdefault(key, []).append(entry.slug)
        return {key: tuple(slugs) for key, slugs in found.items()}

    @cached_property
    def rows(self) -> dict[str, ModelRow]:
        """The table of all models, by slug."""
        return {row.slug: row for row in rows(None if self.catalog is packaged() else self.catalog)}

    @cached_property
    def errata(self) -> tuple[Erratum, ...]:
        """Every correction."""
        return tuple(errata(catalog=self.catalog))

    @cached_property
    def colors(self) -> dict[str, str]:
        """The color of each family, the same as in the figures."""
        return family_colors(row.family for row in self.catalog.rows.values())

    def sizes(self, entry: Entry) -> tuple[str, ...]:
        """Return an entry's sizes that have a spec, the default first and the small twin last."""
        if not entry.runnable:
            return (TINY,) if entry.stand_in else ()
        return tuple(dict.fromkeys([*entry.sizes, TINY]))

    def spec(self, entry: Entry, size: str) -> Model:
        """Return the spec of a size."""
        key = (entry.slug, size)
        if key not in self._specs:
            self._specs[key] = size_spec(entry, size)
        return self._specs[key]

    def count(self, entry: Entry, size: str) -> sizing.Count:
        """Return the exact counts of a size."""
        key = (entry.slug, size)
        if key not in self._counts:
            self._counts[key] = sizing.count(self.spec(entry, size))
        return self._counts[key]

    def plans(self, entry: Entry, size: str) -> dict[str, Plan]:
        """Return what each task keeps in memory, by its name."""
        key = (entry.slug, size)
        if key not in self._plans:
            self._plans[key] = {task: plan(self.spec(entry, size), task) for task in TASKS}
        return self._plans[key]

    def context(self, entry: Entry, size: str) -> int:
        """Return the tokens that a size reads: its own length, or a usual one where it has none."""
        try:
            return context_length(self.spec(entry, size))
        except BestiaryError:  # positions without an end
            return USUAL_CONTEXT

    def answer(self, entry: Entry, purpose: Any) -> Answer:
        """Return whether a model may be used for a purpose, and why."""
        key = (entry.slug, purpose)
        if key not in self._answers:
            self._answers[key] = may(entry, purpose, self.catalog)
        return self._answers[key]

    def verdicts(self, entry: Entry) -> dict[str, str]:
        """Return the answer for each purpose in a word."""
        return {purpose: self.answer(entry, purpose).verdict for purpose in PURPOSES}

    def word(self, subject: str, key: str) -> str:
        """Return what a word of a vocabulary stands for; ``subject`` is as in `Vocabulary`, or none of them."""
        known: dict[str, Any] = getattr(self.catalog.vocabulary, subject, {})
        return known[key].name if key in known else key


def _sources(entry: Entry) -> Iterable[str]:
    """Return the keys of the sources that an entry names, each once."""
    named = [entry.cite] if entry.cite else []
    return dict.fromkeys(named + [statement.source for _, statement in sourced(entry)])
