"""Models of one tower and of two, called with the inputs that transformers names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from bestiary import spec
from bestiary.errors import BestiaryError
from bestiary.nn.base import Model, OneTower, advance, tower
from bestiary.nn.cache import Cache
from bestiary.nn.captions import CaptionTokens
from bestiary.nn.context import Context, padding
from bestiary.nn.embeddings import NarrowTokens, NormedTokens, ScaledTokens, SharedTokens, TaskTokens, Tokens
from bestiary.nn.output import Output
from bestiary.nn.patches import PATCHES
from bestiary.nn.proteins import BlankedTokens, DroppedTokens
from bestiary.nn.stack import Stack
from bestiary.nn.text_diffusion import PaddedTokens


class TokenTransformer(OneTower):
    """One tower that reads tokens."""

    def __init__(self, node: spec.Transformer) -> None:
        super().__init__(node, _ALONE[type(node.embed)](node.embed, node.dim))

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


class PatchTransformer(OneTower):
    """One tower that reads an image."""

    def __init__(self, node: spec.Transformer) -> None:
        super().__init__(node, PATCHES[type(node.embed)](node.embed, node.dim))

    def forward(
        self, pixel_values: Tensor, bool_masked_pos: Tensor | None = None, noise: Tensor | None = None
    ) -> Output:
        """Run the model on images, ``[B, channels, image, image]``.

        ``bool_masked_pos`` ``[B, patches]`` says which patches are masked, none unless said. Where a random share of
        them is read, they are taken in the order of ``noise`` ``[B, patches]``, which is drawn unless given.
        """
        context = Context(torch.zeros(1, 0), 0, masked_patches=bool_masked_pos, noise=noise)
        x = self.stack(self.begin(pixel_values, context), context)
        if context.restore is None:
            return self.answer(x, context)
        unread = (context.restore >= x.shape[1] - self.spec.embed.extra).to(x.dtype)
        return self.answer(x, context, mask=unread, ids_restore=context.restore)

    def begin(self, pixel_values: Tensor, context: Context) -> Tensor:
        """Return the first hidden state, and tell the context how many places it has."""
        x = self.embed(pixel_values, context)
        context.positions, context.keys = torch.arange(x.shape[1], device=x.device)[None], x.shape[1]
        return x

    def states(self, pixel_values: Tensor) -> Iterator[Tensor]:
        """Yield what enters the first layer, then what each leaves, before any norm behind the last."""
        context = Context(torch.zeros(1, 0), 0)
        yield from self.stack.states(self.begin(pixel_values, context), context)


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
        context = self.begin(
            decoder_input_ids, decoder_inputs_embeds, decoder_attention_mask, decoder_position_ids, past_key_values
        )
        context.memory, context.memory_keep = encoder_outputs, padding(attention_mask)
        context.logits_to_keep = logits_to_keep
        return self.finish(context, decoder_inputs_embeds, encoder_router_logits=tuple(routed) or None)

    def begin(
        self,
        input_ids: Tensor | None,
        inputs_embeds: Tensor | None,
        attention_mask: Tensor | None,
        position_ids: Tensor | None,
        cache: Cache | None,
    ) -> Context:
        """Set out what the decoder's pass needs beside its hidden state."""
        if input_ids is None and inputs_embeds is None:
            raise BestiaryError("an encoder-decoder needs decoder_input_ids: the target shifted right by one token")
        return tower(input_ids, inputs_embeds, attention_mask, position_ids, cache, self.table("decoder"))

    def finish(self, context: Context, inputs_embeds: Tensor | None, **fields: Any) -> Output:
        """Run the decoder and the heads."""
        x = self.decoder(context, inputs_embeds)
        advance(context)
        return self.answer(
            x, context, encoder_last_hidden_state=context.memory, past_key_values=context.cache,
            decoder_router_logits=tuple(context.router_logits) or None, **fields,
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


TABLES: dict[type[spec.Embedding], Callable[[Any, int], Tokens]] = {
    spec.Tokens: Tokens,
    spec.TaskTokens: TaskTokens,
    spec.ScaledTokens: ScaledTokens,
    spec.BlankedTokens: BlankedTokens,
    spec.AddedTokens: Tokens,
    spec.DroppedTokens: DroppedTokens,
    spec.PaddedTokens: PaddedTokens,
    spec.CaptionTokens: CaptionTokens,
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
