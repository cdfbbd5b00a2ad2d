"""Running the command line in this process, and reading what it prints into a pipe."""

from __future__ import annotations

import io
import os
from contextlib import redirect_stderr, redirect_stdout
from typing import NamedTuple
from unittest.mock import patch

import pytest

from bestiary import cli


class Done(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


def bestiary(line: str, *more: str, terminal: bool = False) -> Done:
    """Run ``bestiary("show bert", terminal=True)``; ``more`` arguments may hold spaces."""
    out, err = io.StringIO(), io.StringIO()
    environment = {"TTY_COMPATIBLE": "01"[terminal], "COLUMNS": "100"}
    with (
        patch.dict(os.environ, environment),
        redirect_stdout(out),
        redirect_stderr(err),
        pytest.raises(SystemExit) as end,
    ):
        cli.main([*line.split(), *more])
    assert isinstance(end.value.code, int)
    return Done(end.value.code, out.getvalue(), err.getvalue())


def table(text: str) -> list[dict[str, str]]:
    """Read a tab-separated table under its header."""
    header, *rows = [line.split("\t") for line in text.splitlines()]
    return [dict(zip(header, row, strict=True)) for row in rows]


def sections(text: str) -> list[list[dict[str, str]]]:
    """Read tables that empty lines part."""
    return [table(part) for part in text.strip("\n").split("\n\n")]
