"""Prompts as decoders read them: padding on the left, where each token stands, and room for the new ones."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from bestiary import spec
from bestiary.errors import BestiaryError
from bestiary.sizing.reach import positions


def left_padded(ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Move padding to the left, so that every row ends with a real token and distances stay as they are."""
    order = mask.sort(dim=1, stable=True).indices
    return ids.gather(1, order), mask.gather(1, order)


def check_room(embed: spec.Embedding, prompt: int, room: int) -> None:
    """Refuse a prompt that leaves no room for as many new tokens."""
    length = positions(embed)
    if length is not None and prompt + room > length + 1:  # the last token is chosen but never read
        raise BestiaryError(
            f"a prompt of {prompt} tokens and {room} new ones need more than this model's {length} positions:"
            f" shorten the prompt or ask for at most {max(0, length + 1 - prompt)} new tokens"
        )


def fills_blanks(model: Any) -> bool:
    """Tell whether a decoder's positions are pairs, of a place in the text and one within a block."""
    return isinstance(getattr(getattr(model, "embed", None), "position", None), spec.LearnedBlocks)


def at_blank(
    input_ids: Tensor, mask_token_id: int, start_token_id: int, attention_mask: Tensor | None = None
) -> dict[str, Tensor]:
    """Return what ``generate`` takes to fill the first blank of each text, ``[B, T]``, from a start token on.

    A blank is marked by ``mask_token_id``; a text without one goes on at its last token.
    """
    mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask.long()
    text = (mask.cumsum(-1) - 1).clamp(min=0)
    blanks = (input_ids == mask_token_id) & mask.bool()
    marked = text.gather(1, blanks.int().argmax(1, keepdim=True))
    place = torch.where(blanks.any(1, keepdim=True), marked, mask.sum(-1, keepdim=True) - 1)
    start = torch.stack((place, torch.ones_like(place)), dim=1)
    return {
        "input_ids": F.pad(input_ids, (0, 1), value=start_token_id),
        "attention_mask": F.pad(mask, (0, 1), value=1),
        "prefix_length": mask.sum(-1),
        "position_ids": torch.cat((torch.stack((text, torch.zeros_like(text)), dim=1), start), dim=2),
    }


def pairs(mask: Tensor, prefix: Tensor | None) -> Tensor:
    """Return where a left-padded prompt's tokens stand, ``[B, 2, T]`` (Du et al. 2021, section 2.1).

    What stands behind the prefix, the whole prompt if none is given, fills a blank at the prefix's last token.
    """
    place = (mask.cumsum(-1) - 1).clamp(min=0)
    length = mask.sum(-1) if prefix is None else prefix.to(mask.device)
    block = (place - length[:, None] + 1).clamp(min=0)
    return torch.stack((place - block, block), dim=1)


def left_padded_pairs(position_ids: Tensor, mask: Tensor) -> Tensor:
    """Move positions of padding, ``[B, 2, T]``, to the left, as their tokens are moved."""
    if position_ids.shape != (len(mask), 2, mask.shape[1]):
        raise BestiaryError(
            f"position_ids has shape {list(position_ids.shape)}; give [batch, 2, tokens]:"
            " each token's place in the text and its place within a block"
        )
    order = mask.sort(dim=1, stable=True).indices
    return position_ids.gather(2, order[:, None].expand_as(position_ids))


def left_padded_seen(seen: Tensor, mask: Tensor | None) -> Tensor:
    """Move to the left what padding sees of pictures, ``[B, T, N]``, as its tokens are moved."""
    if mask is None:
        return seen
    order = mask.long().sort(dim=1, stable=True).indices
    return seen.gather(1, order[..., None].expand_as(seen))


def check_pairs(embed: Any, places: Tensor, room: int) -> None:
    """Refuse places that the embedding has not, and a block that leaves no room for as many new tokens."""
    length, last, begun = embed.position.length, int(places.max()), int(places[:, 1, -1].max())
    if last > length:
        raise BestiaryError(f"the prompt reaches place {last}, past this model's last, {length}: shorten it")
    if begun + room > length + 1:  # the last token is chosen but never read
        raise BestiaryError(
            f"{begun} tokens of a block and {room} new ones need more than this model's {length} places within a block:"
            f" ask for at most {length + 1 - begun} new tokens"
        )
