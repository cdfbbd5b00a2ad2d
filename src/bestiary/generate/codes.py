"""Pictures written code by code behind a text, one prompt pass and then a step for each with the cache."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from bestiary.data.tokenizers.rows import filled, rows_of
from bestiary.generate.sampling import Sampling, pick
from bestiary.nn import Cache
from bestiary.watch import watched


@torch.no_grad()
def write_codes(
    model: Any,
    input_ids: Tensor,
    attention_mask: Tensor | None = None,
    *,
    sampling: Sampling | None = None,
    seed: int | None = None,
) -> Tensor:
    """Return the codes of a picture for each text, ``[B, side, side]``; ``model.image.picture`` makes it of them.

    ``input_ids`` ``[B, S]`` are the words alone; what begins texts and pictures is added here. Drawn as they are likely
    unless ``sampling`` says otherwise; ``seed`` makes that repeatable. Which of several pictures is the best is another
    model's to say, one that compares texts with images.
    """
    embed = model.spec.text.embed
    ids, mask = model.arrange(input_ids, attention_mask)
    side, cache = embed.position.side, Cache(embed.position.length)
    generator = None if seed is None else torch.Generator(ids.device).manual_seed(seed)
    codes: list[Tensor] = []
    for _ in watched(range(side**2), "writing codes"):
        scores = model(ids, mask, past_key_values=cache, logits_to_keep=1).logits[:, -1, embed.words :]
        codes.append(pick(scores, sampling or Sampling(temperature=1.0), generator))
        ids, mask = codes[-1][:, None] + embed.words, None
    return torch.stack(codes, dim=1).unflatten(1, (side, side))


def draw_codes(model: Any, texts: list[str], *, sampling: Sampling | None = None, seed: int = 0) -> Tensor:
    """Return a picture from 0 to 1 for each text, ``[B, channels, H, W]``."""
    most = model.spec.text.embed.length - 1
    rows = [row[:most] for row in rows_of(model, texts)]
    ids, keep = filled(rows, max(1, *map(len, rows)), model.device)
    with torch.inference_mode():
        return model.image.picture(write_codes(model, ids, keep, sampling=sampling, seed=seed))
