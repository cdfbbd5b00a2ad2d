"""From spec nodes to torch modules. This room knows no model, no catalog and no checkpoint."""

from __future__ import annotations

import torch

from bestiary import spec
from bestiary.nn.base import Looking, Model
from bestiary.nn.cache import Cache
from bestiary.nn.context import Context
from bestiary.nn.init import constants, initialize
from bestiary.nn.model import model
from bestiary.nn.output import Output

__all__ = ["Cache", "Context", "Looking", "Model", "Output", "build", "constants", "initialize"]


def build(
    node: spec.Model,
    *,
    seed: int | None = None,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
) -> Model:
    """Build a checked spec as a torch module with fresh weights, in evaluation mode.

    On the ``meta`` device nothing is allocated or drawn: that is how models are counted and loaded. ``seed`` makes the
    weights reproducible. Raises ``BestiaryError`` with the path of what cannot be built.
    """
    spec.check(node)
    built = skeleton(node, dtype)
    if torch.device(device or "cpu").type == "meta":
        return built
    built.to_empty(device=device or "cpu")
    initialize(built, seed)
    values = constants(built)
    for name, buffer in built.named_buffers():
        buffer.copy_(values[name])
    return built


def skeleton(node: spec.Model, dtype: torch.dtype | None = None) -> Model:
    """Build a spec on the meta device: shapes and names, no memory."""
    with torch.device("meta"):
        built = model(node).eval()
    return built if dtype is None else built.to(dtype)
