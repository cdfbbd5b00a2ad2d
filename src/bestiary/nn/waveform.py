"""Waveforms: samples through filters to the first hidden state, with positions that a convolution tells."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bestiary import spec
from bestiary.errors import BestiaryError
from bestiary.nn.base import OneTower
from bestiary.nn.context import Context, padding
from bestiary.nn.norms import norm
from bestiary.nn.output import Output


class Filter(nn.Module):
    """A convolution at every so-many-th place, a norm, GELU."""

    def __init__(self, node: spec.Filter, width: int) -> None:
        super().__init__()
        self.map = nn.Conv1d(width, node.channels, node.kernel, node.stride, bias=node.bias)
        self.norm = None if node.norm is None else norm(node.norm, node.channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[B, width, T]`` to ``[B, channels, fewer]``."""
        x = self.map(x)
        return F.gelu(x if self.norm is None else self.norm(x.transpose(1, 2)).transpose(1, 2))


class ConvolvedPosition(nn.Module):
    """A convolution in groups whose weights at each place have a length and a direction; GELU."""

    def __init__(self, node: spec.ConvolvedPosition, dim: int) -> None:
        super().__init__()
        self.kernel, self.groups = node.kernel, node.groups
        self.gain = nn.Parameter(torch.empty(1, 1, node.kernel))
        self.direction = nn.Parameter(torch.empty(dim, dim // node.groups, node.kernel))
        self.bias = nn.Parameter(torch.empty(dim))

    def forward(self, x: Tensor) -> Tensor:
        """Return what is added to ``[B, T, dim]``."""
        weight = self.gain * self.direction / self.direction.norm(dim=(0, 1), keepdim=True)
        h = F.conv1d(x.transpose(1, 2), weight, self.bias, padding=self.kernel // 2, groups=self.groups)
        return F.gelu(h[..., : x.shape[1]]).transpose(1, 2)  # an even kernel gives one place more


class Waveform(nn.Module):
    """Filters, a map to the model's width, positions."""

    def __init__(self, node: spec.Waveform, dim: int) -> None:
        super().__init__()
        self.node = node
        widths = (1, *(one.channels for one in node.filters))
        self.filters = nn.ModuleList(map(Filter, node.filters, widths))
        self.filtered_norm = None if node.filtered_norm is None else norm(node.filtered_norm, widths[-1])
        self.map = nn.Linear(widths[-1], dim)
        self.mask = nn.Parameter(torch.empty(dim)) if node.masked else None
        self.position = ConvolvedPosition(node.position, dim)
        self.norm = None if node.norm is None else norm(node.norm, dim)

    def filter(self, input_values: Tensor) -> Tensor:
        """Map ``[B, samples]`` to ``[B, T, channels]``, normed."""
        least = spec.samples_for(self.node.filters, 1)
        if input_values.dim() != 2 or input_values.shape[1] < least:
            raise BestiaryError(
                f"input_values has shape {list(input_values.shape)}; give [batch, samples], at least {least} of them"
            )
        x = input_values[:, None]
        for one in self.filters:
            x = one(x)
        x = x.transpose(1, 2)
        return x if self.filtered_norm is None else self.filtered_norm(x)

    def forward(self, filtered: Tensor, context: Context, masked: Tensor | None) -> Tensor:
        """Map what the filters gave, ``[B, T, channels]``, to ``[B, T, dim]``; ``masked`` is ``[B, T]``."""
        x = F.dropout(self.map(filtered), self.node.filtered_dropout, self.training)
        if masked is not None:
            if self.mask is None:
                raise BestiaryError("mask_time_indices were given to a model that has no vector for what is masked")
            x = torch.where(masked.bool()[..., None], self.mask, x)
        if context.keep is not None:
            x = x.masked_fill(~context.keep[..., None], 0.0)
        x = x + self.position(x)
        return F.dropout(x if self.norm is None else self.norm(x), self.node.dropout, self.training)

    def kept(self, attention_mask: Tensor | None, places: int) -> Tensor | None:
        """Return which places are real, ``[B, T]``: those that the real samples, which come first, fill."""
        if padding(attention_mask) is None:
            return None
        assert attention_mask is not None
        lengths = attention_mask.sum(-1, keepdim=True)
        for one in self.node.filters:
            lengths = (lengths - one.kernel) // one.stride + 1
        return torch.arange(places, device=lengths.device) < lengths


class WaveformTransformer(OneTower):
    """One tower that hears samples."""

    def __init__(self, node: spec.Transformer) -> None:
        assert isinstance(node.embed, spec.Waveform)
        super().__init__(node, Waveform(node.embed, node.dim))

    def forward(
        self, input_values: Tensor, attention_mask: Tensor | None = None, mask_time_indices: Tensor | None = None
    ) -> Output:
        """Run the model on samples, ``[B, samples]``.

        ``attention_mask`` ``[B, samples]`` is ones for real ones, which come first; ``mask_time_indices`` ``[B, T]``
        says which places are masked behind the filters.
        """
        filtered = self.embed.filter(input_values)
        places = filtered.shape[1]
        keep = self.embed.kept(attention_mask, places)
        context = Context(torch.arange(places, device=filtered.device)[None], places, keep)
        context.filtered, context.masked_places = filtered, mask_time_indices
        x = self.embed(filtered, context, mask_time_indices)
        return self.answer(self.stack(x, context), context)
