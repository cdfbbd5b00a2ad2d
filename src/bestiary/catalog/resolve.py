"""From an entry's size to its spec: the architecture function called with the published arguments."""

from __future__ import annotations

from bestiary.architectures import with_task
from bestiary.catalog.find import parse_name
from bestiary.catalog.schema import TINY, UNDISCLOSED, Entry
from bestiary.catalog.specs import made
from bestiary.errors import BestiaryError
from bestiary.spec import Model, tiny


def spec_of(name: str, task: str | None = None) -> Model:
    """Return the spec of ``entry`` or ``entry:size``, with the heads of a task where one is asked for.

    ``:tiny`` is the default size resized by one rule, unless the entry says otherwise; where nobody published the
    architecture, it is the twin of the entry's stand-in. Raises ``BestiaryError`` for an unknown name, size or task,
    and for an architecture that nobody published.
    """
    entry, size = parse_name(name)
    return size_spec(entry, size, task)


def size_spec(entry: Entry, size: str, task: str | None = None) -> Model:
    """Return the spec of one of an entry's sizes."""
    if entry.stand_in and size == TINY:
        return spec_of(f"{entry.stand_in.like}:{TINY}", task)
    function = entry.function(size)
    if function == UNDISCLOSED or not entry.sizes:
        raise BestiaryError(f"nobody published the architecture of {entry.name}, so it cannot be built")
    if size == TINY and TINY not in entry.sizes:
        default = next(iter(entry.sizes))
        return _with_task(tiny(size_spec(entry, default)), entry.function(default), task)
    return _with_task(made(function, entry.sizes[size].arguments), function, task)


def function_of(entry: Entry, size: str) -> str:
    """Return the architecture function that makes a size, the twin's included; a stand-in's is that of its model."""
    if entry.stand_in and size == TINY:
        return function_of(*parse_name(f"{entry.stand_in.like}:{TINY}"))
    return entry.function(size if size in entry.sizes else next(iter(entry.sizes), TINY))


def _with_task(spec: Model, function: str, task: str | None) -> Model:
    return spec if task is None else with_task(spec, function, task)
