"""Heads that read the vectors of patches."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bestiary import spec
from bestiary.nn.context import Context
from bestiary.nn.norms import norm
from bestiary.nn.output import Output
from bestiary.nn.patches import SinusoidalGrid
from bestiary.nn.stack import Stack


class FirstVector(nn.Module):
    """The first token's vector, as it is."""

    def __init__(self, node: spec.FirstVector, model: spec.Model) -> None:
        super().__init__()

    def forward(self, x: Tensor, context: Context, output: Output) -> None:
        """Fill ``pooler_output``, ``[B, dim]``."""
        output.pooler_output = context.pooled = x[:, 0]


class PatchMean(nn.Module):
    """The mean of the patches' vectors, normed."""

    def __init__(self, node: spec.PatchMean, model: spec.Model) -> None:
        super().__init__()
        self.norm = norm(node.norm, model.dim)

    def forward(self, x: Tensor, context: Context, output: Output) -> None:
        """Fill ``pooler_output``, ``[B, dim]``."""
        output.pooler_output = context.pooled = self.norm(x[:, 1:].mean(1))


class DistilledClassifier(nn.Module):
    """Two classifiers, of the first token and of the second, whose scores are averaged."""

    def __init__(self, node: spec.DistilledClassifier, model: spec.Model) -> None:
        super().__init__()
        self.output, self.taught = nn.Linear(model.dim, node.labels), nn.Linear(model.dim, node.labels)

    def forward(self, x: Tensor, context: Context, output: Output) -> None:
        """Fill ``logits``, ``[B, labels]``."""
        output.logits = (self.output(x[:, 0]) + self.taught(x[:, 1])) / 2


class PatchClassifier(nn.Module):
    """A score for each label, for each patch."""

    def __init__(self, node: spec.PatchClassifier, model: spec.Model) -> None:
        super().__init__()
        self.norm, self.output = norm(node.norm, model.dim), nn.Linear(model.dim, node.labels)

    def forward(self, x: Tensor, context: Context, output: Output) -> None:
        """Fill ``logits``, ``[B, patches, labels]``."""
        output.logits = self.output(self.norm(x)[:, 1:])


class PatchPixels(nn.Module):
    """A narrow stack over visible patches and a learned vector for each masked one, put back into their order."""

    def __init__(self, node: spec.PatchPixels, model: spec.Transformer) -> None:
        super().__init__()
        decoder, embed = node.decoder, model.embed
        assert isinstance(embed, spec.Patches)
        self.extra, side = embed.extra, embed.image // embed.patch
        self.embed, self.mask = nn.Linear(model.dim, decoder.dim), nn.Parameter(torch.empty(decoder.dim))
        if isinstance(decoder.position, spec.SinusoidalGrid):
            self.position: SinusoidalGrid | nn.Parameter = SinusoidalGrid(side, embed.extra, decoder.dim)
        else:
            self.position = nn.Parameter(torch.empty(side**2 + embed.extra, decoder.dim))
        self.stack = Stack(decoder.stack, decoder.dim)
        self.output = nn.Linear(decoder.dim, embed.channels * embed.patch**2)

    def forward(self, x: Tensor, context: Context, output: Output) -> None:
        """Fill ``logits``, ``[B, patches, patch * patch * channels]``."""
        assert context.restore is not None
        x, order = self.embed(x), context.restore
        first, seen = x[:, : self.extra], x[:, self.extra :]
        unseen = self.mask.expand(len(x), order.shape[1] - seen.shape[1], -1)
        whole = torch.cat((seen, unseen), dim=1).gather(1, order[..., None].expand(-1, -1, x.shape[-1]))
        rows = self.position() if isinstance(self.position, SinusoidalGrid) else self.position
        x = torch.cat((first, whole), dim=1) + rows
        places = torch.arange(x.shape[1], device=x.device)[None]
        x = self.stack(x, Context(places, x.shape[1]))
        output.logits = self.output(x)[:, self.extra :]


class PlaceMean(nn.Module):
    """The mean of all places."""

    def __init__(self, node: spec.PlaceMean, model: spec.Model) -> None:
        super().__init__()

    def forward(self, x: Tensor, context: Context, output: Output) -> None:
        """Fill ``pooler_output``, ``[B, dim]``."""
        output.pooler_output = context.pooled = x.mean(1)


class PixelBlocks(nn.Module):
    """A block of pixels for each place."""

    def __init__(self, node: spec.PixelBlocks, model: spec.Model) -> None:
        super().__init__()
        self.side = node.side
        self.output = nn.Linear(model.dim, node.channels * node.side**2)

    def forward(self, x: Tensor, context: Context, output: Output) -> None:
        """Fill ``reconstruction``, ``[B, channels, H, W]``."""
        assert context.grid is not None
        blocks = self.output(x).transpose(1, 2).unflatten(2, context.grid)
        output.reconstruction = F.pixel_shuffle(blocks, self.side)


HEADS = {
    spec.FirstVector: FirstVector,
    spec.PatchMean: PatchMean,
    spec.DistilledClassifier: DistilledClassifier,
    spec.PatchClassifier: PatchClassifier,
    spec.PatchPixels: PatchPixels,
    spec.PlaceMean: PlaceMean,
    spec.PixelBlocks: PixelBlocks,
}
