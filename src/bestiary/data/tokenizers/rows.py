"""Texts as rows of tokens, filled up to one length, for models that are told by them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from bestiary.errors import BestiaryError


def rows_of(model: Any, texts: Sequence[str]) -> list[list[int]]:
    """Return the tokens of each text; raises ``BestiaryError`` for a model that came without a tokenizer."""
    if model.tokenizer is None:
        raise BestiaryError("a text has to become tokens, but the files hold no tokenizer; add its folder")
    return [model.tokenizer.encode(text) for text in texts]


def filled(rows: Sequence[Sequence[int]], length: int, device: torch.device, fill: int = 0) -> tuple[Tensor, Tensor]:
    """Return rows of at most ``length`` tokens filled up behind, ``[B, length]``, and ones for those that are words."""
    ids = [[*row, *[fill] * (length - len(row))] for row in rows]
    keep = [[1] * len(row) + [0] * (length - len(row)) for row in rows]
    return torch.tensor(ids, device=device), torch.tensor(keep, device=device)
