"""Agents: models that act, state after state, and are told what each action earned."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import torch

from bestiary.data.episodes import Bins, Environment, Scale
from bestiary.data.episodes.environment import Numbers
from bestiary.errors import BestiaryError
from bestiary.generate.plan import Search, first_action, plan


class Agent(Protocol):
    """Anything that acts."""

    def act(self, state: Numbers) -> Numbers:
        """Return an action for a state."""
        ...

    def earned(self, reward: float) -> None:
        """Hear what the last action earned."""
        ...


class StepAgent:
    """A model of steps, asked for a return: what it earns is taken off what is still asked (Chen et al. 2021)."""

    def __init__(self, model: Any, scale: Scale, target: float, context: int = 20) -> None:
        self.model, self.scale, self.context = model, scale, context
        self.states, self.actions, self.asked = list[Numbers](), list[Numbers](), [target / scale.returns]

    @torch.inference_mode()
    def act(self, state: Numbers) -> Numbers:
        """Return an action for a state."""
        embed = self.model.spec.embed
        self.states.append(self.scale.states(state))
        self.actions.append(np.zeros(embed.action, dtype=np.float32))  # not read: what it answers stands before it
        steps = len(self.states)
        recent = slice(max(0, steps - self.context), steps)
        times = torch.arange(steps)[recent].clamp(max=embed.length - 1)
        given = {
            "states": np.stack(self.states[recent]),
            "actions": np.stack(self.actions[recent]),
            "returns_to_go": np.asarray(self.asked[recent], dtype=np.float32)[:, None],
        }
        tensors = {name: torch.from_numpy(rows)[None].to(self.model.dtype) for name, rows in given.items()}
        answer = self.model(**tensors, timesteps=times[None]).action_preds[0, -1]
        self.actions[-1] = answer.float().numpy()
        return self.actions[-1]

    def earned(self, reward: float) -> None:
        """Hear what the last action earned."""
        self.asked.append(self.asked[-1] - reward / self.scale.returns)


class PlanAgent:
    """A model of transitions that plans anew at every step and takes the first action (Janner et al. 2021)."""

    def __init__(self, model: Any, bins: Bins, search: Search, seed: int = 0) -> None:
        self.model, self.bins, self.search = model, bins, search
        self.generator = torch.Generator().manual_seed(seed)
        self.past: list[np.ndarray[Any, Any]] = []
        self.state, self.action = np.zeros(0, np.float32), np.zeros(0, np.float32)

    def act(self, state: Numbers) -> Numbers:
        """Return an action for a state."""
        embed = self.model.spec.embed
        self.state = state
        recent = self.past[-self.search.context :]
        seen = np.concatenate([*recent, self.bins.cut(state[None])[0]])[None]
        found = plan(self.model, self.bins, torch.from_numpy(seen), self.search, self.generator)
        self.action = first_action(found, self.bins, embed.observation, embed.action)
        return self.action

    def earned(self, reward: float) -> None:
        """Hear what the last action earned; the value, which nothing reads, is put at zero."""
        row = np.concatenate((self.state, self.action, np.asarray([reward, 0.0], dtype=np.float32)))
        self.past.append(self.bins.cut(row[None])[0])


def fits(model: Any, environment: Environment) -> None:
    """Refuse an environment whose states or actions are not as long as those that a model was made for."""
    embed = model.spec.embed
    made = (embed.state if hasattr(embed, "state") else embed.observation, embed.action)
    if made != (environment.state, environment.action):
        raise BestiaryError(
            f"{environment.name} has {environment.state} numbers of state and {environment.action} of action, but the"
            f" model was made for {made[0]} and {made[1]}; choose the environment that it was trained in"
        )
