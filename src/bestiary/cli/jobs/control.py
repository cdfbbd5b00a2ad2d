"""Jobs of models that act: an episode in an environment, and a moving picture of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bestiary import nn, spec
from bestiary.cli.jobs.job import Answers, Job, Settings
from bestiary.cli.output import print_table, remark
from bestiary.data.episodes import Bins, Environment, Scale, Trajectory, collect
from bestiary.data.episodes.bins import transitions
from bestiary.errors import BestiaryError
from bestiary.generate.act import Agent, PlanAgent, StepAgent, fits
from bestiary.generate.looks import LookingAgent
from bestiary.generate.plan import Search
from bestiary.generate.serial import SerialAgent

EPISODES = 8
"""How many random episodes tell the scale of states and returns, where a model's files do not."""
SEES = spec.AgentTokens | spec.Looks
"""Embeddings of models that see pictures, and take any environment."""
WIDTH = 240
"""Frames are not kept wider."""


def job_of(model: Any) -> str | None:
    """Return the job of a spec that acts, or ``None`` for one that does not."""
    kinds = spec.Steps | spec.Transitions | spec.AgentTokens | spec.Looks
    acts = isinstance(model, spec.Transformer) and isinstance(model.embed, kinds)
    return "act" if acts else None


def act(model: Any, names: list[str], settings: Settings) -> Answers:
    """Act one episode in each environment; its picture goes to the file that is asked for."""
    if not names:
        raise BestiaryError("this model acts; write the name of an environment after its own, as CartPole-v1")
    if settings.out is not None and (len(names) > 1 or settings.out.suffix.lower() != ".gif"):
        raise BestiaryError("--out takes one file for one environment, and its name ends in .gif")
    return [_episode(model, name, settings) for name in names]


def _episode(model: Any, name: str, settings: Settings) -> dict[str, Any]:
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")  # frames are drawn, not shown
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")  # it would stand before the answer
    environment = Environment(name, frames=settings.out is not None or isinstance(model.spec.embed, SEES))
    model = _fitted(model, environment, settings.seed) if settings.twin else model
    tried = list(collect(environment, EPISODES, seed=settings.seed + 1))
    agent = _agent(model, environment, tried, settings.seed)
    state, total, frames, steps = environment.begin(settings.seed), 0.0, list[NDArray[np.uint8]](), 0
    for _ in range(min(environment.steps, settings.max_new_tokens)):
        frames += [environment.frame()] if settings.out is not None else []
        answer = environment.act(agent.act(state))
        agent.earned(answer.reward)
        state, total, steps = answer.state, total + answer.reward, steps + 1
        if answer.ended:
            break
    frames += [environment.frame()] if settings.out is not None else []
    environment.close()
    found = {
        "environment": name,
        "steps": steps,
        "return": total,
        "random": float(np.mean([t.rewards.sum() for t in tried])),
    }
    return found | ({"file": str(save_gif(frames, settings.out))} if settings.out is not None else {})


def _agent(model: Any, environment: Environment, tried: list[Trajectory], seed: int) -> Agent:
    if isinstance(model.spec.embed, spec.AgentTokens):
        return SerialAgent(model, environment, seed)
    if isinstance(model.spec.embed, spec.Looks):  # no text is told: an instruction's vector is made up
        told = torch.randn(1, model.spec.embed.net.context, generator=torch.Generator().manual_seed(seed))
        return LookingAgent(model, environment, told)
    fits(model, environment)
    if isinstance(model.spec.embed, spec.Steps):
        best = max(float(trajectory.rewards.sum()) for trajectory in tried)
        return StepAgent(model, Scale.of(tried, returns=max(abs(best), 1.0)), best)
    rows = np.concatenate([transitions(trajectory) for trajectory in tried])
    return PlanAgent(model, Bins.quantile(rows, model.spec.embed.bins), Search(), seed)


def _fitted(model: Any, environment: Environment, seed: int) -> Any:
    """Return an untrained twin made for an environment's states and actions."""
    embed = model.spec.embed
    if isinstance(embed, SEES):
        return model  # it takes any
    if isinstance(embed, spec.Steps):
        return nn.build(
            model.spec.at("embed", embed.replace(state=environment.state, action=environment.action)), seed=seed
        )
    made = embed.replace(observation=environment.state, action=environment.action)
    made = made.replace(position=spec.Learned(10 * made.width - 1))
    whole = model.spec.replace(embed=made)
    return nn.build(spec.swap(whole, spec.LastHidden, spec.LastHidden(made.width)), seed=seed)


def save_gif(frames: list[NDArray[np.uint8]], path: Path, seconds: float = 0.05) -> Path:
    """Write frames as a moving picture."""
    from PIL import Image

    from bestiary.data.images import save_image

    pictures = [Image.fromarray(frame) for frame in frames]
    scale = min(1.0, WIDTH / pictures[0].width)
    size = (round(pictures[0].width * scale), round(pictures[0].height * scale))
    first, *others = [picture.resize(size) for picture in pictures]
    return save_image(
        first, path, format="GIF", save_all=True, append_images=others, duration=round(1000 * seconds), loop=0
    )


def _show(model: Any, names: list[str], settings: Settings) -> None:
    answers = act(model, names, settings)
    print_table(
        ("environment", "steps", "return", "at random"),
        [(a["environment"], a["steps"], f"{a['return']:.2f}", f"{a['random']:.2f}") for a in answers],
    )
    for answer in answers:
        if "file" in answer:
            remark(f"episode written to {answer['file']}")


JOBS: dict[str, Job] = {"act": Job(act, _show)}
