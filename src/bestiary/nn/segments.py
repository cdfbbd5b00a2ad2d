"""Models that read a text segment by segment, and may be asked for targets beside its tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from bestiary import spec
from bestiary.errors import BestiaryError
from bestiary.nn.adaptive import AdaptiveTokens
from bestiary.nn.base import OneTower, advance, tower
from bestiary.nn.cache import Cache
from bestiary.nn.context import Context
from bestiary.nn.embeddings import Targeted, Tokens
from bestiary.nn.output import Output


class SegmentTransformer(OneTower):
    """One tower that reads a text segment by segment, and may be asked for targets beside its tokens."""

    def __init__(self, node: spec.Transformer) -> None:
        super().__init__(node, EMBEDDINGS[type(node.embed)](node.embed, node.dim))
        self.memory = memory(node)
        own = spec.own_layers(node.stack)
        self.memories = sum(
            isinstance(part, spec.Recurrent) for i in spec.run_order(node.stack) for _, part in spec.walk(own[i])
        )
        self.two_streams = any(isinstance(op, spec.TwoStreamAttention) for _, op in spec.walk_once(node.stack))

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        mems: Sequence[Tensor] | None = None,
        perm_mask: Tensor | None = None,
        target_mapping: Tensor | None = None,
        input_mask: Tensor | None = None,
        use_mems: bool | None = None,
        past_key_values: Cache | None = None,
        logits_to_keep: int = 0,
    ) -> Output:
        """Run the model on one segment, ``input_ids`` ``[B, T]`` or ``inputs_embeds`` ``[B, T, dim]``.

        ``mems`` are those of the segment before, ``[M, B, dim]`` for each layer; the output holds the next, unless
        ``use_mems`` is false, which it is by default in training. ``attention_mask`` is ones for real tokens,
        ``[B, T]`` or, with a cache, ``[B, K]``; ``input_mask`` is the same turned around; ``perm_mask`` ``[B, T, T]``,
        ones where a token may not see another. ``target_mapping`` ``[B, P, T]`` has a one at each target's place; then
        all outputs are those of the targets. Distances need no ``position_ids``; they are taken and not read.
        """
        if self.two_streams and past_key_values is not None:
            raise BestiaryError(
                "this model looks both ways, so what it read changes with each token: give mems, no cache"
            )
        if self.memory is None and mems is not None:
            raise BestiaryError("this model remembers nothing of earlier segments: leave mems out")
        if input_mask is not None:
            attention_mask = 1 - input_mask
        context = self.segment(input_ids, inputs_embeds, attention_mask, mems, past_key_values)
        context.token_type_ids, context.logits_to_keep = token_type_ids, logits_to_keep
        context.unseen = None if perm_mask is None else perm_mask.bool()
        x = self.embed(context, inputs_embeds)
        if target_mapping is not None:
            if not isinstance(self.embed, Targeted):
                raise BestiaryError("this model's embedding has no vector for targets: leave target_mapping out")
            context.targets = target_mapping.to(x.dtype)
            x = self.embed.with_targets(x, context.targets)
        x = self.stack(x, context)
        x = x if target_mapping is None else x[:, context.queries :]
        advance(context)
        keeps = use_mems if use_mems is not None else not self.training or mems is not None
        return self.answer(
            x, context, past_key_values=past_key_values, mems=context.new_mems if keeps and self.memory else None
        )

    def segment(
        self,
        input_ids: Tensor | None,
        inputs_embeds: Tensor | None,
        attention_mask: Tensor | None,
        mems: Sequence[Tensor] | None,
        cache: Cache | None,
    ) -> Context:
        """Set out what a segment's pass needs: the memory stands before it, as if it had been read before."""
        read = input_ids if input_ids is not None else inputs_embeds
        tokens, seen = 0 if read is None else read.shape[1], 0 if cache is None else cache.seen
        zeros = self.memory.length if isinstance(self.memory, spec.ZeroMemory) and mems is None else 0
        blank = None
        if zeros and attention_mask is not None and attention_mask.shape[1] == max(0, seen - zeros) + tokens:
            attention_mask, blank = zeros_before(attention_mask.bool(), zeros)
        context = tower(input_ids, inputs_embeds, attention_mask, None, cache, self.embed.table)
        if zeros and not seen:
            assert read is not None
            mems = [self.embed.table.new_zeros(zeros, len(read), self.spec.dim)] * self.memories
        if mems is not None:
            context.keys += len(mems[0])
            if context.keep is not None:
                context.keep = F.pad(context.keep, (context.keys - context.keep.shape[1], 0), value=True)
        context.bands = self.embed if isinstance(self.embed, AdaptiveTokens) else None
        context.mems, context.blank = mems, None if blank is None else blank[:, -tokens:]
        return context


def zeros_before(keep: Tensor, zeros: int) -> tuple[Tensor, Tensor]:
    """Let padding on the left be part of a memory of zeros, so that a text is read as if it were not padded.

    Of ``keep`` ``[B, T]`` returns which keys are seen, ``[B, zeros + T]``, as many zeros in each row; and which tokens
    are zeros, ``[B, T]``.
    """
    blank = keep.cumsum(-1) == 0
    place = torch.arange(zeros + keep.shape[1], device=keep.device)
    return F.pad(keep | blank, (zeros, 0), value=True) & (place >= blank.sum(-1, keepdim=True)), blank


EMBEDDINGS: dict[type[spec.Embedding], Callable[[Any, int], Any]] = {
    spec.Tokens: Tokens,
    spec.AdaptiveTokens: AdaptiveTokens,
    spec.Targeted: Targeted,
}


def reads_segments(node: spec.Transformer) -> bool:
    """Tell whether a model is one of these: it remembers, or its embedding knows targets or bands."""
    return isinstance(node.embed, spec.Targeted | spec.AdaptiveTokens) or memory(node) is not None


def memory(node: spec.Transformer) -> spec.Recurrence | None:
    """Return what the attentions of a stack remember; ``check`` sees to it that they agree."""
    return next((op.memory for _, op in spec.walk_once(node.stack) if isinstance(op, spec.Recurrent)), None)
