"""The catalog as related tables: models, sizes, parents, facts, checkpoints, errata, sources and licenses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, Literal, NamedTuple, TypeAlias

from bestiary.catalog import table
from bestiary.catalog.cite import sources_of
from bestiary.catalog.errata import errata
from bestiary.catalog.index import Catalog, packaged
from bestiary.catalog.schema import UNDISCLOSED, Entry

Cell: TypeAlias = "str | int | bool | date | tuple[str, ...] | None"
Kind: TypeAlias = Literal["text", "integer", "flag", "date", "words"]


class Column(NamedTuple):
    """A column: what its cells are, whether they name the row, and the table of which they name a row."""

    name: str
    kind: Kind = "text"
    key: bool = False
    of: str | None = None


class Table(NamedTuple):
    """A table by its name, which is that of a file too."""

    name: str
    columns: tuple[Column, ...]
    rows: list[tuple[Cell, ...]]


_INTEGERS = frozenset(
    "tokens parameters smallest largest sizes checkpoints errata total active embedding non_embedding".split()
)
_WORDS = frozenset("aliases labs modality objectives tasks parents corpus".split())
_EVIDENCE = (Column("source", of="sources"), Column("at"), Column("sure"))
_NO_TERMS = {"none": "no license was given", UNDISCLOSED: "nobody published the terms"}


def tables(slugs: Iterable[str] | None = None, catalog: Catalog | None = None) -> list[Table]:
    """Return the tables of some models, or of all; a parent that is not among them is named in ``models`` alone."""
    catalog = packaged() if catalog is None else catalog
    chosen = {slug: catalog[slug] for slug in (catalog if slugs is None else slugs)}
    return [
        _licenses(catalog),
        _sources(catalog),
        _models(chosen, catalog),
        _sizes(chosen, catalog),
        _parents(chosen),
        _facts(chosen),
        _checkpoints(chosen),
        _errata(chosen, catalog),
    ]


def models(slugs: Iterable[str] | None = None, catalog: Catalog | None = None) -> Table:
    """Return the main table alone."""
    catalog = packaged() if catalog is None else catalog
    return _models({slug: catalog[slug] for slug in (catalog if slugs is None else slugs)}, catalog)


def _models(chosen: dict[str, Entry], catalog: Catalog) -> Table:
    rows = {row.slug: row for row in table.rows(catalog)}
    names = table.ModelRow.__struct_fields__
    columns = tuple(_model_column(name) for name in names)
    cells = [tuple(_cell(getattr(rows[slug], name), name) for name in names) for slug in chosen]
    return Table("models", columns, cells)


def _model_column(name: str) -> Column:
    kinds: dict[str, Kind] = {"published": "date", "runnable": "flag"}
    kind: Kind = "integer" if name in _INTEGERS else "words" if name in _WORDS else kinds.get(name, "text")
    of = {"code_license": "licenses", "license": "licenses", "cite": "sources"}.get(name)
    return Column(name, kind, name == "slug", of)


def _sizes(chosen: dict[str, Entry], catalog: Catalog) -> Table:
    names = table.SizeRow.__struct_fields__
    columns = tuple(
        Column("model", of="models", key=True)
        if name == "slug"
        else Column(name, "integer" if name in _INTEGERS else "text", name == "size")
        for name in names
    )
    rows = [tuple(getattr(row, name) for name in names) for row in table.sizes(catalog) if row.slug in chosen]
    return Table("sizes", columns, rows)


def _parents(chosen: dict[str, Entry]) -> Table:
    columns = (
        Column("child", key=True, of="models"),
        Column("parent", key=True, of="models"),
        Column("edge", key=True),
    )
    rows: list[tuple[Cell, ...]] = [
        (slug, parent, edge, link.source, link.at, link.sure)
        for slug, entry in chosen.items()
        for parent, link in entry.parents.items()
        if parent in chosen
        for edge in link.edge
    ]
    return Table("parents", (*columns, *_EVIDENCE), rows)


def _facts(chosen: dict[str, Entry]) -> Table:
    columns = (Column("model", key=True, of="models"), Column("field", key=True), Column("value"), *_EVIDENCE)
    rows: list[tuple[Cell, ...]] = []
    for slug, entry in chosen.items():
        for field in entry.facts.__struct_fields__:
            fact = getattr(entry.facts, field)
            if fact is not None:
                rows.append((slug, field, _said(fact.value), fact.source, fact.at, fact.sure))
        made = entry.architecture
        rows.append((slug, "architecture", made.function, made.source, made.at, made.sure))
    return Table("facts", columns, rows)


def _checkpoints(chosen: dict[str, Entry]) -> Table:
    columns = (Column("model", of="models"), Column("size"), Column("hub"), Column("dialect"), *_EVIDENCE)
    rows: list[tuple[Cell, ...]] = [
        (slug, one.size, one.hub, one.dialect, one.source, one.at, one.sure)
        for slug, entry in chosen.items()
        for one in entry.checkpoints
    ]
    return Table("checkpoints", columns, rows)


def _errata(chosen: dict[str, Entry], catalog: Catalog) -> Table:
    columns = (
        Column("model", of="models"), Column("wrong_in"), Column("field"), Column("there"), Column("here"),
        Column("why"), *_EVIDENCE[:2],
    )  # fmt: skip
    return Table("errata", columns, [tuple(row) for row in errata(catalog=catalog) if row.slug in chosen])


def _sources(catalog: Catalog) -> Table:
    fields = ("title", "author", "year", "url", "eprint", "doi")
    columns = (Column("key", key=True), Column("kind"), *map(Column, fields), Column("bibtex"))
    rows: list[tuple[Cell, ...]] = [
        (one.key, one.kind, *(one.fields.get(field) for field in fields), one.text)
        for one in sources_of(catalog.folder).values()
    ]
    return Table("sources", columns, rows)


def _licenses(catalog: Catalog) -> Table:
    answers = ("commercial", "modify", "redistribute", "research")
    columns = (
        Column("id", key=True), Column("name"), Column("url"), *map(Column, answers), Column("conditions", "words"),
        Column("follows", "words"),
    )  # fmt: skip
    rows: list[tuple[Cell, ...]] = [
        (key, one.name, one.url, *(getattr(one, answer) for answer in answers), one.conditions, one.follows)
        for key, one in catalog.vocabulary.licenses.items()
    ]
    rows += [(key, name, None, *(None for _ in answers), (), ()) for key, name in _NO_TERMS.items()]
    return Table("licenses", columns, rows)


def _cell(value: Any, name: str) -> Cell:
    """Return a value as a column of one kind holds it: tokens that nobody published are absent; ``facts`` says why."""
    return None if name == "tokens" and isinstance(value, str) else value


def _said(value: str | int | date | Sequence[str]) -> str:
    return ", ".join(value) if isinstance(value, tuple) else str(value)
