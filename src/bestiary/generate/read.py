"""Answers that need one pass: the likeliest words for a mask, which words were replaced, and vectors of sentences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from bestiary.errors import BestiaryError
from bestiary.nn import Model


@torch.inference_mode()
def fill_mask(model: Model, text: str, *, top: int = 5) -> list[list[tuple[str, float]]]:
    """Return, for each mask token of a text, the likeliest tokens with their probabilities, likeliest first.

    The model must have a masked-language-model head and a tokenizer with a mask token.
    """
    tokenizer: Any = model.tokenizer
    if tokenizer is None or tokenizer.mask_token_id is None:
        raise BestiaryError("this model has no tokenizer with a mask token, so there is nothing to fill")
    batch = tokenizer([text]).tensors()
    masked = batch["input_ids"][0] == tokenizer.mask_token_id
    if not bool(masked.any()):
        raise BestiaryError(f"the text holds no {tokenizer.mask_token}: write it where a word is missing")
    output = model(batch["input_ids"].to(model.device), batch["attention_mask"].to(model.device))
    if output.logits is None:
        raise BestiaryError("this model has no masked-language-model head: load it with task='masked-lm'")
    likeliest = output.logits[0][masked.to(model.device)].float().softmax(-1).topk(top)
    return [
        [(tokenizer.decode([int(i)], skip_special_tokens=False), float(p)) for p, i in zip(ps, ids, strict=True)]
        for ps, ids in zip(likeliest.values, likeliest.indices, strict=True)
    ]


@torch.inference_mode()
def tell_replaced(model: Model, text: str) -> list[tuple[str, float]]:
    """Return each token of a text with the probability that another model put it there (Clark et al. 2020).

    The model must have a head for replaced tokens and a tokenizer.
    """
    if model.tokenizer is None:
        raise BestiaryError("this model was loaded without a tokenizer: add its files to the folder")
    batch = model.tokenizer([text]).tensors()
    ids = batch["input_ids"]
    logits = model(ids.to(model.device), batch["attention_mask"].to(model.device)).logits
    if logits is None or logits.shape != ids.shape:
        raise BestiaryError(
            "this model has no head that tells replaced tokens: load it with task='replaced-token-detection'"
        )
    tokens = [model.tokenizer.decode([int(one)], skip_special_tokens=False) for one in ids[0]]
    return list(zip(tokens, logits[0].float().sigmoid().tolist(), strict=True))


@torch.inference_mode()
def embed(model: Model, texts: Sequence[str], *, pooling: Literal["mean", "first"] = "mean") -> Tensor:
    """Return a unit vector for each text, ``[texts, dim]``: the mean of its tokens' vectors, or the first's."""
    if model.tokenizer is None:
        raise BestiaryError("this model was loaded without a tokenizer: add its files to the folder")
    batch = model.tokenizer(list(texts)).tensors()
    mask = batch["attention_mask"].to(model.device)
    hidden = model(batch["input_ids"].to(model.device), mask).last_hidden_state
    pooled = hidden[:, 0]
    if pooling == "mean":
        pooled = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
    return torch.nn.functional.normalize(pooled.float(), dim=-1)
