"""Pieces of trajectories as a model of steps is trained on: normalized, padded on the left, with returns to go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bestiary.data.episodes.collect import Trajectory
from bestiary.data.episodes.environment import Numbers

NO_ACTION = -10.0
"""What stands for the action of padding (code of Chen et al. 2021)."""


def returns_to_go(rewards: Numbers, discount: float = 1.0) -> Numbers:
    """Return what is still earned from each step on, that step's reward included."""
    totals = np.zeros(len(rewards), dtype=np.float64)
    ahead = 0.0
    for step in range(len(rewards) - 1, -1, -1):
        totals[step] = ahead = float(rewards[step]) + discount * ahead
    return totals.astype(np.float32)


@dataclass(frozen=True)
class Scale:
    """What states and returns are divided by, after the mean of states is taken off."""

    mean: Numbers
    deviation: Numbers
    returns: float = 1.0

    @classmethod
    def of(cls, trajectories: Sequence[Trajectory], returns: float = 1.0) -> Scale:
        """Return the scale of collected trajectories."""
        states = np.concatenate([trajectory.states for trajectory in trajectories])
        return cls(states.mean(0), states.std(0) + np.float32(1e-6), returns)

    def states(self, states: Numbers) -> Numbers:
        """Return states with a mean of zero and a deviation of one."""
        return (states - self.mean) / self.deviation


def piece(trajectory: Trajectory, start: int, steps: int, scale: Scale, length: int) -> dict[str, NDArray[Any]]:
    """Return ``steps`` steps from ``start`` on, padded on the left where the episode ends before.

    ``length`` is how many time steps the model knows; later ones count as the last.
    """
    end = min(start + steps, len(trajectory))
    pad = steps - (end - start)
    earned = returns_to_go(trajectory.rewards)[start:end, None] / scale.returns
    front = {"states": 0.0, "actions": NO_ACTION, "rewards": 0.0, "returns_to_go": 0.0}
    given = {
        "states": scale.states(trajectory.states[start:end]),
        "actions": trajectory.actions[start:end],
        "rewards": trajectory.rewards[start:end, None],
        "returns_to_go": earned.astype(np.float32),
    }
    padded = {
        name: np.concatenate((np.full((pad, rows.shape[1]), front[name], dtype=np.float32), rows))
        for name, rows in given.items()
    }
    times = np.minimum(np.arange(start, end), length - 1)
    return padded | {
        "timesteps": np.concatenate((np.zeros(pad, dtype=np.int64), times)),
        "attention_mask": (np.arange(steps) >= pad).astype(np.int64),
    }
