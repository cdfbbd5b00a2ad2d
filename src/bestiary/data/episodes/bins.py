"""Numbers cut into bins, each coordinate by edges of its own, and back (Janner et al. 2021, section 3.1)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bestiary.data.episodes.collect import Trajectory
from bestiary.data.episodes.environment import Numbers
from bestiary.data.episodes.pieces import returns_to_go
from bestiary.errors import BestiaryError

Indices = NDArray[np.int64]


def transitions(trajectory: Trajectory, discount: float = 0.99) -> Numbers:
    """Return each step as state, action, reward and the discounted reward of what comes after it."""
    ahead = returns_to_go(trajectory.rewards, discount)
    values = (ahead - trajectory.rewards) / np.float32(discount)
    return np.concatenate((trajectory.states, trajectory.actions, trajectory.rewards[:, None], values[:, None]), axis=1)


@dataclass(frozen=True)
class Bins:
    """Edges of the bins of each coordinate, ``[bins + 1, numbers]``, rising."""

    edges: NDArray[np.float64]

    @classmethod
    def uniform(cls, rows: Numbers, bins: int) -> Bins:
        """Bins of one width from the least to the greatest value of each coordinate."""
        _enough(rows, bins)
        return cls(np.linspace(rows.min(0), rows.max(0), bins + 1, dtype=np.float64))

    @classmethod
    def quantile(cls, rows: Numbers, bins: int) -> Bins:
        """Bins that each hold as many of the rows, the last perhaps fewer."""
        _enough(rows, bins)
        inner = np.sort(rows.astype(np.float64), axis=0)[:: -(-len(rows) // bins)]
        last = np.repeat(rows.max(0, keepdims=True).astype(np.float64), bins + 1 - len(inner), axis=0)
        return cls(np.concatenate((inner, last)))

    @property
    def count(self) -> int:
        """How many bins a coordinate has."""
        return len(self.edges) - 1

    def cut(self, rows: Numbers, first: int = 0) -> Indices:
        """Return the bin of each number, ``[B, numbers]``, of coordinates from ``first`` on; the ends take the rest."""
        edges = self.edges[:, first : first + rows.shape[-1]]
        at_least = (rows[None] >= edges[:, None]).sum(0) - 1
        return at_least.clip(0, self.count - 1)

    def middle(self, indices: Indices, first: int = 0) -> NDArray[np.float64]:
        """Return the middle of each bin, the inverse of ``cut`` as near as bins are wide."""
        edges = self.edges[:, first : first + indices.shape[-1]]
        middles = (edges[1:] + edges[:-1]) / 2
        return np.take_along_axis(middles, indices.clip(0, self.count - 1), axis=0)

    def expected(self, probabilities: NDArray[np.float64], coordinate: int) -> NDArray[np.float64]:
        """Return the mean of a coordinate under probabilities of its bins, ``[B, bins]``."""
        edges = self.edges[:, coordinate]
        return probabilities @ ((edges[1:] + edges[:-1]) / 2)


def _enough(rows: Numbers, bins: int) -> None:
    if not len(rows) or bins < 1 or not np.isfinite(rows).all():
        raise BestiaryError("bins are cut by finite numbers: collect some transitions first")
