"""``bestiary cite``: the BibTeX of a model, alone or with all that it came from."""

from __future__ import annotations

import click

from bestiary.cli.names import name_argument
from bestiary.cli.output import json_option, print_json


@click.command("cite")
@name_argument(metavar="NAME")
@click.option("--ancestors", is_flag=True, help="Also those of every model that it descends from, the nearest first.")
@json_option
def verb(name: str, ancestors: bool, as_json: bool) -> None:
    """Print the BibTeX of a model.

    \b
    Example:
      bestiary cite distilbert --ancestors >> references.bib
    """
    from bestiary.catalog.cite import bibtex
    from bestiary.catalog.find import entry

    found = entry(name.partition(":")[0])
    text = bibtex(found, chain=ancestors).rstrip("\n")
    if as_json:
        print_json({"name": found.slug, "ancestors": ancestors, "bibtex": text})
    else:
        click.echo(text)
