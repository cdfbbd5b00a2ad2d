"""Positions that are added to the embedding: learned, and sines and cosines."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bestiary import spec
from bestiary.errors import BestiaryError
from bestiary.nn.context import Context


class Learned(nn.Module):
    """A learned vector for each position, behind rows that are never used."""

    def __init__(self, node: spec.Learned | spec.LearnedByMask, width: int) -> None:
        super().__init__()
        self.node = node
        self.weight = nn.Parameter(torch.empty(node.length + node.offset, width))

    def forward(self, context: Context) -> Tensor:
        """Return ``[1 or B, T, width]``."""
        _fits(context.keys, self.node.length)
        return F.embedding(context.positions + self.node.offset, self.weight)


class LearnedAfterPadding(nn.Module):
    """A learned vector for each real token's position; padding reads its own row."""

    def __init__(self, node: spec.LearnedAfterPadding, width: int) -> None:
        super().__init__()
        self.node = node
        self.weight = nn.Parameter(torch.empty(node.length + node.pad + 1, width))

    def forward(self, context: Context) -> Tensor:
        """Return ``[B, T, width]``."""
        _fits(context.keys, self.node.length)
        return F.embedding(_after_padding(context, self.node.pad), self.weight)


class LearnedByMask(Learned):
    """A learned vector for each position among the tokens that the mask keeps; padding reads the row before them."""

    def forward(self, context: Context) -> Tensor:
        """Return ``[1 or B, T, width]``."""
        if context.keep is None:
            return super().forward(context)
        _fits(context.keys, self.node.length)
        keep = context.keep.long()
        places = (keep.cumsum(-1) * keep - 1)[:, context.past :]
        return F.embedding(places + self.node.offset, self.weight)


class LearnedBlocks(nn.Module):
    """A learned vector for each place in the text beside one for each place within a block."""

    def __init__(self, node: spec.LearnedBlocks, width: int) -> None:
        super().__init__()
        self.length = node.length
        self.place = nn.Parameter(torch.empty(node.length + 1, width))
        self.block = nn.Parameter(torch.empty(node.length + 1, width))

    def forward(self, context: Context) -> Tensor:
        """Return ``[1 or B, T, width]``; positions that are no pairs are those of text outside of blocks."""
        if context.positions.dim() == 2:
            _fits(context.keys, self.length)
            return F.embedding(context.positions, self.place) + self.block[0]
        place, block = context.positions.unbind(1)
        return F.embedding(place, self.place) + F.embedding(block, self.block)


class CaptionedGrid(nn.Module):
    """A learned vector for each place of a text, then one for each row and each column of a grid."""

    def __init__(self, node: spec.CaptionedGrid, width: int) -> None:
        super().__init__()
        self.node = node
        self.text = nn.Parameter(torch.empty(node.text, width))
        self.rows, self.columns = (nn.Parameter(torch.empty(node.side, width)) for _ in range(2))

    def forward(self, context: Context) -> Tensor:
        """Return ``[1 or B, T, width]``."""
        _fits(context.keys, self.node.length)
        side, place = self.node.side, context.positions - self.node.text
        row, column = place.clamp(min=0) // side, place.clamp(min=0) % side
        text = F.embedding(context.positions.clamp(max=self.node.text - 1), self.text)
        grid = F.embedding(row, self.rows) + F.embedding(column, self.columns)
        return torch.where((place < 0)[..., None], text, grid)


class Sinusoidal(nn.Module):
    """Sines on even coordinates and cosines on odd ones (Vaswani et al. 2017, section 3.5)."""

    def __init__(self, node: spec.Sinusoidal, width: int) -> None:
        super().__init__()
        self.base, self.width = node.base, width

    def forward(self, context: Context) -> Tensor:
        """Return ``[1 or B, T, width]`` in float64, which the sum rounds to its own dtype."""
        frequencies = _wavelengths(self.base, self.width, context.positions.device)
        angles = context.positions[..., None].double() * frequencies
        return torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(-2)[..., : self.width]


class SinusoidalTable(nn.Module):
    """The same wavelengths, sines before cosines, in a table that files may hold: a buffer, which nobody trains."""

    def __init__(self, node: spec.SinusoidalTable | spec.SinusoidalRange, width: int) -> None:
        super().__init__()
        self.length, self.width = node.length, width
        self.weight: Tensor
        self.register_buffer("weight", torch.empty(node.length, width))

    def forward(self, context: Context) -> Tensor:
        """Return ``[1 or B, T, width]``."""
        _fits(context.keys, self.length)
        return F.embedding(context.positions, self.weight)

    def constants(self) -> dict[str, Tensor]:
        """Return what the buffer holds where no file says otherwise: float64 sines, rounded to float32."""
        exponents = torch.arange(0, self.width, 2, dtype=torch.float64) / self.width
        angles = torch.arange(self.length, dtype=torch.float64)[:, None] / 10000.0**exponents
        return {"weight": torch.cat((angles.sin(), angles.cos()[:, : self.width // 2]), dim=-1).float()}


class SinusoidalRange(SinusoidalTable):
    """The same with wavelengths whose last is one of them, as published in float32."""

    def constants(self) -> dict[str, Tensor]:
        """Return what the buffer holds where no file says otherwise."""
        half = self.width // 2
        rates = torch.exp(torch.arange(half) * -(math.log(10000) / (half - 1)))
        angles = torch.arange(self.length)[:, None] * rates
        return {"weight": torch.cat((angles.sin(), angles.cos()), dim=-1)}


class SinusoidalAfterPadding(nn.Module):
    """Sines before cosines for each real token's position, counted from the row after padding's; zeros for padding."""

    def __init__(self, node: spec.SinusoidalAfterPadding, width: int) -> None:
        super().__init__()
        self.pad, self.width = node.pad, width

    def forward(self, context: Context) -> Tensor:
        """Return ``[1 or B, T, width]`` in float32, rounded where the published code rounds."""
        rows = _after_padding(context, self.pad)
        half = self.width // 2
        fall = torch.arange(half, device=rows.device).float() * -(math.log(10000) / (half - 1))
        angles = rows[..., None].float() * fall.exp()
        waves = F.pad(torch.cat((angles.sin(), angles.cos()), dim=-1), (0, self.width % 2))
        return waves.masked_fill((rows == self.pad)[..., None], 0.0)


class SinusoidalHalves(nn.Module):
    """Sines in the first half, cosines in the second; angles are float32 as published, whatever the dtype."""

    def __init__(self, node: spec.SinusoidalHalves, width: int) -> None:
        super().__init__()
        self.length, self.width = node.length, width

    def forward(self, context: Context) -> Tensor:
        """Return ``[1 or B, T, width]``."""
        _fits(context.keys, self.length)
        coordinates = torch.arange(self.width, device=context.positions.device).float()
        rates = 1 / 10000 ** (2 * (coordinates // 2) / self.width)
        angles = context.positions[..., None].float() * rates
        return torch.cat((angles[..., 0::2].sin(), angles[..., 1::2].cos()), dim=-1)


class IdleTables(nn.Module):
    """The first row of a table of positions, beside a table of tokens that nothing reads."""

    def __init__(self, node: spec.IdleTables, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(node.length, width))
        self.tokens = nn.Parameter(torch.empty(node.vocab, width))

    def forward(self, context: Context) -> Tensor:
        """Return ``[1 or B, T, width]``, the same for every place."""
        return F.embedding(torch.zeros_like(context.positions), self.weight)


POSITIONS: dict[type[spec.EmbeddingPosition], Callable[[Any, int], nn.Module]] = {
    spec.Learned: Learned,
    spec.LearnedAfterPadding: LearnedAfterPadding,
    spec.LearnedBlocks: LearnedBlocks,
    spec.LearnedByMask: LearnedByMask,
    spec.CaptionedGrid: CaptionedGrid,
    spec.Sinusoidal: Sinusoidal,
    spec.SinusoidalTable: SinusoidalTable,
    spec.SinusoidalRange: SinusoidalRange,
    spec.SinusoidalHalves: SinusoidalHalves,
    spec.SinusoidalAfterPadding: SinusoidalAfterPadding,
    spec.IdleTables: IdleTables,
}


@lru_cache(maxsize=16)
def _wavelengths(base: float, width: int, device: torch.device) -> Tensor:
    return base ** (-torch.arange(0, width, 2, dtype=torch.float64, device=device) / width)


def _after_padding(context: Context, pad: int) -> Tensor:
    """Return rows that count real tokens from ``pad + 1``, and ``pad`` for padding, ``[1 or B, T]``."""
    if context.input_ids is None:
        return context.positions + pad + 1
    real = (context.input_ids != pad).long()
    return (real.cumsum(-1) + context.past) * real + pad


def _fits(keys: int, length: int) -> None:
    if keys > length:
        raise BestiaryError(f"the input has {keys} tokens, more than the {length} positions of this model: shorten it")
