"""Embeddings of images: square patches mapped linearly, their places in a grid, and those that are masked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bestiary import spec
from bestiary.errors import BestiaryError
from bestiary.nn.context import Context
from bestiary.nn.norms import norm


class Patches(nn.Module):
    """Square patches mapped linearly, behind learned extra tokens."""

    def __init__(self, node: spec.Patches, dim: int) -> None:
        super().__init__()
        self.node, self.dropout = node, node.dropout
        self.patches = nn.Linear(node.channels * node.patch**2, dim)
        self.extra = nn.Parameter(torch.empty(node.extra, dim)) if node.extra else None
        self.add_position(node, dim)

    def add_position(self, node: spec.Patches, dim: int) -> None:
        """Make the positions: a parameter, or a buffer where nobody trains them."""
        side = node.image // node.patch
        if isinstance(node.position, spec.SinusoidalGrid):
            self.position = SinusoidalGrid(side, node.extra, dim)
        else:
            self.position = nn.Parameter(torch.empty(side**2 + node.extra, dim)) if node.position else None

    def forward(self, pixel_values: Tensor, context: Context | None = None) -> Tensor:
        """Map ``[B, channels, image, image]`` to ``[B, extra + patches, dim]``."""
        x, rows = self.cut(pixel_values), self.rows(pixel_values)
        if self.extra is not None:
            x = torch.cat((self.extra.expand(len(x), -1, -1), x), dim=1)
        if rows is not None:
            x = x + rows
        return F.dropout(x, self.dropout, self.training)

    def cut(self, pixel_values: Tensor) -> Tensor:
        """Return the patches' vectors, ``[B, patches, dim]``."""
        return self.patches(cut(self.checked(pixel_values), self.node.patch))

    def checked(self, pixel_values: Tensor) -> Tensor:
        """Refuse images of another size than the model reads."""
        node, stretches = self.node, isinstance(self.node.position, spec.StretchedGrid)
        expected = (node.channels, node.image, node.image)
        fits = pixel_values.dim() == 4 and (
            pixel_values.shape[1:] == expected or (stretches and self.cuts(pixel_values))
        )
        if not fits:
            raise BestiaryError(
                f"pixel_values has shape {list(pixel_values.shape)}; this model reads"
                f" [batch, {node.channels}, {node.image}, {node.image}]: resize the image first"
            )
        return pixel_values

    def cuts(self, pixel_values: Tensor) -> bool:
        """Tell whether an image of another size holds a patch at least."""
        return pixel_values.shape[1] == self.node.channels and min(pixel_values.shape[2:]) >= self.node.patch

    def rows(self, pixel_values: Tensor) -> Tensor | None:
        """Return a position for each vector, ``[extra + patches, dim]``."""
        if not isinstance(self.node.position, spec.StretchedGrid):
            return self.position() if isinstance(self.position, SinusoidalGrid) else self.position
        height, width = (size // self.node.patch for size in pixel_values.shape[2:])
        side, extra = self.node.image // self.node.patch, self.node.extra
        assert isinstance(self.position, Tensor)
        if height == width == side:
            return self.position
        grid = self.position[extra:].unflatten(0, (side, side)).permute(2, 0, 1)[None]
        exact = grid.to(
            torch.promote_types(grid.dtype, torch.float32)
        )  # half precision is too coarse to interpolate in
        stretched = F.interpolate(exact, size=(height, width), mode="bicubic", align_corners=False)
        return torch.cat((self.position[:extra], stretched[0].flatten(1).T.to(grid.dtype)))


class MaskedPatches(Patches):
    """Patches, and the learned vector that stands in place of masked ones."""

    def __init__(self, node: spec.MaskedPatches, dim: int) -> None:
        super().__init__(node, dim)
        self.mask = nn.Parameter(torch.empty(dim))
        self.masked: Tensor | None = None

    def forward(self, pixel_values: Tensor, context: Context | None = None) -> Tensor:
        """Map ``[B, channels, image, image]`` to ``[B, extra + patches, dim]``; the context says what is masked."""
        self.masked = None if context is None else context.masked_patches
        return super().forward(pixel_values)

    def cut(self, pixel_values: Tensor) -> Tensor:
        """Return the patches' vectors, or the learned one, ``[B, patches, dim]``."""
        x = super().cut(pixel_values)
        return x if self.masked is None else torch.where(self.masked.bool()[..., None], self.mask, x)


class VisiblePatches(Patches):
    """Patches in random order, of which some are not read; the context remembers which, and how they were shuffled."""

    def forward(self, pixel_values: Tensor, context: Context | None = None) -> Tensor:
        """Map ``[B, channels, image, image]`` to ``[B, extra + visible, dim]``."""
        assert context is not None
        x, rows, extra = self.cut(pixel_values), self.rows(pixel_values), self.node.extra
        batch, count = x.shape[:2]
        x = x if rows is None else x + rows[extra:]
        noise = torch.rand(batch, count, device=x.device) if context.noise is None else context.noise
        order = noise.argsort(1)
        seen = order[:, : spec.places(self.node) - extra]
        context.restore = order.argsort(1)
        x = x.gather(1, seen[..., None].expand(-1, -1, x.shape[-1]))
        if self.extra is not None:
            first = self.extra if rows is None else self.extra + rows[:extra]
            x = torch.cat((first.expand(batch, -1, -1), x), dim=1)
        return F.dropout(x, self.dropout, self.training)


class SinusoidalGrid(nn.Module):
    """Sines and cosines of a patch's column, then of its row, in a table that files hold; nobody trains it."""

    def __init__(self, side: int, extra: int, dim: int) -> None:
        super().__init__()
        self.side, self.extra, self.dim = side, extra, dim
        self.weight: Tensor
        self.register_buffer("weight", torch.empty(side**2 + extra, dim))

    def forward(self) -> Tensor:
        """Return ``[extra + patches, dim]``."""
        return self.weight

    def constants(self) -> dict[str, Tensor]:
        """Return what the buffer holds where no file says otherwise: float64 sines, rounded to float32."""
        quarter = self.dim // 4
        exponents = torch.arange(quarter, dtype=torch.float64) / quarter
        angles = torch.arange(self.side, dtype=torch.float64)[:, None] / 10000.0**exponents
        waves = torch.cat((angles.sin(), angles.cos()), dim=1)
        rows, columns = waves.repeat_interleave(self.side, 0), waves.repeat(self.side, 1)
        table = torch.zeros(self.side**2 + self.extra, self.dim)
        table[self.extra :, : 4 * quarter] = torch.cat((columns, rows), dim=1).float()
        return {"weight": table}


def cut(pixel_values: Tensor, patch: int) -> Tensor:
    """Cut images, ``[B, C, H, W]``, into patches by rows, ``[B, patches, C * patch * patch]``.

    Pixels at the right and below that fill no patch are not read, as by a convolution without padding.
    """
    height, width = (size // patch for size in pixel_values.shape[2:])
    pieces = (
        pixel_values[..., : height * patch, : width * patch].unflatten(3, (width, patch)).unflatten(2, (height, patch))
    )
    return pieces.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)


class NormedPatches(Patches):
    """Patches mapped without a bias, a norm behind all."""

    def __init__(self, node: spec.NormedPatches, dim: int) -> None:
        super().__init__(node, dim)
        self.patches = nn.Linear(node.channels * node.patch**2, dim, bias=False)
        self.norm = norm(node.norm, dim)

    def forward(self, pixel_values: Tensor, context: Context | None = None) -> Tensor:
        """Map ``[B, channels, image, image]`` to ``[B, extra + patches, dim]``."""
        return self.norm(super().forward(pixel_values, context))


def uncut(x: Tensor, patch: int, channels: int) -> Tensor:
    """Lay patches, ``[B, patches, patch * patch * channels]``, out by rows as a square map, ``[B, channels, H, W]``."""
    side = int(x.shape[1] ** 0.5)
    pieces = x.unflatten(2, (patch, patch, channels)).unflatten(1, (side, side))
    return pieces.permute(0, 5, 1, 3, 2, 4).flatten(4).flatten(2, 3)


PATCHES: dict[type[spec.Embedding], Callable[[Any, int], Patches]] = {
    spec.Patches: Patches,
    spec.NormedPatches: NormedPatches,
    spec.MaskedPatches: MaskedPatches,
    spec.VisiblePatches: VisiblePatches,
}
