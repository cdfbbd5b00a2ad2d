"""``bestiary timeline``: the collection in time, by family or by parameters, in the terminal or as a drawing."""

from __future__ import annotations

from typing import Any

import click

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
from bestiary.cli.tree import family_option, print_lines


@click.command("timeline")
@click.option(
    "--by",
    type=click.Choice(("family", "parameters")),
    default="family",
    show_default=True,
    help="Bands of families, or the exact parameters of every published size on a log scale.",
)
@family_option
@svg_option
@json_option
def verb(by: str, family: str | None, svg: str | None, as_json: bool) -> None:
    """Show the models in the order in which they became public.

    \b
    Example:
      bestiary timeline
      bestiary timeline --by parameters --svg parameters.svg
    """
    from bestiary.atlas.figures.timeline import timeline
    from bestiary.atlas.figures.tree import chosen
    from bestiary.catalog.index import packaged

    path = drawing_path(svg)
    catalog = packaged()
    if path:
        remark(f"wrote {timeline(catalog, by, family=family).save(path)}")
        return
    entries = chosen(catalog, family)
    if on_terminal() and not as_json:
        _show(catalog, entries, by)
        return
    figure = timeline(catalog, by, family=family)
    rows = sorted(
        (dict(zip(figure.columns, row, strict=True)) for row in figure.rows), key=lambda r: str(r["published"])
    )
    if as_json:
        print_json([{"name": row.pop("slug"), "title": row.pop("name"), **row} for row in rows])
    else:
        columns = [
            column for column in ("slug", "published", "family", "size", "parameters") if column in figure.columns
        ]
        print_table(("name", *columns[1:]), [[row[column] for column in columns] for row in rows])


def _show(catalog: Any, entries: Any, by: str) -> None:
    from bestiary.atlas.figures.console import family_lines, parameter_lines
    from bestiary.atlas.figures.parameters import sizes

    screen = console()
    if by == "family":
        print_lines(screen, family_lines(catalog, entries, screen.width))
    else:
        counted = {slug: sizes(catalog, slug) for slug in entries}
        print_lines(screen, parameter_lines(catalog, entries, counted, screen.width))
