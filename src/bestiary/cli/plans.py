"""The plan of a task for every size of every entry, kept in the user's cache until code or catalog change."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from bestiary import __version__
from bestiary.aside import aside
from bestiary.cli.output import bar
from bestiary.errors import BestiaryError


class Planned(NamedTuple):
    """One size of an entry: its parameters, how many tokens it can read at most if it reads tokens, and the plan."""

    name: str
    parameters: int
    longest: int | None
    plan: Any


def plans(task: str) -> list[Planned]:
    """Return the plan of each size of each entry whose architecture is known, in the catalog's order."""
    from bestiary.sizing import Plan

    rows = _kept(task)
    if rows is None:
        rows = [row for slug in bar(_slugs(), "planning") for row in _made(slug, task)]
        _keep(task, rows)
    return [Planned(name, parameters, longest, Plan.from_json(plan)) for name, parameters, longest, plan in rows]


def _slugs() -> list[str]:
    from bestiary.catalog.find import list_models

    return list_models()


def _made(slug: str, task: str) -> Iterator[tuple[str, int, int | None, dict[str, Any]]]:
    from bestiary.catalog.find import entry
    from bestiary.catalog.resolve import size_spec
    from bestiary.sizing import count, plan
    from bestiary.sizing.reach import counted_by, longest

    found = entry(slug)
    for size in found.sizes if found.runnable else ():
        spec = size_spec(found, size)
        most = longest(spec) if counted_by(spec) == "token" else None
        yield f"{slug}:{size}", count(spec).total, most, plan(spec, task).to_json()


def _kept(task: str) -> list[Any] | None:
    try:
        return msgspec.json.decode(_file(task).read_bytes())
    except (OSError, msgspec.DecodeError):
        return None


def _keep(task: str, rows: list[Any]) -> None:
    """Write plans aside and put them in place whole; where nothing can be written, they are made again next time."""
    file = _file(task)
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        with aside(file) as beside:
            beside.write_bytes(msgspec.json.encode(rows))


def _file(task: str) -> Path:
    home = os.environ.get("XDG_CACHE_HOME")
    try:
        base = Path(home) if home else Path.home() / ".cache"
    except RuntimeError as error:  # a user without a home
        raise BestiaryError(f"there is no folder for the cache: {error}; set XDG_CACHE_HOME") from None
    return base / "bestiary" / f"plans-{task}-{_state()}.json"


@lru_cache(maxsize=1)
def _state() -> str:
    """Return a digest of what plans are made of: each file of code that makes them, and the catalog's index."""
    package = Path(__file__).parents[1]
    files = sorted(path for room in ("spec", "architectures", "sizing") for path in (package / room).glob("**/*.py"))
    stats = [
        (str(path.relative_to(package)), stat.st_size, stat.st_mtime_ns)
        for path in (*files, package / "catalog" / "index.jsonl")
        for stat in [path.stat()]
    ]
    return hashlib.sha256(repr((__version__, stats)).encode()).hexdigest()[:16]
