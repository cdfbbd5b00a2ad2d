"""``bestiary tree``: who came from whom, in the terminal or as a drawing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click

from bestiary.cli.names import complete_name
from bestiary.cli.output import (
    console,
    drawing_path,
    json_option,
    on_terminal,
    print_json,
    print_table,
    remark,
    svg_option,
)
from bestiary.errors import BestiaryError

family_option = click.option("--family", metavar="NAME", help="Only the models of this family, such as BERT.")


@click.command("tree")
@click.argument("name", required=False, shell_complete=complete_name)
@family_option
@svg_option
@json_option
def verb(name: str | None, family: str | None, svg: str | None, as_json: bool) -> int:
    """Show which model came from which.

    With NAME, its parents and what descends from it. Each model stands below the first that it came
    from, with what it took from there; +2 says that it has two further parents, which a wide terminal has room to
    name. A drawing (--svg) has every edge, and all ancestors of NAME.

    \b
    Example:
      bestiary tree llama
      bestiary tree --family BERT --svg bert.svg
    """
    from bestiary.atlas.figures.console import grown, tree_lines
    from bestiary.atlas.figures.tree import related, tree
    from bestiary.catalog.find import entry
    from bestiary.catalog.index import packaged

    path = drawing_path(svg)
    catalog = packaged()
    root = entry(name).slug if name else None
    entries = related(catalog, root, family)
    if root and root not in entries:
        raise BestiaryError(f"{root} is not of the family {family}; leave one of the two out")
    if path:
        remark(f"wrote {tree(catalog, around=root, family=family).save(path)}")
        return 0
    twigs = grown(catalog, entries, root)
    if as_json:
        print_json([_record(twig) for twig in twigs])
    elif on_terminal():
        screen = console()
        print_lines(screen, tree_lines(catalog, twigs, screen.width))
    else:
        columns = ("name", "depth", "published", "family", "parent", "edges", "others")
        print_table(columns, [_row(twig) for twig in twigs])
    return 0


def print_lines(screen: Any, lines: Iterable[tuple[tuple[str, str], ...]]) -> None:
    """Print lines of styled texts, each on one line of the terminal."""
    from rich.text import Text

    for line in lines:
        screen.print(Text.assemble(*line), no_wrap=True, overflow="crop", crop=True)


def _record(twig: Any) -> dict[str, Any]:
    entry = twig.entry
    return {
        "name": entry.slug,
        "title": entry.name,
        "depth": twig.depth,
        "published": entry.facts.published.value,
        "family": entry.facts.family.value,
        "parents": {slug: parent.edge for slug, parent in entry.parents.items()},
    }


def _row(twig: Any) -> tuple[Any, ...]:
    entry, taken = twig.entry, twig.taken
    others = tuple(f"{step.parent} ({' '.join(step.edges)})" for step in twig.others)
    return (
        entry.slug,
        twig.depth,
        entry.facts.published.value,
        entry.facts.family.value,
        taken.parent if taken else None,
        taken.edges if taken else None,
        others or None,
    )
