"""What blocks of a U-Net are told: the time step, and what stands beside it as conditions."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bestiary import spec
from bestiary.errors import BestiaryError
from bestiary.nn.activations import ACTIVATIONS
from bestiary.nn.norms import norm


def time_sines(times: Tensor, dim: int) -> Tensor:
    """Sines, then cosines, ``[B, dim]``, in float32 as published code has it."""
    return torch.cat(_waves(times, dim, dim // 2 - 1), dim=-1)


def time_cosines(times: Tensor, dim: int) -> Tensor:
    """Cosines, then sines, the frequencies one step closer."""
    sines, cosines = _waves(times, dim, dim // 2)
    return torch.cat((cosines, sines), dim=-1)


def _waves(times: Tensor, dim: int, steps: int) -> tuple[Tensor, Tensor]:
    places = torch.arange(dim // 2, dtype=torch.float32, device=times.device)
    angles = times[:, None].float() * torch.exp(-math.log(10_000) * places / steps)[None]
    return angles.sin(), angles.cos()


def time_range(times: Tensor, dim: int) -> Tensor:
    """Cosines, then sines, both ends of the range of frequencies among them."""
    sines, cosines = _waves(times, dim, dim // 2 - 1)
    return torch.cat((cosines, sines), dim=-1)


WAVES: dict[type, Callable[[Tensor, int], Tensor]] = {
    spec.TimeSines: time_sines,
    spec.TimeCosines: time_cosines,
    spec.TimeRange: time_range,
}


class TimeEmbedding(nn.Module):
    """Waves of the time step through two linear maps."""

    def __init__(self, node: spec.TimeEmbedding, dim: int, activation: spec.Activation) -> None:
        super().__init__()
        self.width, self.waves, self.activation = node.width or dim, WAVES[type(node.waves)], ACTIVATIONS[activation]
        self.up, self.down = nn.Linear(self.width, node.hidden), nn.Linear(node.hidden, node.hidden)

    def forward(self, times: Tensor) -> Tensor:
        """Map time steps, ``[B]``, to ``[B, hidden]``."""
        waves = self.waves(times, self.width).to(self.up.weight.dtype)
        return self.down(self.activation(self.up(waves)))


Given = Mapping[str, Tensor | None]
"""What a model was called with beside a noisy map and its time step, by name."""


class ClassCondition(nn.Module):
    """A learned vector for each class."""

    def __init__(self, node: spec.ClassCondition, hidden: int, activation: spec.Activation) -> None:
        super().__init__()
        self.table = nn.Embedding(node.classes, hidden)

    def forward(self, given: Given) -> Tensor:
        """Return the vectors of the classes that are given, ``[B, hidden]``."""
        labels = given["class_labels"]
        if labels is None:
            raise BestiaryError(f"this model draws by class: give class_labels, from 0 to {len(self.table.weight) - 1}")
        return self.table(labels)


class VectorCondition(nn.Module):
    """A linear map of one more vector."""

    def __init__(self, node: spec.VectorCondition, hidden: int, activation: spec.Activation) -> None:
        super().__init__()
        self.map = nn.Linear(node.width, hidden)

    def forward(self, given: Given) -> Tensor:
        """Return what the vector that is given becomes, ``[B, hidden]``."""
        vector = given["vector"]
        if vector is None:
            raise BestiaryError(f"this model is told more than the time: give vector, [batch, {self.map.in_features}]")
        return self.map(vector)


class GivenCondition(nn.Module):
    """One more vector as it is given."""

    def __init__(self, node: spec.GivenCondition, hidden: int, activation: spec.Activation) -> None:
        super().__init__()
        self.hidden = hidden

    def forward(self, given: Given) -> Tensor:
        """Return the vector that is given, ``[B, hidden]``."""
        vector = given["vector"]
        if vector is None:
            raise BestiaryError(f"this model is told more than the time: give vector, [batch, {self.hidden}]")
        return vector


class PooledText(nn.Module):
    """Vectors of a text pooled by attention: their mean, and a learned vector on it, asks them and itself."""

    def __init__(self, node: spec.PooledText, hidden: int, activation: spec.Activation) -> None:
        super().__init__()
        self.heads, width = node.heads, node.width
        self.norm = norm(node.norm, width)
        self.position = nn.Parameter(torch.empty(width))
        self.q, self.k, self.v = (nn.Linear(width, width) for _ in range(3))
        self.map = nn.Linear(width, hidden)
        self.map_norm = norm(node.norm, hidden)

    def forward(self, given: Given) -> Tensor:
        """Return what the vectors that are given become, ``[B, hidden]``; those that a mask hides count for nothing."""
        vectors, keep = given["encoder_hidden_states"], given["encoder_attention_mask"]
        if vectors is None:
            width = self.q.in_features
            raise BestiaryError(f"this model is told a text: give encoder_hidden_states, [batch, vectors, {width}]")
        x = self.norm(vectors)
        asking = self.mean(x, keep) + self.position
        x = torch.cat((asking, x), dim=1)
        q, k, v = (
            project(read).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for project, read in ((self.q, asking), (self.k, x), (self.v, x))
        )
        mask = None if keep is None else torch.cat((keep.new_ones(len(keep), 1), keep), dim=1)[:, None, None, :]
        answer = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return self.map_norm(self.map(answer.transpose(1, 2).flatten(1)))

    def mean(self, x: Tensor, keep: Tensor | None) -> Tensor:
        """Return the mean of the vectors that are kept, ``[B, 1, width]``."""
        if keep is None:
            return x.mean(dim=1, keepdim=True)
        weights = keep[..., None].to(x.dtype)
        return (x * weights).sum(dim=1, keepdim=True) / weights.sum(dim=1, keepdim=True)


class NoiseLevel(nn.Module):
    """Waves of how much noise was put on what is enlarged, through two linear maps."""

    def __init__(self, node: spec.NoiseLevel, hidden: int, activation: spec.Activation) -> None:
        super().__init__()
        self.embed = TimeEmbedding(spec.TimeEmbedding(node.waves, hidden, node.width), node.width, activation)

    def forward(self, given: Given) -> Tensor:
        """Return what the level that is given becomes, ``[B, hidden]``."""
        level = given["noise_level"]
        if level is None:
            raise BestiaryError("this model enlarges a picture that noise was put on: give noise_level, a time step")
        return self.embed(level)


CONDITIONS: dict[type[spec.Condition], Callable[[Any, int, spec.Activation], nn.Module]] = {
    spec.ClassCondition: ClassCondition,
    spec.GivenCondition: GivenCondition,
    spec.VectorCondition: VectorCondition,
    spec.PooledText: PooledText,
    spec.NoiseLevel: NoiseLevel,
}
