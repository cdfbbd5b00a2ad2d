"""Tiers of their own width over shrinking maps of an image."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bestiary import spec
from bestiary.errors import BestiaryError
from bestiary.nn.base import Model
from bestiary.nn.context import Context
from bestiary.nn.global_context import ConvShrink, SqueezedBlock
from bestiary.nn.norms import norm
from bestiary.nn.output import Output
from bestiary.nn.patches import MaskedPatches, Patches, cut
from bestiary.nn.stack import Stack
from bestiary.nn.windows import padded


class PaddedPatches(Patches):
    """Patches of an image of any size, normed."""

    def __init__(self, node: spec.PaddedPatches, dim: int) -> None:
        super().__init__(node, dim)
        self.norm = norm(node.norm, dim)

    def cut(self, pixel_values: Tensor) -> Tensor:
        """Return the patches' vectors, ``[B, patches, dim]``."""
        whole = padded(self.checked(pixel_values).movedim(1, -1), self.node.patch).movedim(-1, 1)
        return self.norm(self.patches(cut(whole, self.node.patch)))

    def checked(self, pixel_values: Tensor) -> Tensor:
        """Refuse images of other channels, or of another size than positions were learned for."""
        channels = self.node.channels
        if self.node.position is not None:
            return super().checked(pixel_values)
        if pixel_values.dim() != 4 or pixel_values.shape[1] != channels or 0 in pixel_values.shape[2:]:
            shape = list(pixel_values.shape)
            raise BestiaryError(f"pixel_values has shape {shape}; this model reads [batch, {channels}, height, width]")
        return pixel_values


class MaskedPaddedPatches(MaskedPatches, PaddedPatches):
    """The same with a learned vector in place of masked ones."""


class PatchMerging(nn.Module):
    """Four neighbors become one place, twice as wide; the norm comes first."""

    def __init__(self, node: spec.Merging, dim: int) -> None:
        super().__init__()
        self.norm = norm(node.norm, self.normed(dim))
        self.reduce = nn.Linear(4 * dim, 2 * dim, bias=False)

    def normed(self, dim: int) -> int:
        """Return how wide the normed vectors are."""
        return 4 * dim

    def forward(self, x: Tensor, context: Context) -> Tensor:
        """Map ``[B, T, dim]`` to ``[B, T / 4, 2 dim]``; the context then has the new map's size."""
        assert context.grid is not None
        grid = padded(x.unflatten(1, context.grid), 2)
        context.grid = (grid.shape[1] // 2, grid.shape[2] // 2)
        corners = [grid[:, row::2, column::2] for column in range(2) for row in range(2)]
        return self.map(torch.cat(corners, dim=-1).flatten(1, 2))

    def map(self, x: Tensor) -> Tensor:
        """Map four neighbors' vectors to one."""
        return self.reduce(self.norm(x))


class NormedMerging(PatchMerging):
    """The same, the norm behind the map."""

    def normed(self, dim: int) -> int:
        """Return how wide the normed vectors are."""
        return 2 * dim

    def map(self, x: Tensor) -> Tensor:
        """Map four neighbors' vectors to one."""
        return self.norm(self.reduce(x))


class ConvMerging(nn.Module):
    """Convolutions make a map half as high and wide, and twice as deep."""

    def __init__(self, node: spec.Merging, dim: int) -> None:
        super().__init__()
        self.shrink = ConvShrink(node.norm, dim, 2 * dim)

    def forward(self, x: Tensor, context: Context) -> Tensor:
        """Map ``[B, T, dim]`` to ``[B, T / 4, 2 dim]``; the context then has the new map's size."""
        assert context.grid is not None
        grid = self.shrink(x.unflatten(1, context.grid))
        context.grid = (grid.shape[1], grid.shape[2])
        return grid.flatten(1, 2)


class ConvPatches(nn.Module):
    """Convolutions make the first map."""

    def __init__(self, node: spec.ConvPatches, dim: int) -> None:
        super().__init__()
        self.node = node
        self.begin = nn.Conv2d(node.channels, dim, 3, 2, 1)
        self.shrink = ConvShrink(node.norm, dim, dim)

    def forward(self, pixel_values: Tensor, context: Context | None = None) -> Tensor:
        """Map ``[B, channels, image, image]`` to ``[B, places, dim]``."""
        expected = (self.node.channels, self.node.image, self.node.image)
        if pixel_values.shape[1:] != expected:
            shape, wanted = list(pixel_values.shape), ", ".join(map(str, expected))
            raise BestiaryError(f"pixel_values has shape {shape}; this model reads [batch, {wanted}]: resize it first")
        return self.shrink(self.begin(pixel_values).movedim(1, -1)).flatten(1, 2)


MERGING: dict[type[spec.Merging], Callable[[Any, int], nn.Module]] = {
    spec.PatchMerging: PatchMerging,
    spec.NormedMerging: NormedMerging,
    spec.ConvMerging: ConvMerging,
}


class Tier(nn.Module):
    """A stack over a map, and what merges its places for the next one."""

    def __init__(self, node: spec.Tier) -> None:
        super().__init__()
        self.stack = Stack(node.stack, node.dim)
        self.merge = None if node.merge is None else MERGING[type(node.merge)](node.merge, node.dim)

    def forward(self, x: Tensor, context: Context) -> Tensor:
        """Run the layers; the context is made anew where the map is."""
        x = self.stack(x, context)
        return x if self.merge is None else self.merge(x, context)


class GlobalTier(Tier):
    """A tier whose map tells the queries of its windows first."""

    def __init__(self, node: spec.GlobalTier) -> None:
        super().__init__(node)
        self.pools = node.pools
        self.queries = nn.ModuleList(SqueezedBlock(node.dim) for _ in range(max(1, node.pools)))

    def forward(self, x: Tensor, context: Context) -> Tensor:
        """Run the layers; the context is made anew where the map is."""
        assert context.grid is not None
        grid = x.unflatten(1, context.grid)
        for index, block in enumerate(self.queries):
            grid = block(grid)
            if index < self.pools:
                grid = F.max_pool2d(grid.movedim(-1, 1), 3, 2, 1).movedim(1, -1)
        context.asked = grid.flatten(1, 2)
        return super().forward(x, context)


TIERS: dict[type[spec.Model], Callable[[Any], nn.Module]] = {spec.Tier: Tier, spec.GlobalTier: GlobalTier}

EMBEDDINGS: dict[type[spec.Embedding], Callable[[Any, int], nn.Module]] = {
    spec.PaddedPatches: PaddedPatches,
    spec.MaskedPaddedPatches: MaskedPaddedPatches,
    spec.ConvPatches: ConvPatches,
}


class Pyramid(Model):
    """Tiers over the map of an image."""

    def __init__(self, node: spec.Pyramid) -> None:
        super().__init__(node)
        self.embed = EMBEDDINGS[type(node.embed)](node.embed, node.dim)
        self.tiers = nn.ModuleList(TIERS[type(tier)](tier) for tier in node.tiers)
        self.spread(node.drop_path)
        self.add_heads()

    def spread(self, drop_path: float) -> None:
        """Let the probability of skipping grow over the layers of all tiers."""
        stacks: list[Any] = [tier.stack for tier in self.tiers]
        layers = sum(len(stack.order) for stack in stacks)
        before = 0
        for stack in stacks:
            stack.drop_path, stack.before = drop_path / max(layers - 1, 1), before
            before += len(stack.order)

    def forward(self, pixel_values: Tensor, bool_masked_pos: Tensor | None = None) -> Output:
        """Run the model on images, ``[B, channels, H, W]``.

        ``bool_masked_pos`` ``[B, patches]`` says which patches are masked, none unless said.
        """
        context = Context(torch.zeros(1, 0), 0, masked_patches=bool_masked_pos)
        x = self.embed(pixel_values, context)
        height, width = (-(-size // self.spec.embed.patch) for size in pixel_values.shape[2:])
        grid: tuple[int, int] | None = (height, width)
        for tier in self.tiers:
            context = Context(torch.arange(x.shape[1], device=x.device)[None], x.shape[1], grid=grid)
            x = tier(x, context)
            grid = context.grid
        return self.answer(x, context)
