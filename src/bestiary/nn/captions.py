"""Captions: the tokens of a text of so many places, and behind them the codes of a picture."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bestiary import spec
from bestiary.nn.context import Context
from bestiary.nn.text_diffusion import PaddedTokens


class CaptionTokens(PaddedTokens):
    """A table of words and codes, the vectors that begin text and picture, and one for each place of padding."""

    def __init__(self, node: spec.CaptionTokens, dim: int) -> None:
        super().__init__(node, dim)
        self.vocab, self.length = node.vocab, node.length
        self.starts = nn.Parameter(torch.empty(2, dim))

    def look_up(self, context: Context) -> Tensor:
        """Return the token vectors, ``[B, T, dim]``; what begins text and picture are the ids after the vocabulary."""
        ids = context.input_ids
        assert ids is not None
        begins = ids >= self.vocab
        words = self.tokens(ids.masked_fill(begins, 0))
        return torch.where(begins[..., None], self.starts[(ids - self.vocab).clamp(min=0)], words)

    def place(self, x: Tensor, context: Context) -> Tensor:
        """Add positions, and put vectors of their own where a text is padded, which are then read as words are."""
        assert self.position is not None
        x = x + self.position(context).to(x.dtype)
        keep, context.keep = context.keep, None
        if keep is None:
            return x
        keep = keep[:, context.past :, None]
        places = context.positions.clamp(max=self.length - 1)
        return torch.where(keep, x, self.padding[places].to(x.dtype))
