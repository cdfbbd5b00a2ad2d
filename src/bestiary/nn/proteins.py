"""What protein language models add: masks that count for nothing, and contacts read off attention maps."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from bestiary import spec
from bestiary.errors import BestiaryError
from bestiary.nn.context import Context
from bestiary.nn.embeddings import Tokens
from bestiary.nn.output import Output


class BlankedTokens(Tokens):
    """A token table, and zeros where padding stands."""

    def place(self, x: Tensor, context: Context) -> Tensor:
        """Add positions, norm, and take out what stands at padding."""
        x = super().place(x, context)
        return x if context.keep is None else x * context.keep[..., None].to(x.dtype)


class DroppedTokens(BlankedTokens):
    """The same, the mask's vector zeros, and the others scaled up for it."""

    def __init__(self, node: spec.DroppedTokens, dim: int) -> None:
        super().__init__(node, dim)
        self.mask_token, self.rate = node.mask_token, node.rate

    def look_up(self, context: Context) -> Tensor:
        """Return the token vectors, ``[B, T, width]``."""
        x, ids = super().look_up(context), context.input_ids
        assert ids is not None
        masked = ids == self.mask_token
        tokens = ids.shape[1] if context.keep is None else context.keep.sum(-1)
        missing = masked.sum(-1).float() / tokens  # in float32 whatever the dtype, as published code has it
        return x.masked_fill(masked[..., None], 0.0) * (1 - self.rate) / (1 - missing)[:, None, None].to(x.dtype)


class Contacts(nn.Module):
    """A logistic regression on the attention maps of all layers and heads."""

    def __init__(self, node: spec.Contacts, model: spec.Model) -> None:
        super().__init__()
        self.end, self.output = node.end, nn.Linear(spec.attention_maps(model), 1)

    def forward(self, x: Tensor, context: Context, output: Output) -> None:
        """Fill nothing: attention maps are only kept when contacts are asked for."""

    def scores(self, input_ids: Tensor, maps: Tensor) -> Tensor:
        """Return the probability that two residues touch, ``[B, L, L]``, of maps ``[B, layers * heads, T, T]``.

        The first token and the last place are no residues.
        """
        inside = (input_ids != self.end).to(maps.dtype)
        maps = (maps * (inside[:, :, None] * inside[:, None, :])[:, None])[..., 1:-1, 1:-1]
        maps = maps + maps.transpose(-1, -2)
        rows, columns = maps.sum(-1, keepdim=True), maps.sum(-2, keepdim=True)
        corrected = maps - rows * columns / maps.sum((-1, -2), keepdim=True)
        return self.output(corrected.permute(0, 2, 3, 1)).squeeze(-1).sigmoid()


def contacts(model: Any, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
    """Return the probability that two residues of a protein touch, ``[B, L, L]``, L less than T by both ends."""
    from bestiary.nn.trace import traced

    head = next((head for head in model.heads.values() if isinstance(head, Contacts)), None)
    if head is None:
        raise BestiaryError("this model has no head for contacts: take a protein language model that has one")
    with traced(model) as trace:
        model(input_ids, attention_mask=attention_mask)
    maps = torch.cat(trace.attention[""], dim=1)
    if attention_mask is not None:
        keep = attention_mask.to(maps.dtype)
        maps = maps * keep[:, None, :, None] * keep[:, None, None, :]
    return head.scores(input_ids, maps)
