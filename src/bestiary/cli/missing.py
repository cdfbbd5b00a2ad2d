"""``bestiary missing``: what other lists of models hold that the catalog does not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from bestiary.cli.output import json_option, print_json, print_table, remark
from bestiary.errors import BestiaryError, nearest


@click.command("missing")
@click.argument("sources", metavar="[LIST|FILE]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Show the names that the catalog holds, too.")
@json_option
def verb(sources: Sequence[str], everything: bool, as_json: bool) -> int:
    """Say what other lists of models hold that the catalog does not.

    LIST is paper (the 2023 catalog), figures (what it draws without an entry), since (what came after it) or
    transformers (that library's registry); all four where none is named. FILE has a name on each line. A name without
    an entry may have a dated disposition: another's alias, a part of a model, planned, or out of scope. Exit 1 if one
    has neither.

    \b
    Example:
      bestiary missing paper
      bestiary missing my-models.txt
    """
    from bestiary.catalog import missing

    known = missing.lists()
    found = [
        {"list": source, **row._asdict()}
        for source in sources or known
        for row in missing.compare(missing.read_list(_path(source, known)))
    ]
    shown = [row for row in found if everything or row["state"] != "held"]
    absent = sum(row["state"] == "missing" for row in found)
    if as_json:
        print_json(shown)
    elif shown:
        print_table(("name", "list", "is", "why", "since"), [_cells(row) for row in shown])
    if not as_json:
        remark(_summary(found))
    return 1 if absent else 0


def _path(source: str, known: dict[str, Path]) -> Path:
    if source in known:
        return known[source]
    if not Path(source).is_file():
        raise BestiaryError(
            f"'{source}' is neither a list nor a file; use one of {', '.join(known)}{nearest(source, known)}"
        )
    return Path(source)


def _cells(row: dict[str, Any]) -> tuple[Any, ...]:
    from bestiary.catalog.missing import suggestion

    if row["state"] == "missing":
        close = suggestion(row["name"])
        return row["name"], row["list"], "missing", close and f"did you mean {close}?", None
    return row["name"], row["list"], row["entry"] or row["state"], row["why"], row["on"]


def _summary(found: list[dict[str, Any]]) -> str:
    states = Counter(row["state"] for row in found)
    disposed = sum(states.values()) - states["held"] - states["missing"]
    return f"{len(found)} names: {states['held']} held, {disposed} disposed of, {states['missing'] or 'none'} missing"
