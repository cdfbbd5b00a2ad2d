"""What every model is: its spec, its heads, and what one tower's pass needs beside its hidden state."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from bestiary import spec
from bestiary.errors import BestiaryError
from bestiary.nn.cache import Cache
from bestiary.nn.context import Context, padding
from bestiary.nn.heads import HEADS, Prepares
from bestiary.nn.output import Output
from bestiary.nn.stack import Stack


@runtime_checkable
class Looking(Protocol):
    """A model that is shown pictures beside a text."""

    looks_on: bool
    """Whether each new token looks at them again; else they stand in the prompt."""

    def look(self, pixel_values: Tensor) -> Tensor:
        """Return what pictures become, once, whatever is then asked of them; ``image_embeds`` of the other calls."""
        ...


class Model(nn.Module):
    """A model built from a spec, which is kept beside the weights. Heads run in order."""

    tokenizer: Any = None
    """What turns text into its inputs, where it was loaded with one."""
    processor: Any = None
    """What turns images, sound or other files into its inputs, where it was loaded with one."""
    checkpoint: Any = None
    """The files its weights came from, where they did."""

    def __init__(self, node: Any) -> None:
        super().__init__()
        self.spec = node

    def add_heads(self) -> None:
        """Build the spec's heads; called last, so that printing a model reads like its forward pass."""
        seen = spec.as_heads_see(self.spec)
        self.heads = nn.ModuleDict({name: HEADS[type(head)](head, seen) for name, head in self.spec.heads.items()})

    def prepare(self, context: Context) -> None:
        """Let the heads tell what the input does not say, before the body runs."""
        for head in self.heads.values():
            if isinstance(head, Prepares):
                head.prepare(context)

    def answer(self, x: Tensor, context: Context, **fields: Any) -> Output:
        """Run the heads on the last hidden state."""
        output = Output(x, **fields)
        for head in self.heads.values():
            head(x, context, output)
        return output

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return next(self.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """What the parameters are."""
        return next(self.parameters()).dtype


class OneTower(Model):
    """A model of one tower: an embedding, a stack, heads."""

    def __init__(self, node: spec.Transformer, embed: Any) -> None:
        super().__init__(node)
        self.embed, self.stack = embed, Stack(node.stack, node.dim)
        self.add_heads()


def tower(
    input_ids: Tensor | None,
    inputs_embeds: Tensor | None,
    attention_mask: Tensor | None,
    position_ids: Tensor | None,
    cache: Cache | None,
    table: Tensor,
) -> Context:
    """Set out what one tower's pass needs beside its hidden state."""
    read = input_ids if input_ids is not None else inputs_embeds
    if read is None:
        raise BestiaryError("the model was called without input_ids or inputs_embeds: give one of them")
    past = 0 if cache is None else cache.seen
    tokens = read.shape[1]
    if position_ids is None:
        position_ids = torch.arange(past, past + tokens, device=read.device)[None]
    keep = padding(attention_mask)
    if cache is not None:
        keep = _extended(keep, cache, len(read), tokens)
    return Context(position_ids, past + tokens, keep, cache=cache, input_ids=input_ids, table=table)


def advance(context: Context) -> None:
    """Tell the cache that every layer has read this pass's tokens."""
    if context.cache is not None:
        context.cache.seen, context.cache.keep = context.keys, context.keep


def _extended(keep: Tensor | None, cache: Cache, batch: int, tokens: int) -> Tensor | None:
    """Put the cache's own mask before a mask that covers the new tokens only."""
    if keep is None and cache.keep is None:
        return None
    if keep is not None and keep.shape[1] == cache.seen + tokens:
        return keep
    device = (keep if keep is not None else cache.keep).device  # type: ignore[union-attr]
    before = cache.keep if cache.keep is not None else torch.ones(batch, cache.seen, dtype=torch.bool, device=device)
    new = keep if keep is not None else torch.ones(batch, tokens, dtype=torch.bool, device=device)
    return torch.cat((before, new), dim=1)
