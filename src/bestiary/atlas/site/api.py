"""The catalog as JSON for programs: what the command line's ``--json`` says, over HTTP."""

from __future__ import annotations

from typing import Annotated, Any, cast

import msgspec
from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from bestiary import sizing
from bestiary.atlas.site import data
from bestiary.atlas.site.collection import Collection
from bestiary.catalog.cite import bibtex
from bestiary.catalog.find import Filters, list_models, ordered, parse_name
from bestiary.catalog.find import entry as find_entry
from bestiary.sizing.difference import shown

NAME = "An entry with an optional size, such as gpt-2:xl."
MOST_TOKENS = 2**40


class Asked(BaseModel, extra="forbid"):
    """What a list of models can be narrowed by, as on the command line."""

    pattern: Annotated[str, Field(description="Compared with names and aliases: *bert*", max_length=200)] = "*"
    form: str | None = None
    family: str | None = None
    lab: str | None = None
    license: Annotated[str | None, Field(description="Of the weights.")] = None
    objective: str | None = None
    task: str | None = None
    modality: str | None = None
    access: str | None = None
    since: Annotated[str | None, Field(description="2019, 2019-07 or 2019-07-26")] = None
    until: str | None = None
    params: Annotated[str | None, Field(description=":400M, 1B:, 7B:13B, or 7B for what rounds to it")] = None
    purpose: Annotated[str | None, Field(description="May be used so: commercial, modify ...")] = None
    runnable: bool | None = None
    sort: Annotated[str, Field(description="A column, with - before it the other way round: -published")] = "name"


def router(collection: Collection) -> APIRouter:
    """Return the routes of the API over a catalog."""
    catalog = collection.catalog
    api = APIRouter(default_response_class=JSONResponse)

    @api.get("/models", summary="Models that fit a pattern and filters")
    def models(asked: Annotated[Asked, Query()]) -> Any:
        filters = asked.model_dump(exclude_none=True)
        pattern, order = filters.pop("pattern"), filters.pop("sort")
        found = list_models(pattern, catalog, **cast(Filters, filters))
        return [data.row(collection, catalog[slug]) for slug in ordered(found, order, catalog)]

    @api.get("/models/{slug}", summary="One record, its counts and what its license allows")
    def model(slug: str) -> Any:
        found = find_entry(slug, catalog)
        counts = {size: _count(collection, found, size) for size in collection.sizes(found)}
        return {**msgspec.to_builtins(found), "counts": counts, "allowed": collection.verdicts(found)}

    @api.get("/models/{slug}/bibtex", summary="How to cite it", response_class=Response)
    def cite(slug: str, ancestors: bool = False) -> Response:
        return Response(bibtex(find_entry(slug, catalog), ancestors, catalog), media_type="text/plain; charset=utf-8")

    @api.get("/compare", summary="What changes from one model to another, each change with its parameters")
    def compare(m: Annotated[list[str], Query(description=NAME, min_length=2, max_length=2)]) -> Any:
        (a, a_size), (b, b_size) = (parse_name(name, catalog) for name in m)
        difference = sizing.diff(collection.spec(a, a_size), collection.spec(b, b_size))
        changes = [
            {"path": change.path, "old": shown(change.old), "new": shown(change.new), "parameters": change.parameters}
            for change in difference.changes
        ]
        names = {"a": f"{a.slug}:{a_size}", "b": f"{b.slug}:{b_size}"}
        return {**names, "changes": changes, "parameters": difference.parameters}

    @api.get("/size", summary="Parameters, and the bytes that serving takes")
    def size(
        m: Annotated[str, Query(description=NAME)],
        precision: str = "bfloat16",
        context: Annotated[int | None, Query(ge=1, le=MOST_TOKENS)] = None,
        batch: Annotated[int, Query(ge=1, le=2**20)] = 1,
    ) -> Any:
        found, name = parse_name(m, catalog)
        spec, tokens = collection.spec(found, name), context or collection.context(found, name)
        need = sizing.memory(spec, precision, tokens, batch)
        return {
            "name": f"{found.slug}:{name}",
            "parameters": _count(collection, found, name),
            "precision": precision,
            "context": tokens,
            "batch": batch,
            "memory": {"weights": need.weights, "cache": need.cache, "total": need.total},
        }

    return api


def _count(collection: Collection, entry: Any, size: str) -> dict[str, int]:
    count = collection.count(entry, size)
    return {key: getattr(count, key) for key in ("total", "active", "embedding", "non_embedding")}
