"""Attention written out, for what must see or change its probabilities: quantization, and traces of a teacher."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from bestiary.nn.attention import Projections

Change = Callable[[Tensor], Tensor]


def unchanged(x: Tensor) -> Tensor:
    """Return the tensor as it is."""
    return x


def mix(
    module: Projections,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: Tensor | None,
    causal: bool,
    change: Change = unchanged,
    see: Callable[[Tensor], object] = unchanged,
) -> Tensor:
    """Return what ``Projections.attend`` does, up to rounding.

    ``change`` acts on the scaled queries, the keys, the probabilities and the values before they are multiplied, and
    ``see`` is called with the probabilities, ``[B, heads, T, K]``, as the softmax gives them.
    """
    groups = module.heads // module.kv_heads
    if groups > 1:
        k, v = (each.repeat_interleave(groups, dim=1) for each in (k, v))
    scale = module.head_dim**-0.5 if module.scale is None else module.scale
    scores = change(q * scale) @ change(k).transpose(-1, -2)
    if causal:
        mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
    if mask is not None:
        least = torch.finfo(scores.dtype).min
        scores = scores.masked_fill(~mask, least) if mask.dtype == torch.bool else scores + mask
    probabilities = scores.softmax(-1)
    see(probabilities)
    dropped = F.dropout(probabilities, module.dropout, module.training)
    return module.o((change(dropped) @ change(v)).transpose(1, 2).flatten(2))
