"""``bestiary errata``: the corrections to the 2023 catalog, as a table or as a letter to its authors in Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

import click

from bestiary.cli.names import name_argument
from bestiary.cli.output import json_option, print_json, print_table, remark

PAPER = "catalog of 2023"
_MARKS = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_{}[]<>#|~"})


@click.command("errata")
@name_argument("names", "[NAME]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Also where a model's own paper states a count that is wrong.")
@click.option("--markdown", is_flag=True, help="As Markdown, with the evidence in full.")
@json_option
def verb(names: tuple[str, ...], everything: bool, markdown: bool, as_json: bool) -> int:
    """List the corrections to the 2023 catalog.

    Each is a value that a primary source contradicts, with the evidence.

    \b
    Example:
      bestiary errata roberta
      bestiary errata --markdown > errata.md
    """
    from bestiary.catalog.errata import errata
    from bestiary.catalog.find import entry

    slugs = [entry(name.partition(":")[0]).slug for name in names] or [None]
    rows = [row for slug in slugs for row in errata(slug) if everything or row.wrong_in == PAPER]
    if as_json:
        print_json([row._asdict() for row in rows])
    elif markdown:
        click.echo("\n".join(_markdown(rows)))
    elif rows:
        print_table(
            ("model", "field", "there", "here", "why", "from"),
            [(row.slug, row.field, row.paper, row.ours, row.why, row.source) for row in rows],
        )
    if not as_json:
        remark(f"{len(rows) or 'no'} correction{'' if len(rows) == 1 else 's'}")
    return 0


def _markdown(rows: list[Any]) -> Iterator[str]:
    from bestiary.catalog.bibliography import read_bibliography
    from bestiary.catalog.find import entry
    from bestiary.catalog.schema import HOME
    from bestiary.cli.show import source_link, source_title

    sources = read_bibliography(HOME / "sources.bib")
    models = len({row.slug for row in rows})
    yield "# Corrections to *Transformer models: an introduction and catalog* (arXiv 2302.07730)\n"
    entries = "one entry" if models == 1 else f"{models} entries"
    yield f"{len(rows)} corrections to {entries}, each with the source that was opened.\n"
    for slug, group in groupby(rows, key=lambda row: row.slug):
        yield f"## {entry(slug).name}\n"
        for row in group:
            source = sources[row.source].fields
            where = "" if row.wrong_in == PAPER else " (stated by the model's own paper)"
            yield f"- **{_plain(row.field)}**{where}: “{_plain(row.paper)}” should be “{_plain(row.ours)}”."
            yield f"  {_plain(row.why)}"
            link = source_link(source)
            yield f"  *{_plain(source_title(source))}*, {_plain(row.at)}" + (f", <{link}>" if link else "") + "."
        yield ""


def _plain(text: str) -> str:
    """Return a text as Markdown shows it unchanged, on one line."""
    return " ".join(text.split()).translate(_MARKS)
