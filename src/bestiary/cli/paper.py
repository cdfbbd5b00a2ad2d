"""The entries of the 2023 catalog in its own order: where each stands here, and how far it can be checked."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

from bestiary.catalog.stated import agrees
from bestiary.cli.output import print_json, print_table, remark

REFERENCE, FIGURE, ERRATUM = "matches a reference", "counts to the published figure", "counts, erratum on the figure"
UNSTATED, UNDISCLOSED, MISSING = "counts, no figure published", "undisclosed", "missing"


class Standing(NamedTuple):
    """A name of the 2023 catalog, the entry here, how far that is checked, and against what or why not."""

    paper: str
    entry: str | None
    state: str
    by: str


def show(as_json: bool) -> int:
    """Print where every entry of the 2023 catalog stands; return 1 if any is missing."""
    from bestiary.catalog.missing import compare, lists, read_list
    from bestiary.catalog.reference import references

    standings = [_standing(row.name, row.entry) for row in compare(read_list(lists()["paper"]))]
    if as_json:
        print_json([standing._asdict() for standing in standings])
    else:
        print_table(Standing._fields, standings)
    states = Counter(standing.state for standing in standings)
    held = len(standings) - states[MISSING]
    remark(f"References: {references().library}; a class is of the first unless it says.")
    remark(f"{held} of {len(standings)}: {', '.join(f'{number} {state}' for state, number in states.most_common())}")
    return 1 if states[MISSING] else 0


def _standing(name: str, slug: str | None) -> Standing:
    from bestiary.catalog.find import entry

    if slug is None:
        return Standing(name, None, MISSING, "bestiary missing says why")
    found = entry(slug)
    return Standing(name, slug, *(_checked(found) if found.runnable else (UNDISCLOSED, _withheld(found))))


def _withheld(found: Any) -> str:
    """Name what nobody published."""
    from bestiary.catalog.schema import UNDISCLOSED as WITHHELD

    facts = {name: getattr(found.facts, name) for name in found.facts.__struct_fields__}
    return ", ".join(["architecture", *(name for name, fact in facts.items() if fact and fact.value == WITHHELD)])


def _checked(found: Any) -> tuple[str, str]:
    """Return what an entry's counts are held against: a reference that opens its files, or its authors' figure."""
    from bestiary.catalog.reference import references

    recorded = references()
    compared = [size for size in found.sizes if f"{found.slug}:{size}" in recorded.counts]
    if compared and found.checkpoints:
        made = recorded.counts[f"{found.slug}:{compared[0]}"].made
        return REFERENCE, f"{made}, {len(compared)} of {len(found.sizes)} sizes"
    return _figure(found)


def _figure(found: Any) -> tuple[str, str]:
    from bestiary import sizing
    from bestiary.catalog.resolve import size_spec
    from bestiary.catalog.schema import UNDISCLOSED as WITHHELD

    stated = {size: one.stated for size, one in found.sizes.items() if one.stated and one.stated.value != WITHHELD}
    if not stated:
        return UNSTATED, f"{len(found.sizes)} sizes"
    right = [
        size for size, figure in stated.items()
        if agrees(figure.value, getattr(sizing.count(size_spec(found, size)), figure.counts))
    ]  # fmt: skip
    figures = f"{len(right)} of {len(stated)} figures, such as {stated[(right or list(stated))[0]].value}"
    return (FIGURE, figures) if right else (ERRATUM, figures)
