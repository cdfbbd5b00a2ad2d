"""Masks as tensors: each kind says which keys a query sees; their conjunction, with padding, is made once per pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from bestiary.nn.context import Context
from bestiary.spec import (
    Causal,
    HiddenActions,
    LastHidden,
    Mask,
    MemorySpan,
    PictureColumn,
    PictureRow,
    PictureWindow,
    Prefix,
    Window,
)

Mask_TK = Tensor


def _causal(mask: Causal, query: Tensor, key: Tensor, context: Context) -> Mask_TK:
    return key <= query


def _window(mask: Window, query: Tensor, key: Tensor, context: Context) -> Mask_TK:
    return (query - key).abs() < mask.size


def _memory_span(mask: MemorySpan, query: Tensor, key: Tensor, context: Context) -> Mask_TK:
    return query - key <= context.past


def _prefix(mask: Prefix, query: Tensor, key: Tensor, context: Context) -> Mask_TK:
    if context.prefix is None:
        return key <= query
    # The prefix's length counts real tokens: padding on the left comes before it.
    place = key if context.keep is None else context.keep.long().cumsum(-1)[:, None, None, :] - 1
    return (key <= query) | (place < context.prefix[:, None, None, None])


def _last_hidden(mask: LastHidden, query: Tensor, key: Tensor, context: Context) -> Mask_TK:
    return (key % mask.period != mask.period - 1).expand(len(query), -1)


def _hidden_actions(mask: HiddenActions, query: Tensor, key: Tensor, context: Context) -> Mask_TK:
    done = [place % (mask.seen + mask.done) >= mask.seen for place in (query, key)]
    return ~(done[0] & done[1])


def _picture_row(mask: PictureRow, query: Tensor, key: Tensor, context: Context) -> Mask_TK:
    return (key < mask.start) | ((query - key).abs() <= mask.side)


def _picture_column(mask: PictureColumn, query: Tensor, key: Tensor, context: Context) -> Mask_TK:
    return (key < mask.start) | ((query - key) % mask.side == 0)


def _picture_window(mask: PictureWindow, query: Tensor, key: Tensor, context: Context) -> Mask_TK:
    half = mask.kernel // 2
    shifted = (query - key).abs() + half  # rows apart, and columns counted from the left edge of the square
    beside, apart = shifted % mask.side, shifted // mask.side
    return (key < mask.start) | ((beside < mask.kernel) & (apart <= half))


_ALLOWED: dict[type[Mask], Callable[[Any, Tensor, Tensor, Context], Tensor]] = {
    Causal: _causal,
    Window: _window,
    MemorySpan: _memory_span,
    Prefix: _prefix,
    LastHidden: _last_hidden,
    HiddenActions: _hidden_actions,
    PictureRow: _picture_row,
    PictureColumn: _picture_column,
    PictureWindow: _picture_window,
}


def self_mask(masks: tuple[Mask, ...], context: Context) -> Tensor | None:
    """Return which keys each query sees, ``[1 or B, 1, T, K]`` bool, or ``None`` when every query sees every key."""
    if context.queries == 1 and masks in ((Causal(),), (Prefix(),)):
        masks = ()  # the newest token is after every key
    return context.once(("mask", masks), lambda: _conjunction(masks, context))


def _conjunction(masks: tuple[Mask, ...], context: Context) -> Tensor | None:
    device = context.positions.device
    query = torch.arange(context.past, context.keys, device=device)[:, None]
    key = torch.arange(context.keys, device=device)[None, :]
    allowed = None if context.keep is None else context.keep[:, None, None, :]
    if context.unseen is not None:  # what is remembered is seen by all
        open_ = F.pad(~context.unseen, (context.past, 0), value=True)[:, None]
        allowed = open_ if allowed is None else allowed & open_
    for mask in masks:
        seen = _ALLOWED[type(mask)](mask, query, key, context)
        seen = seen if seen.dim() == 4 else seen[None, None]
        allowed = seen if allowed is None else allowed & seen
    return allowed
