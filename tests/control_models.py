"""Small models that act, and what each is called with: for the tests of sizes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from bestiary.architectures import make
from bestiary.spec import AgentTokens, Looks, Model, Steps

SMALL: dict[str, Any] = {"dim": 16, "depth": 2, "heads": 4}
STEPS: dict[str, Any] = {**SMALL, "hidden": 24, "state": 5, "action": 2, "steps": 3}

ROBOT: dict[str, Any] = {
    "dim": 16, "depth": 2, "heads": 2, "head_dim": 6, "wide": 0.25, "deep": 1.0, "image": 75, "images": 2, "tokens": 3,
    "actions": 4, "bins": 9, "context": 5,
}  # fmt: skip

BUILT: dict[str, Model] = {
    "rt1": make("rt1", **ROBOT),
    "gato": make("gato", **SMALL, hidden=24, text=30, bins=8, channels=32, places=9),
    "decision_transformer": make("decision_transformer", **STEPS),
    "decision_transformer, as released": make("decision_transformer", **STEPS, places=7, tokens=2),
    "trajectory_transformer": make("trajectory_transformer", **SMALL, observation=3, action=2, bins=11, length=21),
}


def given(model: Model) -> dict[str, Tensor]:
    """Return one episode as a model reads it."""
    if isinstance(model.at("embed"), Steps):
        widths = {"states": 5, "actions": 2, "returns_to_go": 1}
        return {name: torch.zeros(1, 3, width) for name, width in widths.items()} | {"timesteps": torch.arange(3)[None]}
    if isinstance(model.at("embed"), AgentTokens):
        return {"input_ids": torch.arange(9)[None] % 7}
    if isinstance(model.at("embed"), Looks):
        return {"pixel_values": torch.zeros(1, 2, 3, 75, 75), "instruction": torch.zeros(1, 5)}
    return {"trajectories": torch.arange(21)[None] % 11}
