"""Words for input that nobody vouches for: what a wrong file really is, and names shown without harm."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from bestiary.errors import BestiaryError

SHOWN_LETTERS = 80
SHOWN_NAMES = 8

LFS_POINTER = b"version https://git-lfs"
WEB_PAGE = (b"<!doctype", b"<html", b"<head", b"<?xml", b"<!--")


def quoted(text: object) -> str:
    """Return ``text`` in quotes, cut short and with control characters escaped, so that a terminal can print it."""
    words = str(text)
    return repr(words if len(words) <= SHOWN_LETTERS else words[: SHOWN_LETTERS - 1] + "…")


def listed(parts: Sequence[str], joint: str = ", ") -> str:
    """Return the first eight of ``parts`` joined, and how many more there are."""
    more = len(parts) - SHOWN_NAMES
    return joint.join(parts[:SHOWN_NAMES]) + (f"{joint}and {more:,} more" if more > 0 else "")


def mistaken_for(start: bytes) -> str | None:
    """Say what a download left instead of the file, judged by its first bytes, with the remedy; None if unknown."""
    if not start:
        return "is empty; download it again"
    if start.startswith(LFS_POINTER):
        return "is a git-lfs pointer, not the file itself; run 'git lfs pull' or download the file"
    if start.removeprefix(b"\xef\xbb\xbf").lstrip()[:16].lower().startswith(WEB_PAGE):
        return "is a web page, not the file itself; download the raw file (a sign-in page often answers instead)"
    return None


def regular_file(path: str | os.PathLike[str]) -> Path:
    """Return ``path`` as a Path; raise BestiaryError unless it names a regular file (a pipe would block for ever)."""
    path = Path(path)
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise BestiaryError(f"{path} cannot be opened ({reason}); check the path") from None
    if not stat.S_ISREG(mode):
        raise BestiaryError(f"{path} is {'a folder' if stat.S_ISDIR(mode) else 'not a regular file'}; name a file")
    return path


def is_count(value: object) -> bool:
    """Tell whether ``value`` is an integer that a file's size or a shape can be: not negative, below 2**63."""
    return type(value) is int and 0 <= value < 1 << 63
