"""Agents: one tower over a sequence of texts, patches of pictures, numbers and actions."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bestiary import spec
from bestiary.errors import BestiaryError
from bestiary.nn.base import Model, advance, tower
from bestiary.nn.cache import Cache
from bestiary.nn.context import Context
from bestiary.nn.embeddings import Tokens, empty_table
from bestiary.nn.output import Output
from bestiary.nn.stack import Stack


class PatchBlock(nn.Module):
    """A residual block over the pixels of a patch, and the mean of its places mapped to the model's width."""

    def __init__(self, node: spec.PatchBlock, channels: int, dim: int) -> None:
        super().__init__()
        self.enter = nn.Conv2d(channels, node.width, 3, padding=1)
        self.norms = nn.ModuleList(nn.GroupNorm(node.norm.groups, node.width, node.norm.eps) for _ in range(2))
        self.convolutions = nn.ModuleList(nn.Conv2d(node.width, node.width, 3, padding=1) for _ in range(2))
        self.leave = nn.Linear(node.width, dim)

    def forward(self, patches: Tensor) -> Tensor:
        """Map ``[..., channels, patch, patch]`` to ``[..., dim]``."""
        entered = self.enter(patches.flatten(0, -4))
        h = entered
        for norm, convolution in zip(self.norms, self.convolutions, strict=True):
            h = convolution(F.gelu(norm(h)))
        return self.leave((entered + h).mean((-2, -1))).unflatten(0, patches.shape[:-3])


class AgentTokens(Tokens):
    """A token table, the block that patches go through, and places in a picture and in a time step."""

    def __init__(self, node: spec.AgentTokens, dim: int) -> None:
        super().__init__(node, dim)
        self.node = node
        self.block = PatchBlock(node.block, node.channels, dim)
        self.rows, self.columns = empty_table(node.intervals, dim), empty_table(node.intervals, dim)
        self.places = empty_table(node.places + 1, dim)

    def read(
        self, context: Context, patches: Tensor | None, patch_mask: Tensor | None, spans: Tensor | None, places: Tensor
    ) -> Tensor:
        """Return the first hidden state, ``[B, T, dim]``."""
        x = self.look_up(context)
        if patches is not None:
            assert patch_mask is not None and spans is not None
            x = x.masked_scatter(patch_mask[..., None], self.patch_vectors(patches, spans).to(x.dtype))
        return F.dropout(x + self.places(places), self.dropout, self.training)

    def patch_vectors(self, patches: Tensor, spans: Tensor) -> Tensor:
        """Return a vector for each patch ``[P, channels, patch, patch]`` at ``spans`` ``[P, 2, 2]``, from and to."""
        low, high = (spans * self.node.intervals).round().unbind(-1)
        drawn = low + (torch.rand_like(low) * (high - low)).floor() if self.training else ((low + high) / 2).round()
        row, column = drawn.long().clamp(max=self.node.intervals - 1).unbind(-1)
        return self.block(patches) + self.rows(row) + self.columns(column)


class AgentTransformer(Model):
    """One tower that reads all of that as one sequence."""

    def __init__(self, node: spec.Transformer) -> None:
        super().__init__(node)
        assert isinstance(node.embed, spec.AgentTokens)
        self.embed = AgentTokens(node.embed, node.dim)
        self.stack = Stack(node.stack, node.dim)
        self.add_heads()

    def forward(
        self,
        input_ids: Tensor,
        place_ids: Tensor | None = None,
        patches: Tensor | None = None,
        patch_mask: Tensor | None = None,
        patch_spans: Tensor | None = None,
        attention_mask: Tensor | None = None,
        past_key_values: Cache | None = None,
        logits_to_keep: int = 0,
    ) -> Output:
        """Run the model.

        ``input_ids`` is ``[B, T]``; where ``patch_mask`` ``[B, T]`` says so, the next of ``patches``
        ``[P, channels, patch, patch]`` stands instead, whose rows and columns reach over ``patch_spans`` ``[P, 2, 2]``,
        from and to, of a picture one high and wide. ``place_ids`` ``[B, T]`` count what is seen in a time step; those
        of what is done are the last place, which all texts have unless it is said.
        """
        node = self.spec.embed
        context = tower(input_ids, None, attention_mask, None, past_key_values, self.embed.table)
        context.logits_to_keep = logits_to_keep
        if place_ids is None:
            place_ids = torch.full_like(input_ids, node.places)
        if patches is not None:
            side = (node.channels, node.patch, node.patch)
            asked = 0 if patch_mask is None else int(patch_mask.sum())
            if patches.shape != (asked, *side) or patch_spans is None or patch_spans.shape != (asked, 2, 2):
                raise BestiaryError(f"patches must be {asked} of {list(side)}, as patch_mask says, each with its spans")
        x = self.stack(self.embed.read(context, patches, patch_mask, patch_spans, place_ids), context)
        advance(context)
        return self.answer(x, context, past_key_values=past_key_values)
