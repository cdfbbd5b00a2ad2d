"""A Gymnasium environment as models see it: numbers in, numbers out, and frames where they are wanted."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bestiary.errors import BestiaryError, nearest
from bestiary.untrusted import quoted

Numbers = NDArray[np.float32]
MAX_NUMBERS = 1000
"""No state or action of these models is longer; a picture is."""


class Step(NamedTuple):
    """What an environment answers to an action."""

    state: Numbers
    reward: float
    ended: bool


class Environment:
    """An environment by its name, as ``CartPole-v1``; its states are numbers, its actions numbers or one of a few.

    A choice among ``n`` actions is ``n`` numbers, of which the largest is taken. Raises ``BestiaryError`` for an
    unknown name, for one whose packages are missing, and for states or actions of another kind.
    """

    def __init__(self, name: str, frames: bool = False) -> None:
        self.name = name
        self.made = _made(name, frames)
        states, actions = self.made.observation_space, self.made.action_space
        self.choices = _choices(actions)
        self.state = _size(name, "states", states)
        self.action = self.choices or _size(name, "actions", actions)
        if self.choices is None:
            bounds = np.stack((actions.low.ravel(), actions.high.ravel())).astype(np.float32)
            self.low, self.high = bounds
            if not np.isfinite(bounds).all():
                raise BestiaryError(f"the actions of {quoted(name)} have no bounds; choose another environment")
        self.steps: int = (self.made.spec.max_episode_steps if self.made.spec else None) or 1000

    def begin(self, seed: int) -> Numbers:
        """Begin an episode and return its first state."""
        self._chosen = np.random.default_rng(seed)
        return _numbers(self.made.reset(seed=seed)[0])

    def act(self, action: Numbers) -> Step:
        """Take an action and return what follows."""
        state, reward, terminated, truncated, _ = self.made.step(self.meant(action))
        return Step(_numbers(state), float(reward), bool(terminated or truncated))

    def meant(self, action: Numbers) -> Any:
        """Return an action as the environment takes it: the largest of the choices, or numbers within its bounds."""
        if not np.isfinite(action).all():
            raise BestiaryError("the model's action is not a number; its weights may be broken")
        if self.choices is not None:
            return int(action.argmax())
        space = self.made.action_space
        return action.clip(self.low, self.high).reshape(space.shape).astype(space.dtype)

    def drawn(self) -> Numbers:
        """Return a random action."""
        if self.choices is not None:
            return np.eye(self.choices, dtype=np.float32)[self._chosen.integers(self.choices)]
        return self._chosen.uniform(self.low, self.high).astype(np.float32)

    def frame(self) -> NDArray[np.uint8]:
        """Return a picture of the present, ``[height, width, 3]``."""
        return np.asarray(self.made.render(), dtype=np.uint8)

    def close(self) -> None:
        """Let the environment go."""
        self.made.close()


def _made(name: str, frames: bool) -> Any:
    try:
        import gymnasium
        from gymnasium.error import DependencyNotInstalled, UnregisteredEnv
        from gymnasium.error import Error as Refused
    except ImportError:
        raise BestiaryError(
            "environments need gymnasium; install it with: pip install 'bestiary[run,control]'"
        ) from None
    if ":" in name:  # gymnasium would import the module before the colon
        raise BestiaryError(f"{quoted(name)} names a module to run; give a registered environment, as CartPole-v1")
    try:
        return gymnasium.make(name, render_mode="rgb_array" if frames else None)
    except DependencyNotInstalled:
        raise BestiaryError(
            f"the environment {quoted(name)} needs packages that are not installed; install gymnasium's extra for it"
        ) from None
    except UnregisteredEnv:
        known = nearest(name, gymnasium.registry)
        known = known or "; name one, such as CartPole-v1"
        raise BestiaryError(f"{quoted(name)} is no environment of gymnasium's{known}") from None
    except (Refused, ImportError, TypeError, ValueError) as error:
        reason = str(error).partition("(")[0].strip().rstrip(".")[:100]
        raise BestiaryError(
            f"the environment {quoted(name)} cannot be made ({reason}); name one, such as CartPole-v1"
        ) from None


def _choices(space: Any) -> int | None:
    return int(space.n) if type(space).__name__ == "Discrete" and space.start == 0 else None


def _size(name: str, what: str, space: Any) -> int:
    if type(space).__name__ != "Box":
        kind = type(space).__name__
        raise BestiaryError(f"the {what} of {quoted(name)} are {kind}; these models take numbers (Box)")
    size = math.prod(space.shape)
    if not 1 <= size <= MAX_NUMBERS:
        raise BestiaryError(f"the {what} of {quoted(name)} are {size:,} numbers each; at most {MAX_NUMBERS:,} are read")
    return size


def _numbers(state: Any) -> Numbers:
    return np.asarray(state, dtype=np.float32).ravel()
