"""What a job of ``bestiary run`` is, and how it is asked to answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from bestiary import generate

Answers = list[dict[str, Any]]
TOP = 5


@dataclass(frozen=True)
class Settings:
    """How to answer. A ``twin`` is untrained and reads bytes."""

    sampling: generate.Sampling
    max_new_tokens: int
    seed: int
    twin: bool
    chat: bool
    out: Path | None = None
    """The file that a picture, an episode or a structure is written to."""
    language: str | None = None
    """The code of what is spoken, where the user says it."""


class Job(NamedTuple):
    """A job's answers as data, and the same shown as they come."""

    answer: Callable[[Any, list[str], Settings], Answers]
    show: Callable[[Any, list[str], Settings], None]
