"""Text from ids that arrive one by one, as a generating model gives them."""

from __future__ import annotations

from collections.abc import Callable

UNFINISHED = "\N{REPLACEMENT CHARACTER}"


class TextStream:
    """Gives each id's text as soon as it is certain; the pieces joined are the text of all ids decoded at once.

    One id may be a part of a character (byte-level and byte-fallback vocabularies) and may drop its leading space at
    the start of a text, so each step decodes a short window: the ids of the last piece given, and what came after.
    """

    def __init__(self, decode: Callable[[list[int]], str]) -> None:
        self._decode = decode
        self._given: list[int] = []
        self._waiting: list[int] = []

    def push(self, token_id: int) -> str:
        """Take the next id and return the text that it completes, which may be empty."""
        self._waiting.append(token_id)
        text = self._fresh()
        if not text or text.endswith(UNFINISHED):
            return ""
        self._given, self._waiting = self._waiting, []
        return text

    def finish(self) -> str:
        """Return what is still held back, such as the start of a character that never came to its end."""
        text = self._fresh()
        self._given, self._waiting = [], []
        return text

    def _fresh(self) -> str:
        return self._decode(self._given + self._waiting)[len(self._decode(self._given)) :]
