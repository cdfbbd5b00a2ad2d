"""``bestiary compare``: what changes from one model to another, in architecture and in facts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from bestiary.cli.names import name_argument
from bestiary.cli.output import Row, drawing_path, heading, json_option, print_json, print_table, remark, svg_option
from bestiary.cli.show import FACTS


@click.command("compare")
@name_argument("first", "A[:SIZE]")
@name_argument("second", "B[:SIZE]")
@svg_option
@json_option
def verb(first: str, second: str, svg: str | None, as_json: bool) -> None:
    """Compare two models, in architecture and in facts.

    Each change from A to B comes with the parameters that it adds; they sum exactly to the difference.

    \b
    Example:
      bestiary compare bert:base roberta:base
      bestiary compare gpt-2:small llama:7b --svg changes.svg
    """
    path = drawing_path(svg)
    from bestiary import sizing
    from bestiary.catalog.find import parse_name
    from bestiary.catalog.resolve import size_spec
    from bestiary.sizing.difference import shown

    (a, a_size), (b, b_size) = parse_name(first), parse_name(second)
    names = (f"{a.slug}:{a_size}", f"{b.slug}:{b_size}")
    if path:
        remark(f"wrote {_drawn(size_spec(a, a_size), size_spec(b, b_size), names).save(path)}")
        return
    difference = sizing.diff(size_spec(a, a_size), size_spec(b, b_size))
    facts = _facts_that_differ(a, b)
    if as_json:
        _print_json(names, difference, facts)
        return
    if difference.changes:
        rows = [*_rows(difference, shown), ("sum", None, None, difference.parameters)]
        print_table(("architecture", *names, "parameters"), rows, signed=("parameters",))
    else:
        remark(f"{names[0]} and {names[1]}: no differences in architecture")
    if facts:
        heading("facts")
        print_table(("fact", a.slug, b.slug), [(name.replace("_", " "), old, new) for name, old, new in facts])


def _drawn(a: Any, b: Any, names: tuple[str, str]) -> Any:
    from bestiary.atlas.figures.difference import difference

    return difference(a, b, *names)


def _rows(difference: Any, write: Callable[[Any], str]) -> list[Row]:
    return [
        (change.path, _side(change.old, write), _side(change.new, write), change.parameters)
        for change in difference.changes
    ]


def _print_json(names: tuple[str, str], difference: Any, facts: list[tuple[str, Any, Any]]) -> None:
    from bestiary.spec.show import brief

    fields = ("path", "old", "new", "parameters")
    print_json(
        {
            "a": names[0],
            "b": names[1],
            "changes": [dict(zip(fields, change, strict=True)) for change in _rows(difference, brief)],
            "parameters": difference.parameters,
            "facts": {fact: {"a": old, "b": new} for fact, old, new in facts},
        }
    )


def _facts_that_differ(a: Any, b: Any) -> list[tuple[str, Any, Any]]:
    values = [(name, *(_value(getattr(entry.facts, name)) for entry in (a, b))) for name in FACTS]
    return [(name, old, new) for name, old, new in values if old != new]


def _value(fact: Any) -> Any:
    return None if fact is None else fact.value


def _side(value: Any, write: Callable[[Any], str]) -> str | int | float | None:
    """Return one side of a change: a number, or nothing, as it is; the rest as Python."""
    is_plain = value is None or (isinstance(value, int | float) and not isinstance(value, bool))
    return value if is_plain else write(value)
