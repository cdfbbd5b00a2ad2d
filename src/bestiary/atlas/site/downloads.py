"""The catalog as files to take along, beside the pages."""

from __future__ import annotations

from collections.abc import Callable

from bestiary.atlas.exports.database import as_database
from bestiary.atlas.exports.tables import tables
from bestiary.atlas.exports.texts import as_json, comma_separated
from bestiary.catalog.index import Catalog

DOWNLOADS = {
    "exports/models.csv": "a row for each model: dates, makers, forms, licenses, counts",
    "exports/sizes.csv": "a row for each published size, counted exactly",
    "exports/bestiary.json": "all tables: models, sizes, lineage, facts with their sources, errata",
    "exports/bestiary.sqlite": "the same as a database",
    "exports/sources.bib": "every source as BibTeX",
}
"""What each file holds, by its path."""


def downloads(catalog: Catalog) -> dict[str, Callable[[], bytes]]:
    """Return what makes each file, by its path."""

    def table(name: str) -> bytes:
        return comma_separated(next(one for one in tables(catalog=catalog) if one.name == name)).encode()

    makers: tuple[Callable[[], bytes], ...] = (
        lambda: table("models"),
        lambda: table("sizes"),
        lambda: as_json(tables(catalog=catalog)).encode(),
        lambda: as_database(tables(catalog=catalog)),
        (catalog.folder / "sources.bib").read_bytes,
    )
    return dict(zip(DOWNLOADS, makers, strict=True))
