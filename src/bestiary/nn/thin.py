"""A student with fewer layers than its teacher, begun from the teacher's weights (Shleifer and Rush 2020)."""

from __future__ import annotations

from typing import Any

import torch

from bestiary.errors import BestiaryError
from bestiary.nn.base import Model
from bestiary.nn.model import model as module_of
from bestiary.spec import EncoderDecoder, Repeat, Stack


def spaced(depth: int, kept: int) -> tuple[int, ...]:
    """Return which of ``depth`` layers to keep so that they stand as far apart as can be: ends first, one is the last.

    Three of six are 0, 2 and 5.
    """
    if not 1 <= kept <= depth:
        raise BestiaryError(f"{kept} layers cannot be kept of {depth}; give from 1 to {depth}")
    return (depth - 1,) if kept == 1 else tuple(round(i * (depth - 1) / (kept - 1)) for i in range(kept))


def thinned(teacher: Model, encoder_depth: int, decoder_depth: int) -> Model:
    """Return a copy of an encoder-decoder with fewer layers, those of ``spaced``; weights are copied, not shared."""
    node: Any = teacher.spec
    if not isinstance(node, EncoderDecoder):
        raise BestiaryError("only a pair of towers can be thinned on both sides; this model is no EncoderDecoder")
    kept = {"encoder": encoder_depth, "decoder": decoder_depth}
    places = {side: spaced(len(_layers(node.at(f"{side}.stack"))), depth) for side, depth in kept.items()}
    for side, chosen in places.items():
        stack = node.at(f"{side}.stack")
        node = node.at(f"{side}.stack", stack.replace(layers=tuple(stack.layers[place] for place in chosen)))
    own, state = teacher.state_dict(), dict[str, torch.Tensor]()
    student = module_of(node).to(teacher.device, teacher.dtype).train(teacher.training)
    for name in student.state_dict():
        side, _, rest = name.partition(".stack.layers.")
        index, _, end = rest.partition(".")
        source = f"{side}.stack.layers.{places[side][int(index)]}.{end}" if rest else name
        state[name] = own[source].clone()
    student.load_state_dict(state)
    return student


def _layers(stack: Stack) -> tuple[Any, ...]:
    if any(isinstance(item, Repeat) for item in stack.layers):
        raise BestiaryError("layers that share their weights cannot be thinned: give the stack fewer repetitions")
    return stack.layers
