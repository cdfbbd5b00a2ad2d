"""Heads of detectors: what each query's object is, where it is, and which places it covers."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bestiary import spec
from bestiary.nn.activations import ACTIVATIONS
from bestiary.nn.context import Context
from bestiary.nn.output import Output
from bestiary.spec.convolutional import WIDENING
from bestiary.spec.detection import group_count, mask_widths


class ObjectClasses(nn.Module):
    """A score for each label, and one for there being no object, the last."""

    def __init__(self, node: spec.ObjectClasses, model: spec.Model) -> None:
        super().__init__()
        self.output = nn.Linear(model.dim, node.labels + 1)

    def forward(self, x: Tensor, context: Context, output: Output) -> None:
        """Fill ``logits``, ``[B, queries, labels + 1]``."""
        output.logits = self.output(x)


class ObjectBoxes(nn.Module):
    """Three linear maps to four shares of the image."""

    def __init__(self, node: spec.ObjectBoxes, model: spec.Model) -> None:
        super().__init__()
        self.maps = nn.ModuleList(nn.Linear(model.dim, width) for width in (model.dim, model.dim, 4))

    def forward(self, x: Tensor, context: Context, output: Output) -> None:
        """Fill ``pred_boxes``, ``[B, queries, 4]``."""
        first, second, last = self.maps
        output.pred_boxes = last(F.relu(second(F.relu(first(x))))).sigmoid()


class Refinement(nn.Module):
    """A convolution over 3 x 3, a norm of groups, a nonlinearity."""

    def __init__(self, inputs: int, outputs: int, activation: spec.Activation) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.norm, self.activation = nn.GroupNorm(group_count(outputs), outputs), ACTIVATIONS[activation]

    def forward(self, grid: Tensor) -> Tensor:
        """Map ``[B, inputs, H, W]`` to ``[B, outputs, H, W]``."""
        return self.activation(self.norm(self.conv(grid)))


class ObjectMasks(nn.Module):
    """Attention maps of each query to the encoder's places, refined by convolutions on ever finer maps."""

    def __init__(self, node: spec.ObjectMasks, model: spec.Detector) -> None:
        super().__init__()
        self.heads = node.heads
        self.q, self.k = nn.Linear(model.dim, model.dim), nn.Linear(model.dim, model.dim)
        widths = mask_widths(model.dim, node.heads)
        self.steps = nn.ModuleList(Refinement(*pair, node.activation) for pair in pairwise(widths))
        finer = [WIDENING * stage.width for stage in model.net.stages[-2::-1]]
        self.adapt = nn.ModuleList(
            nn.Conv2d(channels, width, 1) for channels, width in zip(finer, widths[2:], strict=False)
        )
        self.output = nn.Conv2d(widths[-1], 1, 3, padding=1)

    def forward(self, x: Tensor, context: Context, output: Output) -> None:
        """Fill ``pred_masks``, ``[B, queries, H, W]``."""
        assert context.maps is not None
        *finer, last = context.maps
        queries = x.shape[1]
        attended = self.attended(x, context).unflatten(-1, last.shape[2:])
        h = torch.cat((self.repeated(last, queries), attended.flatten(0, 1)), dim=1)
        h = self.steps[1](self.steps[0](h))
        for index, grid in enumerate(reversed(finer)):
            seen = self.repeated(self.adapt[index](grid), queries)
            h = self.steps[2 + index](seen + F.interpolate(h, size=seen.shape[2:], mode="nearest"))
        output.pred_masks = self.output(h).view(len(x), queries, *h.shape[2:])

    def attended(self, x: Tensor, context: Context) -> Tensor:
        """Return how each head of each query shares its attention among all heads' places, ``[B, Q, heads, S]``."""
        assert context.memory is not None
        q, k = (
            project(vectors).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for project, vectors in ((self.q, x), (self.k, context.memory))
        )
        scores = q * q.shape[-1] ** -0.5 @ k.transpose(-1, -2)
        if context.memory_keep is not None:
            scores = scores.masked_fill(~context.memory_keep[:, None, None, :], torch.finfo(scores.dtype).min)
        # One softmax over the places of all heads, as published.
        return scores.transpose(1, 2).flatten(2).softmax(-1).unflatten(-1, (self.heads, -1))

    def repeated(self, grid: Tensor, times: int) -> Tensor:
        """Return ``[B * times, C, H, W]`` of ``[B, C, H, W]``: every query reads the same map."""
        return grid.repeat_interleave(times, 0)


HEADS = {
    spec.ObjectClasses: ObjectClasses,
    spec.ObjectBoxes: ObjectBoxes,
    spec.ObjectMasks: ObjectMasks,
}
