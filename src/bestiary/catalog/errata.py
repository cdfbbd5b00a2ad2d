"""Where the 2023 catalog, or a model's own paper, is contradicted by a primary source: one row each."""

from __future__ import annotations

from typing import Literal, NamedTuple

from bestiary.catalog.index import Catalog, packaged


class Row(NamedTuple):
    """A wrong value, ours, and the evidence. ``wrong_in`` tells the 2023 catalog from the model's own paper."""

    slug: str
    wrong_in: Literal["catalog of 2023", "own paper"]
    field: str
    paper: str
    ours: str
    why: str
    source: str
    at: str


def errata(slug: str | None = None, catalog: Catalog | None = None) -> list[Row]:
    """Return the errata of one entry, or of all in alphabetical order; those of the 2023 catalog come first."""
    catalog = packaged() if catalog is None else catalog
    rows: list[Row] = []
    for entry in catalog.values() if slug is None else [catalog[slug]]:
        for wrong in entry.errata:
            values = (wrong.field, wrong.paper, wrong.ours, wrong.why, wrong.source, wrong.at)
            rows.append(Row(entry.slug, "catalog of 2023", *values))
        for wrong in entry.errata_own:
            field, ours = f"parameters of {wrong.size}", f"{wrong.computed:,}"
            rows.append(Row(entry.slug, "own paper", field, wrong.stated, ours, wrong.why, wrong.source, wrong.at))
    return rows
