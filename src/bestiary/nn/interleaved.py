"""Models of texts with pictures between their words."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bestiary import spec
from bestiary.errors import BestiaryError
from bestiary.nn.base import Model, advance, tower
from bestiary.nn.cache import Cache
from bestiary.nn.context import Context
from bestiary.nn.looking import SEEN, ImageAttention, seen_pictures
from bestiary.nn.output import Output
from bestiary.nn.stack import Stack
from bestiary.nn.towers import TokenTransformer


class Resampler(Model):
    """Learned vectors that are told what many others hold."""

    def __init__(self, node: spec.Resampler) -> None:
        super().__init__(node)
        self.enter = None if node.width is None else nn.Linear(node.width, node.dim, bias=False)
        self.frames = None if node.frames is None else nn.Parameter(torch.empty(node.frames, node.dim))
        self.latents = nn.Parameter(torch.empty(node.latents, node.dim))
        self.stack = Stack(node.stack, node.dim)

    def forward(self, features: Tensor) -> Output:
        """Sum up pictures, ``[B, S, width]``, or films, ``[B, F, S, width]``, in ``[B, latents, dim]``."""
        x = features if features.dim() == 4 else features[:, None]
        x = x if self.enter is None else self.enter(x)
        if self.frames is not None:
            x = x + self.times(x.shape[1])[:, None]
        latents = self.latents.expand(len(x), -1, -1)
        places = torch.arange(latents.shape[1], device=x.device)[None]
        return Output(self.stack(latents, Context(places, latents.shape[1], memory=x.flatten(1, 2))))

    def times(self, frames: int) -> Tensor:
        """Return a vector for the time of each frame, ``[F, dim]``; of longer films those between two are mixed."""
        assert self.frames is not None
        if frames <= len(self.frames):
            return self.frames[:frames]
        return F.interpolate(self.frames.T[None], frames, mode="linear", align_corners=True)[0].T


class LookingTransformer(TokenTransformer):
    """One tower some of whose layers look at pictures."""

    def forward(  # type: ignore[override]
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        past_key_values: Cache | None = None,
        logits_to_keep: int = 0,
        image_embeds: Tensor | None = None,
        image_attention_mask: Tensor | None = None,
    ) -> Output:
        """Run the model on texts, and on the vectors of pictures, ``[B, N, S, width]``, where it is given some.

        With a cache the pictures are given once, with the first tokens. ``image_attention_mask`` ``[B, T, N]`` says
        which pictures each token sees, where no token shows them.
        """
        context = tower(
            input_ids, inputs_embeds, attention_mask, position_ids, past_key_values, self.embed.tokens.weight
        )
        context.logits_to_keep = logits_to_keep
        kept = {} if past_key_values is None else past_key_values.rows
        if image_embeds is not None:
            context.memory, context.pictures = image_embeds.flatten(1, 2), image_embeds.shape[1]
            context.shown = _shown(image_attention_mask, context)
        elif SEEN in kept:
            context.pictures = kept[SEEN].shape[1]
        x = self.stack(self.embed(context, inputs_embeds), context)
        if context.pictures and past_key_values is not None:
            kept[SEEN] = seen_pictures(self.looks().mask, context)[:, -1]
        advance(context)
        return self.answer(x, context, past_key_values=past_key_values, image_hidden_states=image_embeds)

    def looks(self) -> ImageAttention:
        """Return an attention that looks at pictures; all see the same of them."""
        return next(module for module in self.stack.modules() if isinstance(module, ImageAttention))


def _shown(mask: Tensor | None, context: Context) -> Tensor | None:
    """Return as bool what the input says of the pictures that each query sees."""
    wanted = (context.queries, context.pictures)
    if mask is not None and mask.shape[1:] != wanted:
        raise BestiaryError(
            f"image_attention_mask has shape {list(mask.shape)}; give [batch, {wanted[0]} tokens, {wanted[1]} images]"
        )
    return None if mask is None else mask.bool()


class Interleaved(Model):
    """What reads pictures, what sums each up, and what reads texts and looks at these."""

    looks_on = False
    """Whether each new token is given the pictures again; here their keys and values are kept."""

    def __init__(self, node: spec.Interleaved, make: Callable[[spec.Model], Model]) -> None:
        super().__init__(node)
        self.image = make(node.image)
        self.resampler = None if node.resampler is None else Resampler(node.resampler)
        self.bridge = None if node.bridge is None else nn.Linear(node.summed, node.bridge, bias=False)
        self.text = LookingTransformer(node.text)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        pixel_values: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        image_embeds: Tensor | None = None,
        image_attention_mask: Tensor | None = None,
        past_key_values: Cache | None = None,
        logits_to_keep: int = 0,
    ) -> Output:
        """Read texts, ``[B, T]``, and the N pictures that stand in each, ``[B, N, channels, H, W]``.

        Films are ``[B, N, F, channels, H, W]``, and one picture for each text ``[B, channels, H, W]``.
        ``image_embeds`` ``[B, N, S, width]`` are what ``look`` made of them, given in their stead. Without either, a
        text is read alone.
        """
        image_embeds = image_embeds if pixel_values is None else self.look(pixel_values)
        return self.text(
            input_ids, attention_mask, position_ids, inputs_embeds, past_key_values, logits_to_keep,
            image_embeds, image_attention_mask,
        )  # fmt: skip

    def look(self, pixel_values: Tensor) -> Tensor:
        """Return the vectors of pictures or films, ``[B, N, S, width]``."""
        pixel_values = pixel_values[:, None] if pixel_values.dim() == 4 else pixel_values
        if pixel_values.dim() not in (5, 6):
            raise BestiaryError(
                f"pixel_values has shape {list(pixel_values.shape)}; give [batch, images, channels, height, width],"
                " with the frames of films behind images"
            )
        batch, images = pixel_values.shape[:2]
        frames = pixel_values[:, :, None] if pixel_values.dim() == 5 else pixel_values
        x = self.image(frames.flatten(0, 2)).last_hidden_state.unflatten(0, (batch * images, -1))
        x = x.flatten(1, 2) if self.resampler is None else self.resampler(x).last_hidden_state
        x = x if self.bridge is None else self.bridge(x)
        return x.unflatten(0, (batch, images))
