"""Episodes: environments opened safely, trajectories collected in them, and what models read of these."""

from __future__ import annotations

from bestiary.data.episodes.bins import Bins
from bestiary.data.episodes.collect import Trajectory, collect, random_policy
from bestiary.data.episodes.environment import Environment
from bestiary.data.episodes.files import read_trajectories, save_trajectories
from bestiary.data.episodes.pieces import Scale, piece, returns_to_go

__all__ = [
    "Bins",
    "Environment",
    "Scale",
    "Trajectory",
    "collect",
    "piece",
    "random_policy",
    "read_trajectories",
    "returns_to_go",
    "save_trajectories",
]
