"""``bestiary list``: the models that fit a pattern and filters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from bestiary.cli.names import complete_name
from bestiary.cli.output import json_option, print_json, print_table, remark

COLUMNS = ("name", "family", "published", "form", "parameters", "license")
"""``parameters`` is what the authors state of the default size, else its exact count, rounded; ``license`` is that of
the weights."""

_FILTERS = {
    "form": ("FORM", "encoder, decoder, encoder-decoder, dual-encoder, diffusion or other."),
    "family": ("NAME", "The model that it extends, such as BERT."),
    "lab": ("LAB", "Who made it."),
    "params": ("MIN:MAX", "Parameters of one of its sizes: :400M, 1B:, 7B:13B, or about 7B."),
    "for": ("PURPOSE", "May be used so: commercial, modify, redistribute, research."),
    "license": ("ID", "License of the weights."),
    "access": ("WORD", "How the weights are had, such as open-weights."),
    "since": ("DATE", "Published then or later: 2019, 2019-07 or 2019-07-26."),
    "until": ("DATE", "Published then or earlier."),
    "objective": ("WORD", "Pretraining objective, such as masked-lm."),
    "task": ("WORD", "What it was tuned for, such as question-answering."),
    "modality": ("WORD", "What it reads or writes, such as text."),
}
"""What the models are narrowed by: the word after each option, and its help."""
_SPELLED = {"for": "purpose"}  # what Python keeps for itself


def filtered(verb: Callable[..., Any], without: tuple[str, ...] = ()) -> Callable[..., Any]:
    """Give a verb the PATTERN and the filters by which models are chosen, ``without`` those it uses otherwise."""
    for name, (word, told) in reversed(_FILTERS.items()):
        if name not in without:
            verb = click.option(f"--{name}", _SPELLED.get(name, name), metavar=word, help=told)(verb)
    return click.argument("pattern", default="*", shell_complete=complete_name)(verb)


@click.command("list")
@filtered
@click.option(
    "--sort", metavar="COLUMN", default="name", show_default=True, help="Order of the rows; -date: newest first."
)
@click.option("--paper", is_flag=True, help="The 2023 catalog's entries in its order, and how far each is checked.")
@json_option
def verb(pattern: str, sort: str, paper: bool, as_json: bool, **filters: Any) -> int:
    """List models, all or those that fit.

    PATTERN is compared with names and aliases. Parameters are the authors' own figure for the default size, or the
    exact count rounded; --params goes by both, and by every size. --for keeps what is allowed without a condition on
    the purpose. --sort takes a column, date, params or access; a minus turns it round.

    \b
    Example:
      bestiary list "*bert*" --form encoder --params :400M --for commercial --since 2019 --sort -date
      bestiary list --paper
    """
    from bestiary.catalog.find import list_models, ordered

    if paper:
        if pattern != "*" or any(filters.values()):
            raise click.UsageError("--paper lists a whole catalog; leave the pattern and filters out")
        from bestiary.cli.paper import show

        return show(as_json)
    rows = [_row(slug) for slug in ordered(list_models(pattern, **filters), sort)]
    if as_json:
        print_json(rows)
    elif rows:
        print_table(COLUMNS, [tuple(row[column] for column in COLUMNS) for row in rows])
    if not rows:
        remark("no model fits; bestiary list shows them all")
    return 0 if rows else 1


def _row(slug: str) -> dict[str, Any]:
    from bestiary.catalog import packaged
    from bestiary.catalog.stated import rounded

    row = packaged().rows[slug]
    default = row.sizes[0] if row.sizes else None
    return {
        "name": row.slug,
        "title": row.name,
        "aliases": row.aliases,
        "kind": row.kind,
        "family": row.family,
        "published": row.published,
        "form": row.form,
        "parameters": (default.stated or rounded(default.total)) if default else None,
        "total": default.total if default else None,
        "license": row.license,
    }
