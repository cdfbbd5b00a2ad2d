"""The pages of the site: one list, which the server and the export share, and how each becomes HTML."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from bestiary import __version__
from bestiary.atlas.figures.figure import Figure
from bestiary.atlas.figures.svg import Link
from bestiary.atlas.figures.timeline import timeline
from bestiary.atlas.figures.tree import tree
from bestiary.atlas.site import lists, units
from bestiary.atlas.site.collection import Collection
from bestiary.atlas.site.facts import ACCESS, FORMS, SURE
from bestiary.atlas.site.record import record
from bestiary.catalog.index import Catalog
from bestiary.catalog.schema import Entry, listed

TEMPLATES = Path(__file__).parent / "templates"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'"
)
"""What a page may load: what comes from where it comes from itself, and nothing else."""
NAVIGATION = (
    ("index.html", "Models"), ("tree.html", "Tree"), ("timeline.html", "Timeline"), ("parameters.html", "Sizes"),
    ("table.html", "Table"), ("compare.html", "Compare"), ("fits.html", "What fits"), ("what-if.html", "What if"),
    ("licenses.html", "Licenses"), ("errata.html", "Errata"), ("sources.html", "Sources"), ("data.html", "About"),
)  # fmt: skip
"""Every page that is no entry's, with its name in the navigation."""

REACH = {
    "weights": "what starts from weights under it",
    "data": "what is trained on data under it",
    "distilled": "what learns from what a model under it writes",
}
"""How a license's terms come to another model."""


class Page(NamedTuple):
    """One page: where it is, which template shows which values, and the scripts of data that it loads."""

    path: str
    template: str
    title: str
    values: Callable[[], Mapping[str, Any]]
    scripts: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What kind of page this is, to the style sheet and the script."""
        return {"index": "home"}.get(self.template.removesuffix(".html"), self.template.removesuffix(".html"))


def pages(collection: Collection) -> list[Page]:
    """Return every page of the site."""
    gpus = "data/gpus.js"
    return [
        Page("index.html", "index.html", "Every transformer", lambda: lists.home(collection)),
        Page("tree.html", "tree.html", "The family tree", lambda: lists.figure(collection, tree)),
        Page("timeline.html", "timeline.html", "Timeline", lambda: lists.figure(collection, timeline)),
        Page("parameters.html", "parameters.html", "Sizes over time", lambda: lists.figure(collection, by_size)),
        Page("table.html", "table.html", "Table of all models", lambda: lists.table(collection)),
        Page("compare.html", "compare.html", "Compare", lambda: lists.compare(collection)),
        Page("fits.html", "fits.html", "What fits", lambda: lists.fits(collection), (gpus, "data/plans/serve.js")),
        Page("what-if.html", "what-if.html", "What if", lists.what_if, (gpus,)),
        Page("licenses.html", "licenses.html", "Licenses", lambda: lists.licenses(collection)),
        Page("errata.html", "errata.html", "Errata", lambda: lists.errata(collection)),
        Page("sources.html", "sources.html", "Sources", lambda: lists.sources(collection)),
        Page("data.html", "data.html", "About the data", lambda: lists.about(collection)),
        *(_model(collection, entry, gpus) for entry in collection),
    ]


def by_size(catalog: Catalog, link: Link) -> Figure:
    """Return the timeline by parameters."""
    return timeline(catalog, "parameters", link)


def _model(collection: Collection, entry: Entry, gpus: str) -> Page:
    scripts = (gpus, f"data/entries/{entry.slug}.js")
    return Page(f"models/{entry.slug}.html", "model.html", entry.name, lambda: record(collection, entry), scripts)


def render(page: Page, collection: Collection) -> str:
    """Return a page as HTML."""
    root = "../" * page.path.count("/")
    return _environment().get_template(page.template).render(
        page=page, root=root, policy=POLICY, navigation=NAVIGATION, version=__version__, collection=collection,
        **page.values(),
    )  # fmt: skip


def not_found(collection: Collection) -> str:
    """Return the page that stands where there is none; it may be shown at any path, so its links start at the top."""
    page = Page("404.html", "not-found.html", "No such page", dict)
    return (
        _environment()
        .get_template(page.template)
        .render(page=page, root="/", policy=POLICY, navigation=NAVIGATION, version=__version__, collection=collection)
    )


@cache
def _environment() -> Environment:
    """The one that renders all: whatever is no markup of ours is escaped, and a value that is missing is an error."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, auto_reload=False, keep_trailing_newline=True,
    )  # fmt: skip
    environment.filters |= {
        "grouped": units.grouped, "rounded": units.rounded, "in_bytes": units.in_bytes, "in_kib": units.in_kib,
        "listed": listed, "web": web_address, "drawn": Markup, "first_sentence": first_sentence,
        "lab": lambda key, collection: collection.word("labs", key), "kind": lambda edge, kinds: kinds[edge],
        "reach": lambda way: REACH[way],
    }  # fmt: skip
    environment.globals |= {"FORMS": FORMS, "ACCESS": ACCESS, "SURE": SURE, "VERDICTS": lists.VERDICTS}
    return environment


def first_sentence(text: str) -> str:
    """Return the first sentence of a text."""
    found = re.match(r".+?[.!?](?=\s|$)", text)
    return found[0] if found else text


def web_address(text: str) -> str:
    """Return an address on the web as it is, and nothing for what is none: a link must not run anything."""
    return text if text.startswith(("https://", "http://")) else ""
