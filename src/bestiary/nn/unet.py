"""U-Nets: levels down and up, each cell on the way up reading what stands opposite."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from bestiary import spec
from bestiary.errors import BestiaryError
from bestiary.nn.activations import ACTIVATIONS
from bestiary.nn.base import Model
from bestiary.nn.context import Context, padding
from bestiary.nn.feature_maps import Level, checked_map, nothing_read
from bestiary.nn.norms import group_norm
from bestiary.nn.output import Output


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


class ClassCondition(nn.Module):
    """A learned vector for each class."""

    def __init__(self, node: spec.ClassCondition, hidden: int) -> None:
        super().__init__()
        self.table = nn.Embedding(node.classes, hidden)

    def forward(self, given: dict[str, Tensor | None]) -> Tensor:
        """Return the vectors of the classes that are given, ``[B, hidden]``."""
        labels = given["class_labels"]
        if labels is None:
            raise BestiaryError(f"this model draws by class: give class_labels, from 0 to {len(self.table.weight) - 1}")
        return self.table(labels)


class VectorCondition(nn.Module):
    """A linear map of one more vector."""

    def __init__(self, node: spec.VectorCondition, hidden: int) -> None:
        super().__init__()
        self.map = nn.Linear(node.width, hidden)

    def forward(self, given: dict[str, Tensor | None]) -> Tensor:
        """Return what the vector that is given becomes, ``[B, hidden]``."""
        vector = given["vector"]
        if vector is None:
            raise BestiaryError(f"this model is told more than the time: give vector, [batch, {self.map.in_features}]")
        return self.map(vector)


class GivenCondition(nn.Module):
    """One more vector as it is given."""

    def __init__(self, node: spec.GivenCondition, hidden: int) -> None:
        super().__init__()
        self.hidden = hidden

    def forward(self, given: dict[str, Tensor | None]) -> Tensor:
        """Return the vector that is given, ``[B, hidden]``."""
        vector = given["vector"]
        if vector is None:
            raise BestiaryError(f"this model is told more than the time: give vector, [batch, {self.hidden}]")
        return vector


CONDITIONS: dict[type[spec.Condition], Callable[[Any, int], nn.Module]] = {
    spec.ClassCondition: ClassCondition,
    spec.GivenCondition: GivenCondition,
    spec.VectorCondition: VectorCondition,
}


class UNet(Model):
    """A model of noisy maps."""

    def __init__(self, node: spec.UNet) -> None:
        super().__init__(node)
        time = node.time.hidden
        self.activation = ACTIVATIONS[node.activation]
        self.enter = nn.Conv2d(node.channels, node.dim, 3, padding=1)
        self.time = TimeEmbedding(node.time, node.dim, node.activation)
        self.conditions = nn.ModuleList(CONDITIONS[type(each)](each, time) for each in node.conditions)
        width, kept = node.dim, [node.dim]
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        for level in node.down:
            self.down.append(Level(level, width, time))
            width = level.dim
            kept += [width] * (len(level.cells) + (level.resample is not None))
        self.middle = Level(node.middle, width, time)
        width = node.middle.dim
        for level in node.up:
            beside = tuple(kept.pop() for _ in level.cells)
            self.up.append(Level(level, width, time, beside))
            width = level.dim
        self.norm = group_norm(node.norm, width)
        self.leave = nn.Conv2d(width, node.out, 3, padding=1)

    def forward(
        self,
        sample: Tensor,
        timestep: Tensor | int,
        encoder_hidden_states: Tensor | None = None,
        encoder_attention_mask: Tensor | None = None,
        class_labels: Tensor | None = None,
        vector: Tensor | None = None,
    ) -> Output:
        """Predict what a noisy ``sample``, ``[B, channels, H, W]``, holds at ``timestep``, one or ``[B]``.

        ``encoder_hidden_states`` ``[B, S, width]`` are the vectors that attention reads, of a text mostly, with ones in
        the mask for real tokens; ``class_labels`` are ``[B]``; ``vector`` ``[B, width]`` is one more that blocks know.
        """
        checked_map("sample", sample, self.spec.channels)
        times = torch.as_tensor(timestep, device=sample.device).expand(len(sample))
        time = self.time(times)
        for condition in self.conditions:
            time = time + condition({"class_labels": class_labels, "vector": vector})
        read = nothing_read(sample)
        read.memory, read.memory_keep = encoder_hidden_states, padding(encoder_attention_mask)
        x = self.run(self.enter(sample), time, read)
        x = self.activation(self.norm(x))
        return Output(x, sample=self.leave(x))

    def run(self, x: Tensor, time: Tensor, read: Context) -> Tensor:
        """Take a map, ``[B, dim, H, W]``, down the levels and up again."""
        kept = [x]
        for level in self.down:
            for cell in level.cells:  # type: ignore[union-attr]
                x = cell(x, time, read)
                kept.append(x)
            if level.resample is not None:
                x = level.leave(x, time)  # type: ignore[operator]
                kept.append(x)
        x = self.middle(x, time, read)
        for level in self.up:
            for cell in level.cells:  # type: ignore[union-attr]
                x = cell(torch.cat((x, kept.pop()), dim=1), time, read)
            if level.resample is not None:
                x = level.leave(x, time, tuple(kept[-1].shape[-2:]))  # type: ignore[operator]
        return x
