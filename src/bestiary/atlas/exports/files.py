"""Writing exports: whole or not at all, and over nothing unless that is asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bestiary.aside import aside
from bestiary.errors import BestiaryError


def write_file(path: Path, write: Callable[[Path], object], force: bool = False) -> None:
    """Have a file written aside and put in its place; raises ``BestiaryError`` where one is there and not ``force``."""
    if path.is_dir():
        raise BestiaryError(f"{path} is a folder; name a file")
    _refuse(path, force)
    path.parent.mkdir(parents=True, exist_ok=True)
    with aside(path) as beside:
        write(beside)


def write_folder(folder: Path, writers: dict[str, Callable[[Path], object]], force: bool = False) -> None:
    """Have the files of a folder written, each as ``write_file`` does; none where one of them may not be."""
    if folder.exists() and not folder.is_dir():
        raise BestiaryError(f"{folder} is a file, and this writes one for each table; name a folder")
    for name in writers:
        _refuse(folder / name, force)
    for name, write in writers.items():
        write_file(folder / name, write, force)


def _refuse(path: Path, force: bool) -> None:
    if path.exists() and not force:
        raise BestiaryError(f"{path} is already there; name another or give --force to replace it")
