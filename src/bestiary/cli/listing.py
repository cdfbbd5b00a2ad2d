"""``bestiary list``: the models that fit a pattern and filters."""

from __future__ import annotations

from typing import Any

import click

from bestiary.cli.names import complete_name
from bestiary.cli.output import json_option, print_json, print_table, remark

COLUMNS = ("name", "family", "published", "form", "parameters", "license")
"""``parameters`` is what the authors state of the default size; ``license`` is that of the weights."""


@click.command("list")
@click.argument("pattern", default="*", shell_complete=complete_name)
@click.option("--form", metavar="FORM", help="encoder, decoder, encoder-decoder, dual-encoder, diffusion or other.")
@click.option("--family", metavar="NAME", help="The model that it extends, such as BERT.")
@click.option("--lab", metavar="LAB", help="Who made it.")
@click.option("--license", metavar="ID", help="License of the weights.")
@click.option("--since", metavar="DATE", help="Published then or later: 2019, 2019-07 or 2019-07-26.")
@click.option("--until", metavar="DATE", help="Published then or earlier.")
@click.option("--commercial", is_flag=True, default=None, help="Only those that may be used commercially.")
@click.option("--objective", metavar="WORD", help="Pretraining objective, such as masked-lm.")
@click.option("--modality", metavar="WORD", help="What it reads or writes, such as text.")
@click.option("--sort", type=click.Choice(COLUMNS), default="name", show_default=True, help="Order of the rows.")
@click.option("--paper", is_flag=True, help="The 2023 catalog's entries in its order, and how far each is checked.")
@json_option
def verb(pattern: str, sort: str, paper: bool, as_json: bool, **filters: Any) -> int:
    """List models, all or those that fit.

    PATTERN is compared with names and aliases. Parameters are the authors' own figure for the default size; bestiary
    show has the exact counts.

    \b
    Example:
      bestiary list "*bert*" --since 2019 --commercial --sort published
      bestiary list --paper
    """
    from bestiary.catalog.find import entry, list_models

    if paper:
        if pattern != "*" or any(filters.values()):
            raise click.UsageError("--paper lists a whole catalog; leave the pattern and filters out")
        from bestiary.cli.paper import show

        return show(as_json)
    rows = [_row(entry(slug)) for slug in list_models(pattern, **filters)]
    rows.sort(key=lambda row: _rank(row, sort))
    if as_json:
        print_json(rows)
    elif rows:
        print_table(COLUMNS, [tuple(row[column] for column in COLUMNS) for row in rows])
    if not rows:
        remark("no model fits; bestiary list shows them all")
    return 0 if rows else 1


def _row(entry: Any) -> dict[str, Any]:
    default = next(iter(entry.sizes.values()), None)
    stated = default.stated.value if default and default.stated else None
    return {
        "name": entry.slug,
        "title": entry.name,
        "aliases": entry.aliases,
        "kind": entry.kind,
        "family": entry.facts.family.value,
        "published": entry.facts.published.value,
        "form": entry.facts.form.value,
        "parameters": stated,
        "license": entry.facts.weights_license.value,
    }


def _rank(row: dict[str, Any], column: str) -> Any:
    """Return what a row is ordered by: dates and names as they are, stated counts by size, absent ones last."""
    from bestiary.cli.stated import interval

    if column == "parameters":
        span = interval(row[column] or "")
        return (span is None, span or (0, 0), row["name"])
    return (row[column], row["name"])
