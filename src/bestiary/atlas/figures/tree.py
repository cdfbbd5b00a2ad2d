"""The lineage: which entries a tree shows, in which rows, and the table of what each took from its parents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

from bestiary.atlas.figures.branches import Rows, box_width, draw
from bestiary.atlas.figures.edges import strongest
from bestiary.atlas.figures.figure import Figure
from bestiary.atlas.figures.layout import Edge, Room, lay_out
from bestiary.atlas.figures.marks import family_looks
from bestiary.atlas.figures.svg import Link
from bestiary.catalog import lineage
from bestiary.catalog.find import entry as find_entry
from bestiary.catalog.find import list_models
from bestiary.catalog.index import Catalog, packaged
from bestiary.catalog.schema import Entry

_ABREAST = 10  # boxes in a row: about as many as a screen or a sheet is wide
_APART = "apart"


def tree(
    catalog: Catalog | None = None, link: Link | None = None, around: str | None = None, family: str | None = None
) -> Figure:
    """Return the lineage of all entries, of one with its ancestors and descendants, or of one family.

    Raises ``BestiaryError`` for a name or a family that the catalog does not have.
    """
    catalog = packaged() if catalog is None else catalog
    entries = related(catalog, around, family)
    center = find_entry(around, catalog) if around else None
    edges = [
        Edge(step.parent, step.child, strongest(step.edges))
        for slug in entries
        for step in lineage.parents(slug, catalog=catalog)
        if step.parent in entries
    ]
    rows = _rows(entries, edges)
    layout = lay_out(rows.slugs, edges, {slug: box_width(entry) for slug, entry in entries.items()}, Room())
    looks = family_looks(row.family for row in catalog.rows.values())
    whose = center.name if center else spelled(catalog, family) if family else "all entries"
    title = f"The lineage of {whose}"
    return Figure(
        title,
        draw(title, entries, looks, rows, layout, link, center.slug if center else None),
        ("name", "slug", "family", "published", "parents"),
        tuple(_row(entry, catalog) for entry in sorted(entries.values(), key=_by_date)),
    )


def chosen(catalog: Catalog, family: str | None = None) -> dict[str, Entry]:
    """Return the entries of a figure by slug: all, or those of a family."""
    return {slug: catalog[slug] for slug in (list_models(catalog=catalog, family=family) if family else catalog)}


def spelled(catalog: Catalog, family: str) -> str:
    """Return a family's name as the catalog writes it."""
    return catalog.rows[list_models(catalog=catalog, family=family)[0]].family


def related(catalog: Catalog, around: str | None = None, family: str | None = None) -> dict[str, Entry]:
    """Return the entries of a tree by slug: all, one with all its relatives, or a family and its namesake."""
    slugs = set(chosen(catalog, family))
    if family:
        slugs |= {row.slug for row in catalog.rows.values() if row.name == spelled(catalog, family)}
    if around:
        center = find_entry(around, catalog).slug
        kin = (*lineage.ancestors(center, catalog=catalog), *lineage.descendants(center, catalog=catalog))
        slugs &= {center, *(relative.slug for relative in kin)}
    return {slug: catalog[slug] for slug in sorted(slugs)}


def _by_date(entry: Entry) -> tuple[str, str]:
    return entry.facts.published.value.isoformat(), entry.slug


def _row(entry: Entry, catalog: Catalog) -> tuple[str, ...]:
    steps = lineage.parents(entry.slug, catalog=catalog)
    parents = "; ".join(f"{catalog[step.parent].name} ({', '.join(step.edges)})" for step in steps)
    return entry.name, entry.slug, entry.facts.family.value, entry.facts.published.value.isoformat(), parents


def _rows(entries: Mapping[str, Entry], edges: Sequence[Edge]) -> Rows:
    """Return rows of at most a few boxes: a year's by their dates, a child below its parents, loners last."""
    parents: dict[str, list[str]] = {slug: [] for slug in entries}
    for edge in edges:
        parents[edge.target].append(edge.source)
    related = {slug for edge in edges for slug in (edge.source, edge.target)}

    @cache
    def depth(slug: str) -> int:
        return max((1 + depth(parent) for parent in parents[slug]), default=0)

    years: dict[str, list[str]] = {}
    for entry in sorted(entries.values(), key=lambda e: (e.facts.published.value, depth(e.slug), e.slug)):
        year = str(entry.facts.published.value.year) if entry.slug in related else _APART
        years.setdefault(year, []).append(entry.slug)
    slugs: list[list[str]] = []
    headings: list[str | None] = []
    for year in sorted(years):  # what is apart comes after the digits
        found = _year_rows(years[year], parents)
        slugs += found
        headings += [year, *[None] * (len(found) - 1)]
    return Rows(slugs, headings)


def _year_rows(slugs: Sequence[str], parents: Mapping[str, list[str]]) -> list[list[str]]:
    """Return a year's slugs, in the order of their dates, in about equal rows, each below its parents."""
    rows: list[list[str]] = []
    at: dict[str, int] = {}
    wanted = -(-len(slugs) // _ABREAST)
    for rank, slug in enumerate(slugs):
        row = max([rank * wanted // len(slugs), *(at[parent] + 1 for parent in parents[slug] if parent in at)])
        while row < len(rows) and len(rows[row]) >= _ABREAST:
            row += 1
        while row >= len(rows):
            rows.append([])
        rows[row].append(slug)
        at[slug] = row
    return [row for row in rows if row]
