"""``bestiary show``: one model's record, its sizes counted exactly, its spec as a tree or as flat pseudo-code."""

from __future__ import annotations

from typing import Any, NamedTuple

import click

from bestiary.cli.names import name_argument, sizes_of, stand_in_of
from bestiary.cli.output import Cell, console, heading, json_option, on_terminal, print_json, print_record, print_table

FACTS = (
    "published", "family", "labs", "form", "modality", "objectives", "tasks", "application", "corpus", "tokens",
    "access", "code_license", "weights_license", "data_license", "output_license",
)  # fmt: skip
"""The facts in the order in which a reader asks for them; what does not apply to a model is left out."""
BRACES = str.maketrans("", "", "{}")
"""BibTeX keeps capitals by braces, which a reader does not want."""


class Counted(NamedTuple):
    """One size of an entry: its exact counts and what its authors state."""

    size: str
    parameters: int
    embedding: int
    non_embedding: int
    stated: str | None
    hub: str | None


@click.command("show")
@name_argument()
@click.option("--sources", is_flag=True, help="Show where each fact comes from, and what others got wrong.")
@click.option("--spec", "as_spec", is_flag=True, help="Print the architecture as a tree, instead of the record.")
@click.option("--flat", "as_flat", is_flag=True, help="Print the forward pass as pseudo-code, instead of the record.")
@json_option
def verb(name: str, sources: bool, as_spec: bool, as_flat: bool, as_json: bool) -> None:
    """Show a model's record, and its sizes counted exactly.

    \b
    Example:
      bestiary show roberta --sources
      bestiary show gpt-2:xl --flat
    """
    if as_spec or as_flat:
        _show_architecture(name, as_flat, as_json)
        return
    from bestiary.catalog.find import entry, parse_name

    found, asked = parse_name(name) if ":" in name else (entry(name), None)
    sizes = [_counted(found, size) for size in ([asked] if asked else sizes_of(found))]
    if as_json:
        _show_json(found, sizes)
        return
    _show_title(found)
    _show_facts(found, sources)
    if found.parents:
        heading("parents")
        print_table(("parent", "what it took"), [(slug, link.edge) for slug, link in found.parents.items()])
    if asked:
        _show_parts(found, asked)
    if sizes:
        heading("sizes")
        print_table(("size", "parameters", "embedding", "non-embedding", "stated", "weights"), sizes)
    if sources:
        _show_errata(found.slug)
        _show_sources(found)


def verdicts(entry: Any) -> dict[str, str]:
    """Return, for each purpose, whether an entry's license allows it."""
    from bestiary.catalog.licenses import PURPOSES, may

    return {purpose: may(entry, purpose).verdict for purpose in PURPOSES}


def _counted(entry: Any, size: str) -> Counted:
    from bestiary import sizing
    from bestiary.catalog.resolve import size_spec

    count = sizing.count(size_spec(entry, size))
    published = entry.sizes.get(size)
    stated = published.stated.value if published and published.stated else None
    hub = next((point.hub for point in entry.checkpoints if point.size == size), None)
    return Counted(size, count.total, count.embedding, count.non_embedding, stated, hub)


def _show_parts(entry: Any, size: str) -> None:
    from bestiary import sizing
    from bestiary.catalog.resolve import size_spec

    heading("parameters by module")
    print_table(("module", "parameters"), sizing.count(size_spec(entry, size)).parts.items())


def _show_title(entry: Any) -> None:
    summary = " ".join(entry.summary.split())
    names = [("name", entry.name), ("entry", entry.slug), ("also", entry.aliases or None), ("summary", summary)]
    if not on_terminal():
        print_record(names)
        return
    from rich.panel import Panel
    from rich.text import Text

    also = f"also {', '.join(entry.aliases)}" if entry.aliases else None
    title = Text.assemble((entry.name, "bold"), ("" if entry.name == entry.slug else f"  {entry.slug}", "dim"))
    console().print(Panel(Text(summary), title=title, title_align="left", subtitle=also, subtitle_align="right"))


def _show_facts(entry: Any, sources: bool) -> None:
    facts = [(name.replace("_", " "), getattr(entry.facts, name)) for name in FACTS]
    facts = [(name, fact) for name, fact in facts if fact is not None]
    allowed = "; ".join(f"{purpose}: {verdict}" for purpose, verdict in verdicts(entry).items())
    if sources:
        heading("facts")
        rows = [(name, fact.value, fact.source, fact.at, fact.sure) for name, fact in facts]
        print_table(("fact", "value", "from", "at", "sure"), rows)
        heading("in short")
    elif not on_terminal():
        heading("facts")
    values: list[tuple[str, Cell]] = [] if sources else [(name, fact.value) for name, fact in facts]
    notes = [(f"note on {argument}", note) for argument, note in entry.architecture.notes.items()]
    label = stand_in_of(entry)
    if label:
        notes.append(("tiny", f"{label}. {entry.stand_in.why}"))
    if entry.kind == "framework":
        values.insert(0, ("kind", "a framework that trains or serves models, and no model itself"))
    print_record([*values, ("architecture", entry.architecture.function), *notes, ("may I use it", allowed)])


def _show_errata(slug: str) -> None:
    from bestiary.catalog.errata import errata

    rows = errata(slug)
    if rows:
        heading("errata")
        columns = ("wrong in", "field", "there", "here", "why", "from")
        print_table(columns, [(row.wrong_in, row.field, row.paper, row.ours, row.why, row.source) for row in rows])


def _show_sources(entry: Any) -> None:
    from bestiary.catalog.bibliography import read_bibliography
    from bestiary.catalog.index import HOME
    from bestiary.catalog.schema import sourced

    known = read_bibliography(HOME / "sources.bib")
    keys = dict.fromkeys(record.source for _, record in sourced(entry))
    heading("sources")
    rows = [(key, source_title(known[key].fields), source_link(known[key].fields)) for key in keys]
    print_table(("from", "title", "where"), rows)


def source_title(fields: dict[str, str]) -> str:
    """Return the title of a source of the bibliography as a reader wants it."""
    return fields["title"].translate(BRACES)


def source_link(fields: dict[str, str]) -> str:
    """Return the address of a source, empty where it has none."""
    if "eprint" in fields:
        return f"https://arxiv.org/abs/{fields['eprint']}"
    return fields.get("url") or fields.get("howpublished", "").removeprefix("\\url").translate(BRACES)


def _show_json(entry: Any, sizes: list[Counted]) -> None:
    import msgspec

    record = msgspec.to_builtins(entry)
    counts = {size.size: {key: value for key, value in size._asdict().items() if key != "size"} for size in sizes}
    print_json({**record, "counts": counts, "allowed": verdicts(entry)})


def _show_architecture(name: str, as_flat: bool, as_json: bool) -> None:
    from bestiary.catalog.resolve import spec_of
    from bestiary.spec import flat, to_json, tree

    spec: Any = spec_of(name)
    if as_json:
        print_json(to_json(spec))
    else:
        click.echo(flat(spec) if as_flat else tree(spec))
