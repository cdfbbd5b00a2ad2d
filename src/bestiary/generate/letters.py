"""Spelling what is said: a letter for each place of a sound, heard in pieces that are cut where it is quiet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from bestiary.errors import BestiaryError
from bestiary.generate.speech import Segment
from bestiary.nn import Model
from bestiary.spec import CTCHead

MOST, LEAST = 30.0, 20.0
"""Seconds of a piece: it ends at the quietest moment between the two, since attention grows with their square."""
MOMENT = 0.05
"""Seconds over which quiet is measured."""


@torch.inference_mode()
def spell(model: Model, sound: Tensor) -> Iterator[Segment]:
    """Yield what is said in a sound, ``[samples]`` at the model's rate, piece by piece.

    The likeliest letter of each place is taken; equal neighbors are one and blanks none (Graves et al. 2006). The model
    must have been loaded with its letters, and have a head for them.
    """
    node: Any = model.spec
    head = next((head for head in node.heads.values() if isinstance(head, CTCHead)), None)
    if head is None or model.tokenizer is None:
        what = "no head that writes letters" if head is None else "no letters: put its vocab.json beside the weights"
        raise BestiaryError(f"this model was loaded with {what}")
    rate, place = model.processor.rate, 0
    while place < len(sound):
        piece = sound[place : place + cut(sound[place:], rate)]
        given = {name: value.to(model.device) for name, value in model.processor([piece]).items()}
        given["input_values"] = given["input_values"].to(model.dtype)
        logits = model(**given).logits
        text = model.tokenizer.decode(logits[0].argmax(-1).tolist(), head.blank)
        if text:
            yield Segment(place / rate, (place + len(piece)) / rate, text)
        place += len(piece)


def cut(sound: Tensor, rate: int) -> int:
    """Return after how many samples a piece ends: all of a short sound, else where it is quietest late in the piece."""
    most, least, moment = round(MOST * rate), round(LEAST * rate), max(1, round(MOMENT * rate))
    if len(sound) <= most:
        return len(sound)
    loud = sound[least:most].unfold(0, moment, moment).square().mean(-1)
    return least + int(loud.argmin()) * moment + moment // 2
