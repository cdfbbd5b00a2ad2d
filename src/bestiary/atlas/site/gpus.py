"""The GPUs that the site reckons with, by their memory."""

from __future__ import annotations

from bestiary.sizing import GPUS, Gpu


def gpus() -> tuple[Gpu, ...]:
    """Return the GPUs, the smallest first."""
    return tuple(sorted(GPUS, key=lambda gpu: (gpu.memory, gpu.name)))


def smallest(total: int) -> str | None:
    """Return the smallest GPU that holds so many bytes, if one alone does."""
    return next((gpu.name for gpu in gpus() if gpu.memory >= total), None)
