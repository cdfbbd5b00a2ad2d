"""U-Nets: levels down and up, each cell on the way up reading what stands opposite."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bestiary import spec
from bestiary.nn.activations import ACTIVATIONS
from bestiary.nn.base import Model
from bestiary.nn.context import Context, padding
from bestiary.nn.feature_maps import Level, checked_map, nothing_read
from bestiary.nn.norms import group_norm
from bestiary.nn.output import Output
from bestiary.nn.told import CONDITIONS, Given, TimeEmbedding


class Denoiser(Model):
    """A model of noisy maps, told the time step and more."""

    leave: nn.Module
    """What maps the last map to the answer."""

    def __init__(self, node: spec.UNet | spec.EfficientUNet) -> None:
        super().__init__(node)
        self.activation = ACTIVATIONS[node.activation]
        self.enter = nn.Conv2d(node.channels, node.dim, 3, padding=1)
        self.time = TimeEmbedding(node.time, node.dim, node.activation)
        told = node.time.hidden
        self.conditions = nn.ModuleList(CONDITIONS[type(each)](each, told, node.activation) for each in node.conditions)

    def forward(
        self,
        sample: Tensor,
        timestep: Tensor | int,
        encoder_hidden_states: Tensor | None = None,
        encoder_attention_mask: Tensor | None = None,
        class_labels: Tensor | None = None,
        vector: Tensor | None = None,
        noise_level: Tensor | int | None = None,
    ) -> Output:
        """Predict what a noisy ``sample``, ``[B, channels, H, W]``, holds at ``timestep``, one or ``[B]``.

        ``encoder_hidden_states`` ``[B, S, width]`` are the vectors that attention reads, of a text mostly, with ones in
        the mask for real tokens; ``class_labels`` are ``[B]``; ``vector`` ``[B, width]`` is one more that blocks know;
        ``noise_level``, one or ``[B]``, the step up to which noise was put on what is enlarged.
        """
        checked_map("sample", sample, self.spec.channels)
        read = nothing_read(sample)
        read.memory, read.memory_keep = encoder_hidden_states, padding(encoder_attention_mask)
        given: Given = {
            "encoder_hidden_states": encoder_hidden_states,
            "encoder_attention_mask": read.memory_keep,
            "class_labels": class_labels,
            "vector": vector,
            "noise_level": None if noise_level is None else each(noise_level, sample),
        }
        time = self.time(each(timestep, sample))
        for condition in self.conditions:
            time = time + condition(given)
        x = self.run(self.enter(sample), time, read)
        return Output(x, sample=self.leave(x))

    def run(self, x: Tensor, time: Tensor, read: Context) -> Tensor:
        """Take a map, ``[B, dim, H, W]``, down the levels and up again, to what the answer is mapped from."""
        raise NotImplementedError


def each(number: Tensor | int, sample: Tensor) -> Tensor:
    """Return a number for each of a batch of maps, ``[B]``, of one that holds for all or of as many."""
    return torch.as_tensor(number, device=sample.device).expand(len(sample))


class UNet(Denoiser):
    """A model of noisy maps, each level resampled as it leaves."""

    def __init__(self, node: spec.UNet) -> None:
        super().__init__(node)
        time = node.time.hidden
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

    def run(self, x: Tensor, time: Tensor, read: Context) -> Tensor:
        """Take a map, ``[B, dim, H, W]``, down the levels and up again, behind the last norm."""
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
        return self.activation(self.norm(x))
