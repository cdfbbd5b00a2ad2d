"""The site as plain files, which any host of files serves and a browser opens from a folder."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from bestiary import __version__
from bestiary.atlas.site.collection import Collection
from bestiary.atlas.site.files import files
from bestiary.errors import BestiaryError
from bestiary.jsonfile import read_json
from bestiary.untrusted import quoted
from bestiary.watch import watched

LIST = "atlas.json"
"""Names every file of an export: what it may be replaced by, and by which nothing else is lost."""


class Written(NamedTuple):
    """What an export wrote."""

    folder: Path
    pages: int
    files: int
    bytes: int
    seconds: float


def export(folder: str | Path, collection: Collection | None = None) -> Written:
    """Write the whole site into a folder: a new one, an empty one, or one that holds an earlier export.

    It is written aside and then renamed, so the folder never holds half of it. Raises ``BestiaryError`` for a folder
    that holds anything else.
    """
    began = perf_counter()
    folder = Path(folder).absolute().resolve()
    _refuse_others(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        aside.chmod(0o755)  # it is made for its owner alone, and a site is for all
        written = dict(_write(aside, collection or Collection()))
        _put_in_place(aside, folder)
    except OSError as error:
        error.filename, error.filename2 = str(folder), None  # what was asked for, not what was written aside
        raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    pages = sum(path.endswith(".html") for path in written)
    return Written(folder, pages, len(written), sum(written.values()), perf_counter() - began)


def _write(folder: Path, collection: Collection) -> Iterator[tuple[str, int]]:
    """Write every file and yield its path and its bytes; the list of all comes last."""
    made = files(collection)
    for path, make in watched(list(made.items()), "writing the atlas"):
        yield path, _write_file(folder / path, make())
    listed = {"made by": f"bestiary {__version__}", "files": sorted([*made, LIST])}
    yield LIST, _write_file(folder / LIST, json.dumps(listed, indent=1).encode())


def _write_file(path: Path, content: bytes) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.write_bytes(content)


def _refuse_others(folder: Path) -> None:
    """Refuse a folder that holds what no export wrote: it would be lost."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise BestiaryError(f"{folder} is a file; name a folder to write the atlas into")
    held = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir() or path.is_symlink()}
    ours = set(read_json(folder / LIST).get("files", ())) if LIST in held else set[str]()
    if others := sorted(held - ours):
        raise BestiaryError(
            f"{folder} holds {quoted(others[0])}, which is no part of an atlas; name a new folder, or empty this one"
        )


def _put_in_place(aside: Path, folder: Path) -> None:
    """Rename what was written to its place; what stood there goes only then."""
    if not folder.exists():
        aside.rename(folder)
        return
    old = aside.with_name(f"{aside.name}.old")
    folder.rename(old)
    try:
        aside.rename(folder)
    except OSError:
        old.rename(folder)
        raise
    shutil.rmtree(old)
