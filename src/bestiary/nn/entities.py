"""Models that read a text together with vectors of the entities that it names."""

from __future__ import annotations

import torch
from torch import Tensor

from bestiary import spec
from bestiary.errors import BestiaryError
from bestiary.nn.base import tower
from bestiary.nn.context import Context
from bestiary.nn.output import Output
from bestiary.nn.towers import TokenTransformer


class EntityTransformer(TokenTransformer):
    """One tower that reads tokens, and beside them a second stream of vectors of entities."""

    def forward(  # type: ignore[override]
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        entity_embeds: Tensor | None = None,
        entity_mask: Tensor | None = None,
        entity_candidates: Tensor | None = None,
    ) -> Output:
        """Run the model on ``input_ids`` ``[B, T]`` or ``inputs_embeds`` ``[B, T, width of the table]``.

        ``entity_embeds`` ``[B, T, width]`` holds at each token the vector of the entity that is aligned with it, and
        anything elsewhere; ``entity_mask`` ``[B, T]`` is ones for aligned tokens. Without the two, no token is aligned.
        ``entity_candidates`` ``[C, width]`` are vectors of the entities that a head scores each token for.
        """
        context = tower(input_ids, inputs_embeds, attention_mask, position_ids, None, self.embed.tokens.weight)
        context.segments = token_type_ids
        self.prepare(context)
        x = self.embed(context, inputs_embeds, token_type_ids=context.segments)
        self.align(x, entity_embeds, entity_mask, context)
        context.candidates = self.listed(x, entity_candidates)
        x = self.stack(x, context)
        routed = tuple(context.router_logits) or None
        return self.answer(x, context, entity_last_hidden_state=context.side, router_logits=routed)

    def align(self, x: Tensor, embeds: Tensor | None, mask: Tensor | None, context: Context) -> None:
        """Set out the second stream, all zeros where no entities are given. Padding is aligned with nothing."""
        width = spec.side_width(self.spec)
        assert width is not None
        if embeds is None and mask is None:
            context.side = x.new_zeros(*x.shape[:2], width)
            context.aligned = torch.zeros(x.shape[:2], dtype=torch.bool, device=x.device)
            return
        if embeds is None or mask is None:
            raise BestiaryError(
                "entity_embeds are the vectors of entities and entity_mask says which tokens they are aligned with:"
                " give both, or none"
            )
        if embeds.shape != (*x.shape[:2], width) or mask.shape != x.shape[:2]:
            raise BestiaryError(
                f"entity_embeds has shape {list(embeds.shape)} and entity_mask {list(mask.shape)}; for"
                f" {x.shape[1]} tokens this model reads [{len(x)}, {x.shape[1]}, {width}] and {list(x.shape[:2])}"
            )
        context.side = embeds.to(x.dtype)
        context.aligned = mask.bool() if context.keep is None else mask.bool() & context.keep

    def listed(self, x: Tensor, candidates: Tensor | None) -> Tensor | None:
        """Return the vectors of the entities that tokens are scored for, ``[C, width]``."""
        width = spec.side_width(self.spec)
        if candidates is not None and (candidates.dim() != 2 or candidates.shape[1] != width):
            raise BestiaryError(
                f"entity_candidates has shape {list(candidates.shape)}; this model reads [C, {width}], a row for each"
                " entity"
            )
        return None if candidates is None else candidates.to(x.dtype)
