"""Classifier-free guidance (Ho and Salimans 2022): away from what a model predicts unasked."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Predict = Callable[[Tensor, int, Tensor], Tensor]
"""What a model predicts of samples, at a time step, told by vectors ``[B, S, dim]``."""


def guided(predict: Predict, told: Tensor, unasked: Tensor, scale: float) -> Callable[[Tensor, int], Tensor]:
    """Return a prediction that goes ``scale`` times the way from what it is unasked to what it is when told.

    A scale of 1 is no guidance, and then the model is not asked twice.
    """
    if scale == 1.0:
        return lambda sample, time: predict(sample, time, told)
    both = torch.cat((unasked.expand_as(told), told))

    def ask(sample: Tensor, time: int) -> Tensor:
        without, toward = predict(torch.cat((sample, sample)), time, both).chunk(2)
        return without + scale * (toward - without)

    return ask
