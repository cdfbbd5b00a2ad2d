"""Pictures written code by code behind a text, one prompt pass and then a step for each with the cache."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from bestiary.errors import BestiaryError
from bestiary.generate.sampling import Sampling, pick
from bestiary.nn import Cache


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
    for _ in range(side**2):
        scores = model(ids, mask, past_key_values=cache, logits_to_keep=1).logits[:, -1, embed.words :]
        codes.append(pick(scores, sampling or Sampling(temperature=1.0), generator))
        ids, mask = codes[-1][:, None] + embed.words, None
    return torch.stack(codes, dim=1).unflatten(1, (side, side))


def draw_codes(model: Any, texts: list[str], *, sampling: Sampling | None = None, seed: int = 0) -> Tensor:
    """Return a picture from 0 to 1 for each text, ``[B, channels, H, W]``."""
    if model.tokenizer is None:
        raise BestiaryError("a text has to become tokens, but the files hold no tokenizer; add its folder")
    most = model.spec.text.embed.length - 1
    rows = [model.tokenizer.encode(text)[:most] for text in texts]
    longest = max(1, *(len(row) for row in rows))
    ids = torch.tensor([[*row, *[0] * (longest - len(row))] for row in rows], device=model.device)
    keep = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows], device=model.device)
    with torch.inference_mode():
        return model.image.picture(write_codes(model, ids, keep, sampling=sampling, seed=seed))
