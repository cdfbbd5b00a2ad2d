"""Choosing the next token from its scores: the likeliest, or drawn from a sharpened or shortened distribution."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from bestiary.errors import BestiaryError


@dataclass(frozen=True)
class Sampling:
    """How to choose. A ``temperature`` of 0 takes the likeliest token.

    ``top_k`` keeps the k likeliest tokens (Fan et al. 2018), ``top_p`` the fewest that hold that much probability
    (Holtzman et al. 2019); with both, the second acts on what the first kept.
    """

    temperature: float = 0.0
    top_k: int | None = None
    top_p: float | None = None

    def __post_init__(self) -> None:
        if not self.temperature >= 0:
            raise BestiaryError(
                f"temperature is {self.temperature}; give 0 for the likeliest token, or a positive number"
            )
        if self.top_k is not None and self.top_k < 1:
            raise BestiaryError(f"top_k is {self.top_k}; give a positive whole number")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise BestiaryError(f"top_p is {self.top_p}; give a number above 0 and up to 1")


def pick(logits: Tensor, sampling: Sampling, generator: torch.Generator | None = None) -> Tensor:
    """Choose a token for each row of ``logits``, ``[B, vocab]``; returns ``[B]``."""
    if sampling.temperature == 0:
        return logits.argmax(-1)
    probabilities = torch.softmax(narrowed(logits.float() / sampling.temperature, sampling), dim=-1)
    return torch.multinomial(probabilities, 1, generator=generator)[:, 0]


def narrowed(logits: Tensor, sampling: Sampling) -> Tensor:
    """Return the scores with minus infinity for the tokens that ``top_k`` and ``top_p`` rule out."""
    if sampling.top_k is not None:
        least = logits.topk(min(sampling.top_k, logits.shape[-1])).values[:, -1:]
        logits = logits.masked_fill(logits < least, -torch.inf)
    if sampling.top_p is not None and sampling.top_p < 1:
        ordered, order = logits.sort(descending=True)
        probabilities = ordered.softmax(-1)
        # A token stays while what is likelier does not yet hold the mass; the likeliest always stays.
        out = probabilities.cumsum(-1) - probabilities >= sampling.top_p
        logits = logits.masked_fill(out.scatter(1, order, out), -torch.inf)
    return logits
