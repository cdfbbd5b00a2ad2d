"""How to cite a model, alone or with all that it came from, as BibTeX."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from bestiary.catalog.bibliography import Source, read_bibliography
from bestiary.catalog.index import Catalog, packaged
from bestiary.catalog.lineage import ancestors
from bestiary.catalog.schema import Entry, sourced


def paper(entry: Entry, sources: Mapping[str, Source]) -> Source:
    """Return the source to cite for a model: the one it names, else the paper that most of its facts rest on.

    Where there is no paper, it is the source of the first date.
    """
    if entry.cite:
        return sources[entry.cite]
    papers = Counter(fact.source for _, fact in sourced(entry.facts) if sources[fact.source].is_paper)
    return sources[max(papers, key=papers.__getitem__, default=entry.facts.published.source)]


def bibtex(entry: Entry, chain: bool = False, catalog: Catalog | None = None) -> str:
    """Return the BibTeX record of a model; with ``chain``, then those of its ancestors, the nearest first."""
    catalog = packaged() if catalog is None else catalog
    slugs = [entry.slug]
    if chain:
        slugs += [relative.slug for relative in ancestors(entry.slug, catalog=catalog)]
    return selection(slugs, catalog)


def selection(slugs: Iterable[str], catalog: Catalog | None = None) -> str:
    """Return the BibTeX records of models in their order, each record once."""
    catalog = packaged() if catalog is None else catalog
    sources = sources_of(catalog.folder)
    records = dict.fromkeys(paper(catalog[slug], sources).text for slug in slugs)
    return "\n\n".join(records) + "\n"


@cache
def sources_of(folder: Path) -> dict[str, Source]:
    """Return the bibliography of a catalog's folder; read once in a process."""
    return read_bibliography(folder / "sources.bib")
