"""Every file of the site by its path, each made when asked for: what the server answers and the export writes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bestiary.atlas.site import data
from bestiary.atlas.site.collection import Collection
from bestiary.atlas.site.downloads import downloads
from bestiary.atlas.site.pages import pages, render
from bestiary.sizing import TASKS

STATIC = Path(__file__).parent.parent / "static"
KINDS = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".json": "application/json",
    ".csv": "text/csv; charset=utf-8",
    ".bib": "text/plain; charset=utf-8",
    ".sqlite": "application/octet-stream",
}
"""The media type of a file by its ending."""

Maker = Callable[[], bytes]


def files(collection: Collection) -> dict[str, Maker]:
    """Return what makes each file of the site, by its path."""
    made: dict[str, Maker] = {
        page.path: lambda page=page: render(page, collection).encode() for page in pages(collection)
    }
    made["data/models.js"] = lambda: data.models_script(collection).encode()
    made["data/gpus.js"] = lambda: data.gpus_script(collection).encode()
    for task in TASKS:
        made[f"data/plans/{task}.js"] = lambda task=task: data.plans_script(collection, task).encode()
    for entry in collection:
        made[f"data/entries/{entry.slug}.js"] = lambda entry=entry: data.entry_script(collection, entry).encode()
    made |= downloads(collection.catalog)
    for path in sorted(STATIC.iterdir()):
        made[f"static/{path.name}"] = path.read_bytes
    return made
