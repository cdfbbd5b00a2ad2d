"""``bestiary export``: the catalog, or what a list of it chooses, for other programs."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from bestiary.cli.listing import filtered
from bestiary.cli.names import complete_name
from bestiary.cli.output import remark

FORMATS = ("sqlite", "csv", "json", "parquet", "bibtex")
STDOUT = "-"


@click.command("export")
@filtered
@click.option("--format", "kind", type=click.Choice(FORMATS), required=True, help="What to write.")
@click.option(
    "--out", metavar="FILE|DIR", help="Where: a folder for csv and parquet, else a file; - is standard output."
)
@click.option("--ancestors", metavar="NAME", shell_complete=complete_name, help="A model and all that it came from.")
@click.option("--force", is_flag=True, help="Replace files that are there.")
def verb(pattern: str, kind: str, out: str | None, ancestors: str | None, force: bool, **filters: Any) -> int:
    """Write the catalog for other programs.

    All models, or those that PATTERN and the filters of bestiary list choose. sqlite is a database that datasette
    opens; csv and parquet are folders with a file for each table. Without --out, json and bibtex go to standard output,
    and of csv the table of models. Files are written whole or not at all, and none is replaced without --force.

    In CSV a text that begins with = + - or @ gets an apostrophe before it, so that no spreadsheet runs it.

    \b
    Example:
      bestiary export --format sqlite --out bestiary.db
      bestiary export "*bert*" --since 2019 --format csv > berts.csv
      bestiary export --format bibtex --ancestors roberta > references.bib
    """
    from bestiary.catalog.find import list_models

    if ancestors and (pattern != "*" or any(filters.values())):
        raise click.UsageError("--ancestors chooses the models; leave the pattern and filters out")
    slugs = _chain(ancestors) if ancestors else list_models(pattern, **filters)
    if not slugs:
        remark("no model fits; nothing was written")
        return 1
    if out in (None, STDOUT):
        click.echo(_text(kind, slugs), nl=False)
    else:
        _write(kind, slugs, Path(out), force)
        remark(f"{len(slugs)} model{'' if len(slugs) == 1 else 's'} in {out}")
    return 0


def _chain(name: str) -> list[str]:
    from bestiary.catalog.find import entry
    from bestiary.catalog.lineage import ancestors

    slug = entry(name.partition(":")[0]).slug
    return [slug, *(relative.slug for relative in ancestors(slug))]


def _text(kind: str, slugs: list[str]) -> str:
    from bestiary.atlas.exports import tables, texts
    from bestiary.catalog.cite import selection

    if kind == "bibtex":
        return selection(slugs)
    if kind == "csv":
        return texts.comma_separated(tables.models(slugs))
    if kind == "json":
        return texts.as_json(tables.tables(slugs))
    raise click.UsageError(f"{kind} is not text; give --out {'catalog.db' if kind == 'sqlite' else 'DIR'}")


def _write(kind: str, slugs: list[str], path: Path, force: bool) -> None:
    from bestiary.atlas.exports.columnar import write_columns
    from bestiary.atlas.exports.database import as_database
    from bestiary.atlas.exports.files import write_file, write_folder
    from bestiary.atlas.exports.tables import tables
    from bestiary.atlas.exports.texts import comma_separated

    if kind == "sqlite":
        whole = as_database(tables(slugs))
        write_file(path, lambda beside: beside.write_bytes(whole), force)
    elif kind == "parquet":
        write_folder(path, {f"{one.name}.parquet": partial(write_columns, one) for one in tables(slugs)}, force)
    elif kind == "csv":
        texts = {f"{one.name}.csv": comma_separated(one) for one in tables(slugs)}
        write_folder(path, {name: partial(_put, text) for name, text in texts.items()}, force)
    else:
        write_file(path, partial(_put, _text(kind, slugs)), force)


def _put(text: str, path: Path) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
