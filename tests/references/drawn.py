"""What texts are drawn alike for every row."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

BATCH, TOKENS = 3, 11


def kept(tokens: int, side: str | None) -> Tensor:
    """Return an attention mask: one row is whole, the others have padding on one side."""
    lengths = torch.tensor([[tokens], [tokens - 3], [tokens - 5]])
    place = torch.arange(tokens)[None]
    if side is None:
        return torch.ones(BATCH, tokens, dtype=torch.long)
    return (place < lengths if side == "right" else place >= tokens - lengths).long()


def texts(config: Any, keep: Tensor) -> Tensor:
    """Return random tokens, and the token of padding where nothing is kept."""
    ids = torch.randint(3, config.vocab_size, keep.shape)
    return ids.where(keep.bool(), torch.tensor(config.pad_token_id))
