"""Trajectories on disk: one safetensors file, no pickle; what is read is checked before it is believed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bestiary.data.episodes.collect import Trajectory
from bestiary.errors import BestiaryError

PARTS = ("states", "actions", "rewards")
MAX_EPISODES = 1_000_000


def save_trajectories(trajectories: Sequence[Trajectory], path: str | Path) -> Path:
    """Write trajectories into a file and return its path."""
    from safetensors.numpy import save_file

    held = {
        f"{number}.{part}": np.ascontiguousarray(getattr(trajectory, part))
        for number, trajectory in enumerate(trajectories)
        for part in PARTS
    }
    try:
        save_file(held, path)
    except OSError as error:
        raise BestiaryError(f"{path} cannot be written ({error.strerror}); check the folder") from None
    return Path(path)


def read_trajectories(path: str | Path) -> list[Trajectory]:
    """Read trajectories from a file; raises ``BestiaryError`` where it is none, or its numbers are not finite."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        held = load_file(path)
    except (OSError, SafetensorError, ValueError) as error:
        raise BestiaryError(f"{path} is no readable file of trajectories: {str(error)[:100]}") from None
    names = {re.fullmatch(rf"(\d+)\.({'|'.join(PARTS)})", name) for name in held}
    count = len(held) // len(PARTS)
    whole = {f"{number}.{part}" for number in range(min(count, MAX_EPISODES)) for part in PARTS}
    if None in names or not held or set(held) != whole:
        raise BestiaryError(f"{path} holds no trajectories: it must hold {', '.join(PARTS)} of episodes 0, 1, ...")
    found = [Trajectory(*(held[f"{number}.{part}"] for part in PARTS)) for number in range(count)]
    for number, trajectory in enumerate(found):
        _check(trajectory, number, found[0], path)
    return found


def _check(trajectory: Trajectory, number: int, first: Trajectory, path: str | Path) -> None:
    states, actions, rewards = trajectory.states, trajectory.actions, trajectory.rewards
    if any(part.dtype != np.float32 or not len(part) for part in (states, actions, rewards)):
        raise BestiaryError(f"{path}: episode {number} is empty or not in float32")
    alike = states.shape[1:] == first.states.shape[1:] and actions.shape[1:] == first.actions.shape[1:]
    if (
        (states.ndim, actions.ndim, rewards.ndim) != (2, 2, 1)
        or not alike
        or len({*map(len, (states, actions, rewards))}) > 1
    ):
        raise BestiaryError(f"{path}: the parts of episode {number} do not fit together, or not to those before")
    if not all(np.isfinite(part).all() for part in (states, actions, rewards)):
        raise BestiaryError(f"{path}: episode {number} holds what is no finite number")
