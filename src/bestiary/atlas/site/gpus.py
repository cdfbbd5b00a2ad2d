"""The GPUs that the site reckons with."""

from __future__ import annotations

from typing import NamedTuple

from bestiary.sizing import GPU_MEMORY


class Gpu(NamedTuple):
    """One GPU: its memory, and where that is said."""

    name: str
    bytes: int
    source: str


def gpus() -> tuple[Gpu, ...]:
    """Return the GPUs by their memory."""
    known = (Gpu(name, size, "") for name, size in GPU_MEMORY.items())
    return tuple(sorted(known, key=lambda gpu: (gpu.bytes, gpu.name)))


def smallest(total: int) -> str | None:
    """Return the smallest GPU that holds so many bytes, if one alone does."""
    return next((gpu.name for gpu in gpus() if gpu.bytes >= total), None)
