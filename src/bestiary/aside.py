"""Files written whole or not at all: aside first, then put in their place."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def aside(path: Path) -> Iterator[Path]:
    """Yield a file beside ``path``, of the same ending, which takes its place once all is written to it.

    Where that fails, what stood there stays and nothing else is left. An ``OSError`` then names ``path``, which its
    reader knows, rather than the file beside it; the words are the caller's.
    """
    beside: Path | None = None
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=path.suffix, dir=path.parent)
        os.close(handle)
        beside = Path(name)
        yield beside
        beside.chmod(0o644)  # it was made for its owner alone
        beside.replace(path)
    except OSError as error:
        error.filename, error.filename2 = str(path), None
        raise
    finally:
        if beside is not None:
            beside.unlink(missing_ok=True)
