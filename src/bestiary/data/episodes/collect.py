"""Trajectories that we collect ourselves: a policy acts in an environment, and what happens is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from bestiary.data.episodes.environment import Environment, Numbers

Policy = Callable[[Environment, Numbers], Numbers]
"""Returns an action for a state."""


@dataclass(frozen=True)
class Trajectory:
    """One episode: states before each action, the actions, and the rewards that followed."""

    states: Numbers
    actions: Numbers
    rewards: Numbers

    def __len__(self) -> int:
        return len(self.rewards)


def random_policy(environment: Environment, state: Numbers) -> Numbers:
    """Act at random."""
    return environment.drawn()


def collect(
    environment: Environment, episodes: int, policy: Policy = random_policy, *, seed: int = 0
) -> Iterator[Trajectory]:
    """Yield trajectories of a policy; the same ones for the same seed."""
    for number in range(episodes):
        states, actions, rewards = [environment.begin(seed + number)], list[Numbers](), list[float]()
        for _ in range(environment.steps):
            actions.append(policy(environment, states[-1]))
            state, reward, ended = environment.act(actions[-1])
            rewards.append(reward)
            if ended:
                break
            states.append(state)
        yield Trajectory(np.stack(states[: len(rewards)]), np.stack(actions), np.asarray(rewards, dtype=np.float32))
