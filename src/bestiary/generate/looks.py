"""An agent that looks: the last pictures and an instruction's vector, from which bins of a motion are read."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from bestiary.data.episodes import Environment
from bestiary.data.episodes.environment import Numbers
from bestiary.errors import BestiaryError

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of the pictures that EfficientNet was trained on."""


class LookingAgent:
    """Moves by the likeliest bin of each number, which are spread evenly over its bounds (Brohan et al. 2022, 5.1).

    A choice among ``n`` is the first number, its bounds cut into ``n`` parts. Looks that were not yet are repeated.
    """

    def __init__(self, model: Any, environment: Environment, instruction: torch.Tensor) -> None:
        embed = model.spec.embed
        self.model, self.environment, self.instruction = model, environment, instruction
        wanted = 1 if environment.choices is not None else environment.action
        if wanted > embed.actions:
            raise BestiaryError(
                f"{environment.name} wants {wanted} numbers of action, but the model gives {embed.actions};"
                " choose another environment"
            )
        self.looks: list[torch.Tensor] = []

    @torch.inference_mode()
    def act(self, state: Numbers) -> Numbers:
        """Return an action for what is seen; the state's numbers are not read."""
        embed = self.model.spec.embed
        self.looks = [*self.looks, self._look()][-embed.images :]
        held = [self.looks[0]] * (embed.images - len(self.looks)) + self.looks
        logits = self.model(
            pixel_values=torch.stack(held)[None].to(self.model.dtype), instruction=self.instruction
        ).logits
        share = logits[0, -1].argmax(-1).float().numpy() / (embed.bins - 1)
        choices = self.environment.choices
        if choices is not None:
            return np.eye(choices, dtype=np.float32)[min(int(share[0] * choices), choices - 1)]
        low, high = self.environment.low, self.environment.high
        return (low + share[: self.environment.action] * (high - low)).astype(np.float32)

    def earned(self, reward: float) -> None:
        """Hear what the last action earned, which this agent does not read."""

    def _look(self) -> torch.Tensor:
        from PIL import Image

        size = self.model.spec.embed.image
        pixels = np.asarray(Image.fromarray(self.environment.frame()).resize((size, size)), dtype=np.float32) / 255
        return torch.from_numpy((pixels - MEAN) / DEVIATION).float().permute(2, 0, 1)
