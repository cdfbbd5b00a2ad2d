"""The one exception that a user's input can cause: a sentence naming what is wrong, where, and the remedy."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class BestiaryError(ValueError):
    """Input that cannot be accepted. The message is one sentence fit to print; the command line exits with 2."""


class UnknownModel(BestiaryError):
    """A name that no entry has."""


def nearest(word: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'bert' or 'albert'?"`` for the nearest known names, or an empty string."""
    spelled: dict[str, str] = {}
    for name in known:
        spelled.setdefault(name.lower(), name)
    matches = [spelled[match] for match in get_close_matches(word.lower(), spelled, n=3, cutoff=0.5)]
    if not matches:
        return ""
    return "; did you mean " + " or ".join(f"'{match}'" for match in matches) + "?"
