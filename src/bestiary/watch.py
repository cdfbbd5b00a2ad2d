"""Long loops, and whoever waits for them: a loop says its steps, and a progress bar is drawn elsewhere if at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

T = TypeVar("T")
Watch = Callable[[Sequence[Any], str], Iterable[Any]]
"""Given the steps of a loop and what they do, gives the same steps, one by one as they are taken."""

_WATCH: ContextVar[Watch | None] = ContextVar("watch", default=None)


def watched(steps: Sequence[T], what: str) -> Iterable[T]:
    """Return the steps of a long loop, for whoever watches to see each as it is taken."""
    watch = _WATCH.get()
    return steps if watch is None else watch(steps, what)


@contextmanager
def watching(watch: Watch) -> Iterator[None]:
    """Let something see the steps of the loops that run inside."""
    token = _WATCH.set(watch)
    try:
        yield
    finally:
        _WATCH.reset(token)
