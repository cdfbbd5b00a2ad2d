"""Whole models: towers with their heads, called with the inputs that transformers names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from bestiary import spec
from bestiary.errors import BestiaryError
from bestiary.nn.cache import Cache
from bestiary.nn.context import Context, padding
from bestiary.nn.embeddings import (
    NarrowTokens,
    NormedTokens,
    Patches,
    ScaledTokens,
    SharedTokens,
    TaskTokens,
    Tokens,
)
from bestiary.nn.heads import (
    HEADS,
    Prepares,
)
from bestiary.nn.output import Output
from bestiary.nn.stack import Stack


class Model(nn.Module):
    """A model built from a spec, which is kept beside the weights. Heads run in order."""

    tokenizer: Any = None
    """What turns text into its inputs, where it was loaded with one."""
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


class TokenTransformer(Model):
    """One tower that reads tokens."""

    def __init__(self, node: spec.Transformer) -> None:
        super().__init__(node)
        self.embed = _ALONE[type(node.embed)](node.embed, node.dim)
        self.stack = Stack(node.stack, node.dim)
        self.add_heads()

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        past_key_values: Cache | None = None,
        prefix_length: Tensor | None = None,
        global_attention_mask: Tensor | None = None,
        logits_to_keep: int = 0,
        task_type_ids: Tensor | None = None,
    ) -> Output:
        """Run the model.

        ``input_ids``, ``token_type_ids``, ``task_type_ids`` and ``position_ids`` are ``[B, T]``;
        ``inputs_embeds`` ``[B, T, width]`` stands for the first. Positions in a text and within its blocks are pairs,
        ``[B, 2, T]``. ``attention_mask`` is ones for real tokens, ``[B, T]`` or, with a cache, ``[B, K]``.
        ``prefix_length`` ``[B]`` is how many real tokens prefix masks leave open, none unless said;
        ``global_attention_mask`` ``[B, T]``, ones for global tokens, is for windowed attention. A language model scores
        the last ``logits_to_keep`` tokens only, 0 for all. Raises ``BestiaryError`` when the input is longer than the
        model's positions.
        """
        context = tower(
            input_ids, inputs_embeds, attention_mask, position_ids, past_key_values, self.embed.tokens.weight
        )
        context.prefix, context.logits_to_keep = prefix_length, logits_to_keep
        context.everywhere = None if global_attention_mask is None else global_attention_mask.bool()
        context.segments = token_type_ids
        self.prepare(context)
        x = self.embed(context, inputs_embeds, token_type_ids=context.segments, task_type_ids=task_type_ids)
        x = self.stack(x, context)
        advance(context)
        routed = tuple(context.router_logits) or None
        return self.answer(x, context, past_key_values=past_key_values, router_logits=routed)


class NarrowTransformer(TokenTransformer):
    """One tower whose last hidden state is as narrow as its token table."""

    def answer(self, x: Tensor, context: Context, **fields: Any) -> Output:
        """Run the heads on the last hidden state, projected down."""
        assert isinstance(self.embed, NarrowTokens)
        return super().answer(self.embed.narrow(x), context, **fields)


class PatchTransformer(Model):
    """One tower that reads an image."""

    def __init__(self, node: spec.Transformer) -> None:
        super().__init__(node)
        assert isinstance(node.embed, spec.Patches)
        self.embed = Patches(node.embed, node.dim)
        self.stack = Stack(node.stack, node.dim)
        self.add_heads()

    def forward(self, pixel_values: Tensor) -> Output:
        """Run the model on images, ``[B, channels, image, image]``."""
        x = self.embed(pixel_values)
        context = Context(torch.arange(x.shape[1], device=x.device)[None], x.shape[1])
        return self.answer(self.stack(x, context), context)


class Tower(nn.Module):
    """One side of an encoder-decoder."""

    def __init__(self, node: spec.Tower, dim: int) -> None:
        super().__init__()
        self.embed: SharedTokens = _READERS[type(node.embed)](node.embed, dim)
        self.stack = Stack(node.stack, dim)

    def forward(self, context: Context, inputs_embeds: Tensor | None = None) -> Tensor:
        """Return the last hidden state, ``[B, T, dim]``."""
        return self.stack(self.embed(context, inputs_embeds), context)


class EncoderDecoder(Model):
    """Two towers, the second reading the first."""

    def __init__(self, node: spec.EncoderDecoder) -> None:
        super().__init__(node)
        self.encoder = Tower(node.encoder, node.dim)
        self.decoder = Tower(node.decoder, node.dim)
        self.add_heads()

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        decoder_input_ids: Tensor | None = None,
        decoder_attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        decoder_inputs_embeds: Tensor | None = None,
        encoder_outputs: Tensor | None = None,
        past_key_values: Cache | None = None,
        decoder_position_ids: Tensor | None = None,
        logits_to_keep: int = 0,
    ) -> Output:
        """Run both towers, or the decoder alone on ``encoder_outputs`` ``[B, S, dim]`` given from an earlier pass.

        ``input_ids`` is ``[B, S]``, ``decoder_input_ids`` ``[B, T]``; masks are ones for real tokens.
        """
        routed: list[Tensor] = []
        if encoder_outputs is None:
            encoder_outputs = self.encode(input_ids, attention_mask, inputs_embeds, routed)
        if decoder_input_ids is None and decoder_inputs_embeds is None:
            raise BestiaryError("an encoder-decoder needs decoder_input_ids: the target shifted right by one token")
        context = tower(
            decoder_input_ids, decoder_inputs_embeds, decoder_attention_mask, decoder_position_ids, past_key_values,
            self.table("decoder"),
        )  # fmt: skip
        context.memory, context.memory_keep = encoder_outputs, padding(attention_mask)
        context.logits_to_keep = logits_to_keep
        x = self.decoder(context, decoder_inputs_embeds)
        advance(context)
        scores = {"encoder_router_logits": routed, "decoder_router_logits": context.router_logits}
        return self.answer(
            x, context, encoder_last_hidden_state=encoder_outputs, past_key_values=past_key_values,
            **{name: tuple(each) or None for name, each in scores.items()},
        )  # fmt: skip

    def encode(
        self,
        input_ids: Tensor | None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        router_logits: list[Tensor] | None = None,
    ) -> Tensor:
        """Return the encoder's last hidden state, ``[B, S, dim]``; its routers' scores are added to a list given."""
        context = tower(input_ids, inputs_embeds, attention_mask, None, None, self.table("encoder"))
        context.router_logits = context.router_logits if router_logits is None else router_logits
        return self.encoder(context, inputs_embeds)

    def table(self, side: str) -> Tensor:
        """Return the token table that a side reads."""
        own = self.encoder.embed if side == "encoder" else self.decoder.embed
        owner = own if isinstance(own, Tokens) else self.encoder.embed
        assert isinstance(owner, Tokens)
        return owner.tokens.weight


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


TABLES: dict[type[spec.Embedding], Callable[[Any, int], Tokens]] = {
    spec.Tokens: Tokens,
    spec.TaskTokens: TaskTokens,
    spec.ScaledTokens: ScaledTokens,
}

_ALONE: dict[type[spec.Embedding], Callable[[Any, int], Tokens | NarrowTokens]] = {
    **TABLES,
    spec.NarrowTokens: NarrowTokens,
}

_READERS: dict[type[spec.Embedding], Callable[[Any, int], SharedTokens]] = {
    **TABLES,
    spec.SharedTokens: SharedTokens,
    spec.NormedTokens: NormedTokens,
}

EMBEDDED: dict[type[spec.Embedding], Callable[[Any], Model]] = {
    spec.Tokens: TokenTransformer,
    spec.TaskTokens: TokenTransformer,
    spec.ScaledTokens: TokenTransformer,
    spec.NarrowTokens: NarrowTransformer,
    spec.Patches: PatchTransformer,
}


def model(node: spec.Model) -> Model:
    """Build the module of a whole spec."""
    if isinstance(node, spec.EncoderDecoder):
        return EncoderDecoder(node)
    assert isinstance(node, spec.Transformer)
    from bestiary.nn.entities import EntityTransformer
    from bestiary.nn.segments import SegmentTransformer, reads_segments

    if spec.side_width(node) is not None:
        return EntityTransformer(node)
    return SegmentTransformer(node) if reads_segments(node) else EMBEDDED[type(node.embed)](node)
