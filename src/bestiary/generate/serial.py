"""An agent that reads what it sees and what it did as one sequence, and writes actions token by token."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from bestiary.data.episodes import Environment
from bestiary.data.episodes.environment import Numbers
from bestiary.data.episodes.serial import Alphabet, Sequence
from bestiary.errors import BestiaryError
from bestiary.generate.sampling import Sampling, pick


class SerialAgent:
    """Sees a picture and the numbers of a state, and draws an action's tokens (Reed et al. 2022, section 2.4).

    Only tokens that can stand for an action are drawn. The last ``context`` tokens are read; a picture is made ``side``
    patches high and wide, or left out where that is 0.
    """

    def __init__(self, model: Any, environment: Environment, seed: int = 0, context: int = 1024, side: int = 4) -> None:
        embed = model.spec.embed
        self.model, self.environment, self.context, self.side = model, environment, context, side
        self.alphabet = Alphabet(embed.vocab - embed.bins - 1, embed.bins)
        if (environment.choices or 0) > embed.bins:
            raise BestiaryError(f"{environment.name} has more choices than the {embed.bins} that have a token")
        self.sequence = Sequence(self.alphabet, embed.places)
        self.generator = torch.Generator().manual_seed(seed)

    def act(self, state: Numbers) -> Numbers:
        """Return an action for a state."""
        self.sequence.begin()
        if self.side:
            self.sequence.see_picture(self._picture(), self.model.spec.embed.patch)
        self.sequence.see(self.alphabet.numbers(state))
        self.sequence.separate()
        choices = self.environment.choices
        if choices is not None:
            return np.eye(choices, dtype=np.float32)[self._write(0, choices)]
        first = self.alphabet.text
        written = [self._write(first, first + self.alphabet.bins) for _ in range(self.environment.action)]
        within = (self.alphabet.values(np.asarray(written)) + 1) / 2
        return self.environment.low + within * (self.environment.high - self.environment.low)

    def earned(self, reward: float) -> None:
        """Hear what the last action earned, which this agent does not read."""

    def _write(self, first: int, end: int) -> int:
        """Draw a token from a range and append it."""
        scores = self._scores()[:, first:end].float()
        token = first + int(pick(scores, Sampling(1.0), self.generator)[0])
        self.sequence.do(token)
        return token

    @torch.inference_mode()
    def _scores(self) -> torch.Tensor:
        recent = self.sequence.last(self.context)
        given = {"input_ids": torch.tensor([recent.ids]), "place_ids": torch.tensor([recent.places])}
        if recent.patches:
            given["patch_mask"] = torch.tensor([recent.pictured])
            given["patches"] = torch.from_numpy(np.stack(recent.patches)).to(self.model.dtype)
            given["patch_spans"] = torch.from_numpy(np.stack(recent.spans))
        return self.model(**given, logits_to_keep=1).logits[:, -1]

    def _picture(self) -> np.ndarray[Any, Any]:
        from PIL import Image

        size = self.side * self.model.spec.embed.patch
        return np.asarray(Image.fromarray(self.environment.frame()).resize((size, size)))
