"""The argument NAME, an entry with an optional size, and how a shell completes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from bestiary.errors import BestiaryError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


def complete_name(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the entries that begin like ``incomplete``; after a colon, the sizes of the entry before it."""
    from bestiary.catalog.find import entry, list_models

    slug, colon, size = incomplete.lower().partition(":")
    if not colon:
        return [name for name in list_models() if name.startswith(slug)]
    try:
        return [f"{slug}:{known}" for known in sizes_of(entry(slug)) if known.startswith(size)]
    except BestiaryError:
        return []  # nothing completes a name that does not exist


def complete_source(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return entries and sizes, or ask the shell for files where a path has begun."""
    from click.shell_completion import CompletionItem

    if incomplete.startswith((".", "/", "~")):
        return [CompletionItem(incomplete, type="file")]
    return [CompletionItem(name) for name in complete_name(ctx, parameter, incomplete)]


def sizes_of(entry: Any) -> list[str]:
    """Return the sizes that ``NAME:size`` may name: the published ones and ``tiny``; a stand-in has the latter."""
    if not entry.runnable:
        return ["tiny"] if entry.stand_in else []
    return list(dict.fromkeys([*entry.sizes, "tiny"]))


def stand_in_of(entry: Any) -> str | None:
    """Return the sentence that labels a stand-in as one, or ``None`` where the architecture is the model's own."""
    if entry.stand_in is None:
        return None
    return f"a stand-in: nobody published the architecture of {entry.name}; this is that of {entry.stand_in.like}"


def name_argument(parameter: str = "name", metavar: str = "NAME[:SIZE]", **attributes: Any) -> Callable[[Any], Any]:
    """Return the decorator that gives a verb a model's name, completed by the shell."""
    return click.argument(parameter, metavar=metavar, shell_complete=complete_name, **attributes)
