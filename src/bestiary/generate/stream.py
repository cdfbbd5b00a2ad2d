"""Answers as text, piece by piece as they come."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from bestiary.errors import BestiaryError
from bestiary.generate.generate import config_ids, tokens
from bestiary.generate.sampling import Sampling
from bestiary.nn import Model


def stream_text(
    model: Model, prompt: str, *, max_new_tokens: int = 64, sampling: Sampling | None = None,
    stop_strings: Collection[str] = (), seed: int | None = None, add_special_tokens: bool = True,
) -> Iterator[str]:  # fmt: skip
    """Yield an answer to one prompt piece by piece, as soon as each piece of text is certain.

    Ends before the first of ``stop_strings`` that the answer holds. The model must have been loaded with a tokenizer.
    """
    if model.tokenizer is None:
        raise BestiaryError("this model was loaded without a tokenizer: add its files to the folder")
    ids = model.tokenizer.encode(prompt, add_special_tokens=add_special_tokens)
    yield from stream(
        model, {"input_ids": torch.tensor([ids])}, max_new_tokens=max_new_tokens, sampling=sampling, seed=seed,
        stop_strings=stop_strings,
    )  # fmt: skip


def stream(
    model: Model, prompt: Mapping[str, Tensor], *, max_new_tokens: int = 64, sampling: Sampling | None = None,
    stop_strings: Collection[str] = (), seed: int | None = None, skip_special_tokens: bool = True,
    decoder_start_token_id: int | None = None,
) -> Iterator[str]:  # fmt: skip
    """Yield the answer to one prompt, given as ``tokens`` takes it: ``input_ids``, ``pixel_values`` and what else."""
    tokenizer = model.tokenizer
    ends = [] if tokenizer.eos_token_id is None else [tokenizer.eos_token_id]
    decoder = tokenizer.stream(skip_special_tokens=skip_special_tokens)
    given: dict[str, Any] = {name: value.to(model.device) for name, value in prompt.items()}
    steps = tokens(
        model, **given, max_new_tokens=max_new_tokens, sampling=sampling, seed=seed,
        eos_token_id=ends + config_ids(model, "eos_token_id"), decoder_start_token_id=decoder_start_token_id,
    )  # fmt: skip
    pieces = (decoder.push(int(step[0])) for step in steps)
    yield from _until(_with_end(pieces, decoder.finish), stop_strings)


def _with_end(pieces: Iterator[str], finish: Callable[[], str]) -> Iterator[str]:
    yield from pieces
    yield finish()


def _until(pieces: Iterator[str], stops: Collection[str]) -> Iterator[str]:
    """Hold back what could be the beginning of a stop string; end before the first whole one."""
    held = ""
    for piece in pieces:
        held += piece
        found = [held.find(stop) for stop in stops if stop in held]
        if found:
            yield held[: min(found)]
            return
        keep = max((n for stop in stops for n in range(1, len(stop)) if held.endswith(stop[:n])), default=0)
        ready, held = held[: len(held) - keep], held[len(held) - keep :]
        if ready:
            yield ready
    if held:
        yield held
